// The text side of golden tests; see golden_file.h.
#include "tools/golden_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace reperf::tools {
namespace {

constexpr std::string_view kRun = "# RUN:";
constexpr std::string_view kPinned = "%pinned";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

Error at_line(const GoldenFile& file, std::uint32_t line, std::string what) {
  return Error{ErrorKind::input, std::move(what), file.name, line, 1};
}

// Upper case as FileCheck users write it; names with a meaning of their own are taken.
bool usable_prefix(std::string_view prefix) {
  constexpr std::array<std::string_view, 5> kTaken = {"RUN", "COM", "RULES", "REQUIRES",
                                                      "UNSUPPORTED"};
  if (prefix.empty() || std::find(kTaken.begin(), kTaken.end(), prefix) != kTaken.end()) {
    return false;
  }
  const bool starts_with_letter = prefix[0] >= 'A' && prefix[0] <= 'Z';
  return starts_with_letter && std::all_of(prefix.begin(), prefix.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

bool in_block_of(std::string_view line, std::string_view prefix) {
  if (!line.starts_with("# ")) return false;
  line.remove_prefix(2);
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  return line.starts_with(':') || line.starts_with("-NEXT:") || line.starts_with("-EMPTY:");
}

// Would FileCheck read a directive of this prefix in the middle of the line?
bool looks_like_directive(std::string_view line, std::string_view prefix) {
  for (std::size_t at = line.find(prefix); at != std::string_view::npos;
       at = line.find(prefix, at + 1)) {
    const std::size_t after = at + prefix.size();
    if (after < line.size() && (line[after] == ':' || line[after] == '-')) return true;
  }
  return false;
}

}  // namespace

GoldenFile parse_golden(std::string name, std::string_view text) {
  GoldenFile file;
  file.name = std::move(name);
  file.lines = split_lines(text);
  if (!file.lines.empty()) {
    if (file.lines[0] == "# pinned") file.marker = Marker::pinned;
    if (file.lines[0] == "# intent") file.marker = Marker::intent;
  }
  return file;
}

std::string golden_text(const GoldenFile& file) {
  std::string text;
  for (const std::string& line : file.lines) {
    text += line;
    text += '\n';
  }
  return text;
}

Result<std::vector<RunLine>> run_lines(const GoldenFile& file) {
  std::vector<RunLine> runs;
  std::string whole;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    if (!file.lines[i].starts_with(kRun)) continue;
    RunLine run;
    run.line = static_cast<std::uint32_t>(i + 1);
    whole = trim(std::string_view(file.lines[i]).substr(kRun.size()));
    while (whole.ends_with('\\') && i + 1 < file.lines.size() &&
           file.lines[i + 1].starts_with(kRun)) {
      whole.pop_back();
      whole += trim(std::string_view(file.lines[++i]).substr(kRun.size()));
    }
    const std::size_t pinned = whole.find(kPinned);
    if (pinned == std::string::npos) {
      if (whole.find("%FileCheck") != std::string::npos ||
          whole.find("%check_pinned") != std::string::npos) {
        continue;
      }
      run.command = whole;
      runs.push_back(std::move(run));
      continue;
    }
    run.prefix = trim(std::string_view(whole).substr(pinned + kPinned.size()));
    std::string_view command = trim(std::string_view(whole).substr(0, pinned));
    if (!command.ends_with('|')) {
      return at_line(file, run.line, "expected 'COMMAND | %pinned PREFIX'");
    }
    if (!usable_prefix(run.prefix)) {
      return at_line(file, run.line,
                     fmt::format("'{}' is no prefix: expected capital letters, digits and '_' "
                                 "after %pinned, and not RUN, COM, RULES, REQUIRES, UNSUPPORTED",
                                 run.prefix));
    }
    command.remove_suffix(1);
    run.command = trim(command);
    runs.push_back(std::move(run));
  }
  return runs;
}

Result<std::string> substitute(std::string_view command, const Substitutions& substitutions) {
  std::string out;
  while (!command.empty()) {
    if (command[0] != '%') {
      out += command[0];
      command.remove_prefix(1);
      continue;
    }
    if (command.starts_with("%%")) {
      out += '%';
      command.remove_prefix(2);
      continue;
    }
    const std::pair<std::string, std::string>* best = nullptr;
    for (const auto& entry : substitutions) {
      if (command.starts_with(entry.first) &&
          (best == nullptr || entry.first.size() > best->first.size())) {
        best = &entry;
      }
    }
    if (best == nullptr) {
      const std::string_view word = command.substr(0, command.find_first_of(" \t|;&)"));
      return Error{ErrorKind::input, fmt::format("unknown substitution '{}'", word), {}, 0, 0};
    }
    out += best->second;
    command.remove_prefix(best->first.size());
  }
  return out;
}

std::string escape_check(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const std::size_t length = std::min(line.find_first_not_of("[{"), line.size());
    const std::string_view run = line.substr(0, length);
    if (run.find("[[") == std::string_view::npos && run.find("{{") == std::string_view::npos) {
      out += line.substr(0, std::max<std::size_t>(length, 1));
      line.remove_prefix(std::max<std::size_t>(length, 1));
      continue;
    }
    out += "{{";
    for (const char c : run) out += c == '[' ? "\\[" : "[{]";
    out += "}}";
    line.remove_prefix(length);
  }
  return out;
}

Result<std::vector<std::string>> check_block(const std::string& prefix,
                                             std::string_view transcript) {
  const auto refuse = [](std::string what) {
    return Error{ErrorKind::input, std::move(what), {}, 0, 0};
  };
  const std::vector<std::string> lines = split_lines(transcript);
  // FileCheck has no way to say "the first line is empty", and an empty transcript proves nothing.
  if (lines.empty()) return refuse("the transcript is empty");
  if (lines[0].empty()) return refuse("the transcript begins with an empty line");
  if (!transcript.ends_with('\n')) return refuse("the transcript does not end with a newline");
  std::vector<std::string> block;
  block.reserve(lines.size());
  for (const std::string& line : lines) {
    if (looks_like_directive(line, prefix)) {
      return refuse(
          fmt::format("transcript line {} contains '{}:', which FileCheck would take "
                      "for a directive: choose another prefix",
                      block.size() + 1, prefix));
    }
    if (line.empty()) {
      block.push_back(fmt::format("# {}-EMPTY:", prefix));
    } else {
      block.push_back(
          fmt::format("# {}{}: {}", prefix, block.empty() ? "" : "-NEXT", escape_check(line)));
    }
  }
  return block;
}

Replaced replace_block(GoldenFile& file, const std::string& prefix,
                       const std::vector<std::string>& block) {
  Replaced replaced;
  std::vector<std::string> rest;
  std::vector<std::string> old;
  std::size_t place = 0;
  for (std::string& line : file.lines) {
    if (in_block_of(line, prefix)) {
      if (old.empty()) place = rest.size();
      old.push_back(std::move(line));
    } else {
      rest.push_back(std::move(line));
    }
  }
  if (old.empty()) {
    if (!rest.empty() && !rest.back().empty()) rest.emplace_back();
    place = rest.size();
  }
  replaced.lines_before = old.size();
  replaced.changed = old != block;
  rest.insert(rest.begin() + static_cast<std::ptrdiff_t>(place), block.begin(), block.end());
  file.lines = std::move(rest);
  return replaced;
}

}  // namespace reperf::tools
