#include "replayer/schedule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "core/points.h"
#include "core/world.h"
#include "traces/text_names.h"

namespace reperf::replay {

namespace {

using Verb = ScheduleEntry::Verb;

// What stands behind the verb.
enum class Shape : std::uint8_t { who_at_point, who, cpu, work };

struct VerbText {
  Verb verb;
  std::string_view text;
  Shape shape;
};

constexpr std::array kVerbs = {
    VerbText{Verb::hold, "hold", Shape::who_at_point},
    VerbText{Verb::resume, "resume", Shape::who},
    VerbText{Verb::queue, "queue", Shape::cpu},
    VerbText{Verb::deliver, "deliver", Shape::cpu},
    VerbText{Verb::deliver_one, "deliver", Shape::cpu},  // and "one" behind
    VerbText{Verb::defer, "defer", Shape::work},
    VerbText{Verb::run_work, "run_work", Shape::work},
    VerbText{Verb::next, "next", Shape::who_at_point},
};

const VerbText& text_of(Verb verb) {
  return *std::find_if(kVerbs.begin(), kVerbs.end(),
                       [verb](const VerbText& v) { return v.verb == verb; });
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The first word of `text`, which keeps the rest.
std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool parse_when(std::string_view text, When& when) {
  const std::size_t plus = text.find('+');
  if (!parse_number(text.substr(0, plus), when.time)) return false;
  return plus == std::string_view::npos || parse_number(text.substr(plus + 1), when.after);
}

bool parse_who(std::string_view text, Who& who) {
  if (text == "work") {
    who = {Who::Kind::work, 0};
    return true;
  }
  if (text.starts_with("cpu")) {
    who.kind = Who::Kind::cpu;
    text.remove_prefix(3);
  }
  return parse_number(text, who.number);
}

// WHO@NAME#N
std::string parse_place(std::string_view text, ScheduleEntry& entry) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || !parse_who(text.substr(0, at), entry.who)) {
    return fmt::format("'{}' is not THREAD@POINT or cpuN@POINT", text);
  }
  text.remove_prefix(at + 1);
  const std::size_t mark = text.rfind('#');
  entry.name = std::string{text.substr(0, mark)};
  if (mark != std::string_view::npos && !parse_number(text.substr(mark + 1), entry.nth)) {
    return fmt::format("'{}' is not a number", text.substr(mark + 1));
  }
  if (entry.verb == Verb::next) return {};
  if (entry.who.kind == Who::Kind::work) return "work cannot be held";
  return unknown_point(entry.name);
}

std::string parse_what(std::string_view text, Shape shape, ScheduleEntry& entry) {
  switch (shape) {
    case Shape::who_at_point:
      return parse_place(text, entry);
    case Shape::who:
      if (parse_who(text, entry.who) && entry.who.kind != Who::Kind::work) return {};
      return fmt::format("'{}' is not a thread or cpuN", text);
    case Shape::cpu: {
      const std::string_view cpu = take_word(text);
      if (!parse_who(cpu, entry.who) || entry.who.kind != Who::Kind::cpu) {
        return fmt::format("'{}' is not cpuN", cpu);
      }
      if (text == "one" && entry.verb == Verb::deliver) {
        entry.verb = Verb::deliver_one;
      } else if (!text.empty()) {
        return fmt::format("'{}' is too much", text);
      }
      return {};
    }
    case Shape::work:
      entry.who = {Who::Kind::work, 0};
      entry.name = std::string{text};
      return unknown_work(text);
  }
  return {};
}

std::string parse_entry(std::string_view text, ScheduleEntry& entry) {
  if (text.ends_with('?')) {
    entry.idle = true;
    text = trim(text.substr(0, text.size() - 1));
  }
  const std::string_view when = take_word(text);
  if (!parse_when(when, entry.when)) return fmt::format("'{}' is not TIME or TIME+RECORDS", when);
  const std::string_view verb = take_word(text);
  const auto known = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [verb](const VerbText& v) { return v.text == verb; });
  if (known == kVerbs.end()) return fmt::format("'{}' is no directive", verb);
  entry.verb = known->verb;
  return parse_what(text, known->shape, entry);
}

std::string suggest(const std::vector<log::Name>& names, std::string_view wrong) {
  std::string out = log::suggestion(names, wrong);
  // The list of all of them is too long for one line: docs/scenarios.md has it.
  return out.starts_with("; known") ? "" : out;
}

}  // namespace

std::string unknown_point(std::string_view name) {
  if (core::is_scheduling_point(name)) return {};
  std::vector<log::Name> names;
  for (const core::SchedulingPoint& point : core::scheduling_points()) {
    names.push_back({point.name, 0});
  }
  return fmt::format("no scheduling point is called '{}'{}", name, suggest(names, name));
}

std::string unknown_work(std::string_view name) {
  std::vector<log::Name> names;
  for (const std::string_view known : core::kWorkNames) {
    if (known == name) return {};
    names.push_back({known, 0});
  }
  return fmt::format("no deferred work is called '{}'{}", name, log::suggestion(names, name));
}

std::string format_who(Who who) {
  switch (who.kind) {
    case Who::Kind::thread:
      return fmt::format("{}", who.number);
    case Who::Kind::cpu:
      return fmt::format("cpu{}", who.number);
    case Who::Kind::work:
      return "work";
  }
  return {};
}

std::string format_entry(const ScheduleEntry& entry) {
  std::string out = fmt::format("{}", entry.when.time);
  if (entry.when.after != 0) out += fmt::format("+{}", entry.when.after);
  const VerbText& verb = text_of(entry.verb);
  out += fmt::format(" {} ", verb.text);
  out += verb.shape == Shape::work ? entry.name : format_who(entry.who);
  if (verb.shape == Shape::who_at_point) out += "@" + entry.name;
  if (entry.nth != 0) out += fmt::format("#{}", entry.nth);
  if (entry.verb == Verb::deliver_one) out += " one";
  if (entry.idle) out += '?';
  return out;
}

std::string format_schedule(const Schedule& schedule) {
  std::string out;
  for (const ScheduleEntry& entry : schedule) {
    if (!out.empty()) out += "; ";
    out += format_entry(entry);
  }
  return out;
}

Result<Schedule> parse_schedule(std::string_view text) {
  Schedule schedule;
  while (!text.empty()) {
    const std::size_t line_end = std::min(text.find('\n'), text.size());
    std::string_view line = trim(text.substr(0, line_end));
    text.remove_prefix(std::min(line_end + 1, text.size()));
    if (line.starts_with('#')) continue;
    if (line.starts_with("schedule ")) line = trim(line.substr(9));
    while (!line.empty()) {
      const std::size_t end = std::min(line.find(';'), line.size());
      const std::string_view part = trim(line.substr(0, end));
      line.remove_prefix(std::min(end + 1, line.size()));
      if (part.empty()) continue;
      ScheduleEntry entry;
      std::string problem = parse_entry(part, entry);
      if (problem.empty() && !schedule.empty() && entry.when < schedule.back().when) {
        problem = "is earlier than the entry before it";
      }
      if (!problem.empty()) {
        return Error{ErrorKind::input, fmt::format("schedule entry '{}': {}", part, problem), "", 0,
                     0};
      }
      schedule.push_back(std::move(entry));
    }
  }
  return schedule;
}

}  // namespace reperf::replay
