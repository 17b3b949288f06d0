// A comparison of two runs, for people and for programs.
#include <iterator>

#include <fmt/format.h>

#include "replayer/diff.h"
#include "replayer/json.h"

namespace reperf::replay {

namespace {

struct Names {
  std::string_view from;
  std::string_view to;
};

Names names_of(const DiffReport& report) {
  return {report.version[0]->name, report.version[1]->name};
}

// "enabled is 8500 ns at base, 9000 ns at task-ctx-sched", when they differ.
void add_number(std::vector<std::string>& out, std::string_view when, std::string_view what,
                std::string_view unit, std::uint64_t a, std::uint64_t b, const Names& names) {
  if (a == b) return;
  out.push_back(fmt::format("{}{} is {}{} at {}, {}{} at {}", when, what, a, unit, names.from, b,
                            unit, names.to));
}

void add_values(std::vector<std::string>& out, const std::string& when, const EventValues& a,
                const EventValues& b, bool both_times, const Names& names) {
  const auto gap_a = static_cast<std::int64_t>(a.enabled - a.running);
  const auto gap_b = static_cast<std::int64_t>(b.enabled - b.running);
  if (both_times && gap_a != gap_b) {
    const std::int64_t hole = gap_a > gap_b ? gap_a - gap_b : gap_b - gap_a;
    out.push_back(
        fmt::format("{}enabled - running is {} ns at {}, {} ns at {}: a time hole of {} ns", when,
                    gap_a, names.from, gap_b, names.to, hole));
  }
  add_number(out, when, "enabled", " ns", a.enabled, b.enabled, names);
  add_number(out, when, "running", " ns", a.running, b.running, names);
  add_number(out, when, "the count", "", a.count, b.count, names);
}

// Whether two pairs of values differ by the same.
bool same_difference(const std::array<EventValues, 2>& x, const EventValues& a,
                     const EventValues& b) {
  return x[1].count - x[0].count == b.count - a.count &&
         x[1].enabled - x[0].enabled == b.enabled - a.enabled &&
         x[1].running - x[0].running == b.running - a.running;
}

std::string end_of(const EventEnd& end) {
  if (end.freed) return fmt::format("freed at {}", end.freed_at);
  return fmt::format("{} when the log ends", state_name(end.state));
}

// A rule, and how often each run followed it.
struct RuleUse {
  const core::RuleText* rule;
  std::uint64_t from;
  std::uint64_t to;
};

bool names_rule(std::string_view list, std::string_view rule) {
  while (!list.empty()) {
    const std::size_t blank = list.find(' ');
    if (list.substr(0, blank) == rule) return true;
    if (blank == std::string_view::npos) return false;
    list.remove_prefix(blank + 1);
  }
  return false;
}

std::vector<RuleUse> different_rules(const DiffReport& report) {
  std::vector<RuleUse> out;
  for (const core::RuleText& rule : core::all_rules()) {
    const auto at = static_cast<std::size_t>(rule.rule);
    const RuleUse use{&rule, report.facts[0][at], report.facts[1][at]};
    if (use.from != use.to) out.push_back(use);
  }
  return out;
}

std::vector<RuleUse> rules_of(const core::VersionInfo& patch, const std::vector<RuleUse>& uses) {
  std::vector<RuleUse> out;
  for (const RuleUse& use : uses) {
    if (names_rule(patch.rules, use.rule->name)) out.push_back(use);
  }
  return out;
}

// Rules of the patch that no step of either run names: they may be at work without being counted.
std::vector<const core::RuleText*> unnamed_rules(const core::VersionInfo& patch,
                                                 const DiffReport& report) {
  std::vector<const core::RuleText*> out;
  for (const core::RuleText& rule : core::all_rules()) {
    const auto at = static_cast<std::size_t>(rule.rule);
    if (report.facts[0][at] + report.facts[1][at] != 0) continue;
    if (names_rule(patch.rules, rule.name)) out.push_back(&rule);
  }
  return out;
}

// The rules that no patch between the two names.
std::vector<RuleUse> other_rules(const DiffReport& report, const std::vector<RuleUse>& uses) {
  std::vector<RuleUse> out;
  for (const RuleUse& use : uses) {
    bool named = false;
    for (const core::VersionInfo* patch : patches_between(*report.version[0], *report.version[1])) {
      named = named || names_rule(patch->rules, use.rule->name);
    }
    if (!named) out.push_back(use);
  }
  return out;
}

void format_troubles(std::string& out, const DiffReport& report) {
  if (report.troubles.empty()) return;
  const auto to = std::back_inserter(out);
  out += "\nfindings and warnings:\n";
  for (const Trouble& t : report.troubles) {
    for (const Side side : kSides) {
      if (t.count[side] == 0 || t.count[1 - side] != 0) continue;
      fmt::format_to(to, "  only at {}: {}, {}", report.version[side]->name, t.what, t.first[side]);
      if (t.count[side] > 1) fmt::format_to(to, ", and {} times more", t.count[side] - 1);
      const core::VersionInfo& other = *report.version[1 - side];
      if (names_rule(other.not_judged, core::rule_name(t.invariant))) {
        fmt::format_to(to, " (not judged at {}, which does not promise it)", other.name);
      }
      out += '\n';
    }
    if (t.count[0] == 0 || t.count[1] == 0) continue;
    const Names names = names_of(report);
    fmt::format_to(to, "  {}: {} times at {}, {} times at {}; first {}\n", t.what, t.count[0],
                   names.from, t.count[1], names.to, t.first[0]);
  }
}

void format_calls(std::string& out, const DiffReport& report) {
  if (report.calls_differ == 0) return;
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "\nanswers of calls, {} of them differ:\n", report.calls_differ);
  for (const CallDifference& call : report.calls) {
    fmt::format_to(to, "  record {}, {}, {}\n", call.record, call.time, call.what);
    for (const Side side : kSides) {
      const CallDifference::Answer& answer = call.answers[side];
      fmt::format_to(to, "    at {}: ", report.version[side]->name);
      if (!answer.there) {
        out += "no answer\n";
      } else if (answer.time == call.time) {
        fmt::format_to(to, "{}\n", answer.text);
      } else {
        fmt::format_to(to, "{}, at {}\n", answer.text, answer.time);
      }
    }
  }
  if (report.calls_differ > report.calls.size()) {
    fmt::format_to(to, "  ... and {} more\n", report.calls_differ - report.calls.size());
  }
}

void format_events(std::string& out, const DiffReport& report) {
  if (report.events_differ == 0) return;
  const auto to = std::back_inserter(out);
  const Names names = names_of(report);
  fmt::format_to(to, "\nevents, {} of them differ:\n", report.events_differ);
  for (const EventDifference& event : report.events) {
    for (const std::string& words : in_words(event, names.from, names.to)) {
      fmt::format_to(to, "  {}: {}\n", event.name, words);
    }
  }
  if (report.events_differ > report.events.size()) {
    fmt::format_to(to, "  ... and {} more\n", report.events_differ - report.events.size());
  }
}

// With their sentences when it is about a single patch; of several only the names.
void append_unnamed(std::string& out, const std::vector<const core::RuleText*>& rules,
                    bool sentences) {
  if (rules.empty()) return;
  const auto to = std::back_inserter(out);
  if (sentences) {
    for (const core::RuleText* rule : rules) {
      fmt::format_to(to, "    {}: no step of either run names it\n      {}\n", rule->name,
                     rule->sentence);
    }
    return;
  }
  out += "    no step of either run names";
  for (const core::RuleText* rule : rules) fmt::format_to(to, " {}", rule->name);
  out += '\n';
}

void format_rules(std::string& out, const DiffReport& report) {
  const auto to = std::back_inserter(out);
  const Names names = names_of(report);
  const std::vector<RuleUse> uses = different_rules(report);
  out += "\nwhat it means (steps that followed a rule, in each run):\n";
  const std::vector<const core::VersionInfo*> patches =
      patches_between(*report.version[0], *report.version[1]);
  for (const core::VersionInfo* version : patches) {
    const core::VersionInfo& patch = *version;
    if (patch.rules.empty()) continue;
    fmt::format_to(to, "  {}: {}\n", patch.name, patch.summary);
    const std::vector<RuleUse> rules = rules_of(patch, uses);
    for (const RuleUse& use : rules) {
      fmt::format_to(to, "    {}: {} at {}, {} at {}\n      {}\n", use.rule->name, use.from,
                     names.from, use.to, names.to, use.rule->sentence);
    }
    const std::vector<const core::RuleText*> unnamed = unnamed_rules(patch, report);
    if (rules.empty() && unnamed.empty()) {
      fmt::format_to(to, "    followed equally often in both: {}\n", patch.rules);
    }
    append_unnamed(out, unnamed, patches.size() == 1);
  }
  const std::vector<RuleUse> others = other_rules(report, uses);
  if (others.empty()) return;
  out += "  other rules, followed more or less often:\n";
  for (const RuleUse& use : others) {
    fmt::format_to(to, "    {}: {} at {}, {} at {}\n", use.rule->name, use.from, names.from, use.to,
                   names.to);
  }
}

void json_values(std::string& out, const EventValues& v) {
  fmt::format_to(std::back_inserter(out), R"({{"count":{},"enabled":{},"running":{}}})", v.count,
                 v.enabled, v.running);
}

void json_end(std::string& out, const EventEnd& end) {
  if (end.freed) {
    fmt::format_to(std::back_inserter(out), R"({{"freed":{})", end.freed_at);
  } else {
    fmt::format_to(std::back_inserter(out), R"({{"state":"{}")", state_name(end.state));
  }
  if (end.values) {
    out += R"(,"values":)";
    json_values(out, *end.values);
  }
  out += '}';
}

void json_event(std::string& out, const EventDifference& event, const DiffReport& report) {
  static constexpr std::array<std::string_view, 2> kNames{"from", "to"};
  out += R"({"name":)";
  json_string(out, event.name);
  fmt::format_to(std::back_inserter(out), R"(,"reads":{},"reads_differ":{})", event.reads,
                 event.reads_differ);
  if (event.reads_differ != 0) {
    fmt::format_to(std::back_inserter(out), R"(,"first":{{"record":{},"time":{})", event.record,
                   event.time);
    for (const Side side : kSides) {
      fmt::format_to(std::back_inserter(out), R"(,"{}":)", kNames[side]);
      json_values(out, event.first[side]);
    }
    out += '}';
  }
  out += R"(,"end":{)";
  bool comma = false;
  for (const Side side : kSides) {
    if (!event.there[side]) continue;
    fmt::format_to(std::back_inserter(out), R"({}"{}":)", comma ? "," : "", kNames[side]);
    json_end(out, event.end[side]);
    comma = true;
  }
  out += R"(},"words":[)";
  comma = false;
  for (const std::string& words :
       in_words(event, report.version[0]->name, report.version[1]->name)) {
    if (comma) out += ',';
    json_string(out, words);
    comma = true;
  }
  out += "]}";
}

void json_call(std::string& out, const CallDifference& call) {
  fmt::format_to(std::back_inserter(out), R"({{"record":{},"time":{},"what":)", call.record,
                 call.time);
  json_string(out, call.what);
  for (const Side side : kSides) {
    out += side == 0 ? R"(,"from":)" : R"(,"to":)";
    const CallDifference::Answer& answer = call.answers[side];
    if (!answer.there) {
      out += "null";
      continue;
    }
    fmt::format_to(std::back_inserter(out), R"({{"time":{},"answer":)", answer.time);
    json_string(out, answer.text);
    out += '}';
  }
  out += '}';
}

void json_trouble(std::string& out, const Trouble& t) {
  out += R"({"what":)";
  json_string(out, t.what);
  for (const Side side : kSides) {
    fmt::format_to(std::back_inserter(out), R"(,"{}":{})", side == 0 ? "from" : "to",
                   t.count[side]);
    if (t.count[side] == 0) continue;
    fmt::format_to(std::back_inserter(out), R"(,"first_{}":)", side == 0 ? "from" : "to");
    json_string(out, t.first[side]);
  }
  out += '}';
}

void json_rules(std::string& out, const std::vector<RuleUse>& rules) {
  out += '[';
  for (const RuleUse& use : rules) {
    if (&use != &rules.front()) out += ',';
    fmt::format_to(std::back_inserter(out), R"({{"rule":"{}","from":{},"to":{},"sentence":)",
                   use.rule->name, use.from, use.to);
    json_string(out, use.rule->sentence);
    out += '}';
  }
  out += ']';
}

void json_patches(std::string& out, const DiffReport& report) {
  const std::vector<RuleUse> uses = different_rules(report);
  out += R"(,"patches":[)";
  bool comma = false;
  for (const core::VersionInfo* version : patches_between(*report.version[0], *report.version[1])) {
    const core::VersionInfo& patch = *version;
    if (patch.rules.empty()) continue;
    out += comma ? R"(,{"version":)" : R"({"version":)";
    comma = true;
    json_string(out, patch.name);
    out += R"(,"summary":)";
    json_string(out, patch.summary);
    out += R"(,"rules":)";
    json_rules(out, rules_of(patch, uses));
    out += R"(,"unnamed":[)";
    for (const core::RuleText* rule : unnamed_rules(patch, report)) {
      if (out.back() != '[') out += ',';
      json_string(out, rule->name);
    }
    out += "]}";
  }
  out += R"(],"other_rules":)";
  json_rules(out, other_rules(report, uses));
}

template <class T, class F>
void json_list(std::string& out, std::string_view name, const std::vector<T>& list, F&& append) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":[)", name);
  for (const T& item : list) {
    if (&item != &list.front()) out += ',';
    append(item);
  }
  out += ']';
}

}  // namespace

