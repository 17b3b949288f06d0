// The text form of a log (.rptxt); docs/log-text.md has the grammar.
//
// One record a line, symbolic names, comments from '#' to the end of the line. Canonical text
// (what format_* prints) and records convert into each other without loss; comments and layout
// are not part of a log.
#pragma once

#include <cstdint>
#include <memory>

#include <string>
#include <string_view>
#include <vector>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

// The header as lines of text, the final newline included.
[[nodiscard]] std::string format_header(const Header& header);

// Appends one line, newline included, to `out`. No allocation beyond out's growth.
void format_record(std::string& out, const Record& record);

// A parsed text. Records' views point into `storage`.
struct Text {
  Header header;
  std::vector<Record> records;
  std::vector<std::uint32_t> lines;  // 1-based line of each record
  std::vector<std::unique_ptr<char[]>> storage;
};

// Parses a whole text. `name` is for messages. All errors of the text are returned at once.
[[nodiscard]] bool parse_text(std::string_view text, const std::string& name, Text& out,
                              std::vector<Error>& errors);

// "context-switches" <-> 3 and friends, shared by dis, transcripts and info.
// Prints an attr as it stands in the text form: {type=software config=context-switches ...}.
void format_attr(std::string& out, Bytes attr);
void format_errno(std::string& out, std::int64_t ret);  // -22 -> "-EINVAL", 3 -> "3"

}  // namespace reperf::log
