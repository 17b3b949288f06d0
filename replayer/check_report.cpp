// The report of a check, for people and for programs.
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "replayer/check.h"
#include "replayer/json.h"

namespace reperf::replay {

namespace {

void json_counts(std::string& out, const CheckCounts& c) {
  fmt::format_to(std::back_inserter(out),
                 R"("compared":{},"exact":{},"bounds":{},"wrong":{},"unpredicted":{})",
                 c.compared(), c.exact, c.bounds, c.wrong, c.unpredicted);
}

}  // namespace

std::string_view class_name(ResultClass c) {
  static constexpr std::array<std::string_view, kResultClasses> kNames = {
      "call results", "context-switches", "cpu-migrations", "other exact values",
      "times",        "clocks",           "page faults",    "other values"};
  return kNames[static_cast<std::size_t>(c)];
}

std::string format_report(const CheckReport& report, std::string_view file,
                          std::string_view version) {
  std::string out;
  const auto to = std::back_inserter(out);
  if (!report.divergences.empty()) {
    const Divergence& first = report.divergences.front();
    fmt::format_to(to, "first divergence, at record {}:\n", first.record);
    for (const std::string& line : first.context) fmt::format_to(to, "  {}\n", line);
    for (const Divergence& d : report.divergences) {
      fmt::format_to(to, "record {}: {}\n", d.record, d.what);
    }
    if (report.total.wrong > report.divergences.size()) {
      fmt::format_to(to, "... and {} more\n", report.total.wrong - report.divergences.size());
    }
    out += '\n';
  }
  fmt::format_to(to, "{}: {} records at version {}\n", file, report.records, version);
  fmt::format_to(to, "{:<20}{:>10}{:>10}{:>10}{:>10}{:>13}\n", "", "compared", "exact", "in bounds",
                 "wrong", "unpredicted");
  const auto row = [&to](std::string_view name, const CheckCounts& c) {
    fmt::format_to(to, "{:<20}{:>10}{:>10}{:>10}{:>10}{:>13}\n", name, c.compared(), c.exact,
                   c.bounds, c.wrong, c.unpredicted);
  };
  for (std::size_t i = 0; i < kResultClasses; ++i) {
    const CheckCounts& c = report.by_class[i];
    if (c.compared() + c.unpredicted != 0) row(class_name(static_cast<ResultClass>(i)), c);
  }
  row("all", report.total);
  if (report.losses != 0) {
    fmt::format_to(to, "{} records were lost while recording: no claims on events they concern\n",
                   report.losses);
  }
  if (report.gaps != 0) fmt::format_to(to, "{} switches were not seen\n", report.gaps);
  if (report.breaks != 0) {
    fmt::format_to(to, "{} times a task left a CPU that was not seen to come there\n",
                   report.breaks);
  }
  if (!report.consumed) {
    out += "verdict: the log was not read to its end\n";
  } else if (report.total.wrong != 0) {
    out += "verdict: the machine and the model differ\n";
  } else if (report.total.compared() == 0) {
    out += "verdict: nothing was compared\n";
  } else {
    out += "verdict: the model explains what the machine answered\n";
  }
  return out;
}

std::string format_json(const CheckReport& report, std::string_view file,
                        std::string_view version) {
  std::string out = "{\"file\":";
  json_string(out, file);
  out += ",\"version\":";
  json_string(out, version);
  fmt::format_to(std::back_inserter(out), ",\"records\":{},", report.records);
  json_counts(out, report.total);
  fmt::format_to(std::back_inserter(out),
                 ",\"consumed\":{},\"passed\":{},\"lost\":{},\"gaps\":{},\"breaks\":{}",
                 report.consumed, report.passed(), report.losses, report.gaps, report.breaks);
  out += ",\"classes\":{";
  for (std::size_t i = 0; i < kResultClasses; ++i) {
    if (i != 0) out += ',';
    json_string(out, class_name(static_cast<ResultClass>(i)));
    out += ":{";
    json_counts(out, report.by_class[i]);
    out += '}';
  }
  out += "},\"divergences\":[";
  for (const Divergence& d : report.divergences) {
    if (&d != &report.divergences.front()) out += ',';
    fmt::format_to(std::back_inserter(out), "{{\"record\":{},\"what\":", d.record);
    json_string(out, d.what);
    out += '}';
  }
  out += "]}\n";
  return out;
}

}  // namespace reperf::replay