std::vector<std::string> in_words(const EventDifference& event, std::string_view from,
                                  std::string_view to) {
  const Names names{from, to};
  std::vector<std::string> out;
  if (event.there[0] != event.there[1]) {
    const Side side = event.there[0] ? 0 : 1;
    out.push_back(fmt::format("only at {}, {}", side == 0 ? from : to, end_of(event.end[side])));
    return out;
  }
  if (event.reads_differ != 0) {
    add_values(out, fmt::format("read at {}, ", event.time), event.first[0], event.first[1],
               event.has_enabled && event.has_running, names);
    if (event.reads > 1) {
      out.push_back(fmt::format("{} of {} reads differ", event.reads_differ, event.reads));
    }
  }
  const EventEnd& a = event.end[0];
  const EventEnd& b = event.end[1];
  if (a.freed != b.freed || a.freed_at != b.freed_at || a.state != b.state) {
    out.push_back(fmt::format("{} at {}, {} at {}", end_of(a), from, end_of(b), to));
  }
  if (a.values.has_value() != b.values.has_value()) {
    out.push_back(fmt::format("cannot be read when the log ends at {}", a.values ? to : from));
  } else if (a.values && !same_difference(event.first, *a.values, *b.values)) {
    add_values(out, a.freed && b.freed ? "when freed, " : "when the log ends, ", *a.values,
               *b.values, true, names);
  }
  return out;
}

