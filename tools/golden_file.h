// A golden test as a text file, for `reperf golden update`: reading its RUN lines, writing its
// blocks of CHECK lines. No processes and no files here; tools/golden.cpp has those.
//
// A pinned test:
//
//   # pinned
//   # ... the story ...
//   # RULES: SCH-10
//   # RUN: %reperf replay %s | %pinned BASE
//        1000 [000]     100 sched_switch next=0 state=S
//   # BASE: first line of the transcript
//   # BASE-NEXT: second line
//   # BASE-EMPTY:
//
// The part of a RUN line before "| %pinned PREFIX" prints the transcript that the block of PREFIX
// holds, so that a test contains the recipe by which it is rewritten. RUN lines without %pinned
// prepare (they run too), those with %FileCheck or %check_pinned only judge (they do not).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/result.h"

namespace reperf::tools {

enum class Marker : std::uint8_t {
  none,    // no first line "# pinned" or "# intent": not ours to touch
  pinned,  // holds whole transcripts, rewritten by a command
  intent,  // written by hand, never rewritten
};

struct RunLine {
  std::uint32_t line = 0;  // 1-based, of its first line when it is continued by '\'
  std::string command;     // what prints the transcript, or what prepares
  std::string prefix;      // of the block to write; empty: a preparation
};

struct GoldenFile {
  std::string name;  // for messages
  Marker marker = Marker::none;
  std::vector<std::string> lines;  // without their newlines
};

[[nodiscard]] GoldenFile parse_golden(std::string name, std::string_view text);
[[nodiscard]] std::string golden_text(const GoldenFile& file);

// The RUN lines that take part in rewriting, in order.
[[nodiscard]] Result<std::vector<RunLine>> run_lines(const GoldenFile& file);

// Replaces %name by its value, the longest matching name first, "%%" by "%". A name that is not
// in the list is an error: what is not known cannot be run.
using Substitutions = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Result<std::string> substitute(std::string_view command,
                                             const Substitutions& substitutions);

// A line of a transcript as FileCheck takes it literally: "[[" opens a variable and "{{" a regular
// expression, so runs of brackets that contain one of these are written as an expression.
[[nodiscard]] std::string escape_check(std::string_view line);

// The CHECK lines that pin `transcript`.
[[nodiscard]] Result<std::vector<std::string>> check_block(const std::string& prefix,
                                                           std::string_view transcript);

// Puts `block` where the first line of the prefix's block stood, or at the end of the file.
struct Replaced {
  std::size_t lines_before = 0;
  bool changed = false;
};
Replaced replace_block(GoldenFile& file, const std::string& prefix,
                       const std::vector<std::string>& block);

}  // namespace reperf::tools
