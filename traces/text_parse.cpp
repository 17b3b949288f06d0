// Whole texts: lines, errors, and what stands before a record's keys.
#include <fmt/format.h>

#include <algorithm>

#include "traces/text.h"
#include "traces/text_header.h"
#include "traces/text_items.h"
#include "traces/text_lexer.h"
#include "traces/text_record_parser.h"
#include "traces/text_values.h"

namespace reperf::log {
namespace {

class TextParser {
 public:
  explicit TextParser(Text& out) : out_(out), arena_(out.storage) {}

  Fault parse_line(std::string_view line, std::uint32_t number) {
    Lexer lexer(line, 1, arena_);
    std::uint32_t column = 0;
    const std::string_view first = lexer.word(column);
    if (first.empty()) return {};
    const bool is_time = (first[0] >= '0' && first[0] <= '9') || first[0] == '+';
    return is_time ? parse_record(lexer, first, column, number)
                   : parse_header(lexer, first, column);
  }

 private:
  Fault parse_header(Lexer lexer, std::string_view word, std::uint32_t column) {
    if (!HeaderParser::is_header_line(word)) {
      return {column, fmt::format("'{}' begins neither a record (TIME [CPU] TID NAME ...) nor a "
                                  "header line (log, machine, pmu, sysctl)",
                                  word)};
    }
    if (!out_.records.empty()) {
      return {column, fmt::format("'{}' line after the first record", word)};
    }
    Items items(word, column);
    if (Fault fault = items.read(lexer)) return fault;
    return header_.parse(word, items, out_.header);
  }

  Fault parse_record(Lexer& lexer, std::string_view time, std::uint32_t time_column,
                     std::uint32_t number) {
    Record record;
    if (Fault fault = parse_when(time, time_column, record.time)) return fault;
    // A line with a fault counts for what "+..." means, else every later line would be wrong too.
    last_time_ = record.time;
    std::uint32_t column = 0;
    const std::string_view cpu = lexer.word(column);
    if (Fault fault = parse_cpu(cpu, column, record.cpu)) return fault;
    const std::string_view tid = lexer.word(column);
    if (tid.empty()) return {column, "a thread id is missing after the CPU"};
    if (const std::string what = parse_number(tid, record.tid); !what.empty()) {
      return {column, fmt::format("thread id '{}' {}", tid, what)};
    }
    const std::string_view name = lexer.word(column);
    if (name.empty()) return {column, "the name of the record is missing after the thread id"};
    const Name* kind = find_name(kKindNames, name);
    if (kind == nullptr) {
      return {column, fmt::format("unknown record '{}'{}", name, suggestion(kKindNames, name))};
    }
    Items items(name, column);
    if (Fault fault = items.read(lexer)) return fault;
    if (Fault fault =
            parse_payload(static_cast<Kind>(kind->value), items, arena_, record.payload)) {
      return fault;
    }
    out_.records.push_back(record);
    out_.lines.push_back(number);
    return {};
  }

  Fault parse_when(std::string_view text, std::uint32_t column, Ns& out) const {
    const bool relative = text[0] == '+';
    std::string what = parse_time(text.substr(relative ? 1 : 0), out);
    if (what.empty() && relative) {
      if (out > ~last_time_) what = "is out of range";
      out += last_time_;
    }
    if (what.empty()) return {};
    return {column, fmt::format("time '{}' {}", text, what)};
  }

  static Fault parse_cpu(std::string_view text, std::uint32_t column, std::uint16_t& out) {
    if (text.size() < 3 || text.front() != '[' || text.back() != ']') {
      return {column, "a CPU in brackets, [0] or [-], is missing after the time"};
    }
    text = text.substr(1, text.size() - 2);
    out = kNoCpu;
    if (text == "-" || text == "---") return {};
    const std::string what = parse_number(text, out);
    if (what.empty()) return {};
    return {column + 1, fmt::format("CPU '{}' {}", text, what)};
  }

  Text& out_;
  Arena arena_;
  HeaderParser header_;
  Ns last_time_ = 0;
};

}  // namespace

bool parse_text(std::string_view text, const std::string& name, Text& out,
                std::vector<Error>& errors) {
  const std::size_t errors_before = errors.size();
  TextParser parser(out);
  std::uint32_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (Fault fault = parser.parse_line(line, number)) {
      errors.push_back({ErrorKind::input, std::move(fault.what), name, number, fault.column});
    }
  }
  return errors.size() == errors_before;
}

}  // namespace reperf::log