void format_hunk(std::string& out, const Hunk& hunk) {
  const auto to = std::back_inserter(out);
  if (hunk.record != 0) {
    fmt::format_to(to, "@@ record {}, {}, {} @@\n", hunk.record, hunk.time, hunk.what);
  } else {
    out += "@@ after the last record @@\n";
  }
  for (const DiffLine& line : hunk.lines) {
    if (line.mark == '.') {
      fmt::format_to(to, " ... {} the same\n", line.left_out);
    } else {
      fmt::format_to(to, "{}{}\n", line.mark, line.text);
    }
  }
}

std::string format_diff(const DiffReport& report, std::string_view file) {
  const Names names = names_of(report);
  if (report.same()) {
    return fmt::format("{}: {} records, the same at {} and {}\n", file, report.records, names.from,
                       names.to);
  }
  std::string out = fmt::format("--- {} at {}\n+++ {} at {}\n", file, names.from, file, names.to);
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{} of {} records differ: {} lines only at {}, {} only at {}\n",
                 report.records_differ, report.records, report.lines_only[0], names.from,
                 report.lines_only[1], names.to);
  if (!report.consumed) {
    out += "the log was not read to its end\n";
    return out;
  }
  if (report.records_differ == 0 && report.digest[0] != report.digest[1]) {
    fmt::format_to(to,
                   "no line differs, but the digests do, {:016x} and {:016x}: state, or steps that "
                   "only replay -v prints\n",
                   report.digest[0], report.digest[1]);
  }
  format_troubles(out, report);
  format_calls(out, report);
  format_events(out, report);
  format_rules(out, report);
  return out;
}

void format_hunk_json(std::string& out, const Hunk& hunk) {
  fmt::format_to(std::back_inserter(out), R"({{"record":{},"time":{},"what":)", hunk.record,
                 hunk.time);
  json_string(out, hunk.what);
  out += R"(,"lines":[)";
  bool comma = false;
  for (const DiffLine& line : hunk.lines) {
    if (line.mark == '.') continue;
    if (comma) out += ',';
    comma = true;
    json_string(out, fmt::format("{}{}", line.mark, line.text));
  }
  out += "]}";
}

std::string format_diff_json(const DiffReport& report, std::string_view file) {
  std::string out = "{\"file\":";
  const auto to = std::back_inserter(out);
  json_string(out, file);
  for (const Side side : kSides) {
    out += side == 0 ? R"(,"from":)" : R"(,"to":)";
    json_string(out, report.version[side]->name);
  }
  fmt::format_to(to, R"(,"records":{},"consumed":{},"same":{},"records_differ":{})", report.records,
                 report.consumed, report.same(), report.records_differ);
  fmt::format_to(to, R"(,"lines_from":{},"lines_to":{})", report.lines_only[0],
                 report.lines_only[1]);
  fmt::format_to(to, R"(,"digest_from":"{:016x}","digest_to":"{:016x}")", report.digest[0],
                 report.digest[1]);
  json_list(out, "findings", report.troubles, [&](const Trouble& t) { json_trouble(out, t); });
  fmt::format_to(to, R"(,"calls_differ":{},"events_differ":{})", report.calls_differ,
                 report.events_differ);
  json_list(out, "calls", report.calls, [&](const CallDifference& c) { json_call(out, c); });
  json_list(out, "events", report.events,
            [&](const EventDifference& e) { json_event(out, e, report); });
  json_patches(out, report);
  return out;
}

}  // namespace reperf::replay
