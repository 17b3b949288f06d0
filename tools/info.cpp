// reperf info: what machine, what is inside, what was lost.
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tools/command.h"
#include "traces/reader.h"
#include "traces/source.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace reperf::tools {

namespace {

struct InfoOptions {
  std::string file;
  bool json = false;
};

struct Loss {
  std::uint64_t record = 0;
  log::Ns time = 0;
  std::uint16_t cpu = 0;
  log::Lost lost;
};

// What one pass over the records tells.
struct Summary {
  std::uint64_t records = 0;
  log::Ns first = 0;
  log::Ns last = 0;
  std::map<log::Kind, std::uint64_t> kinds;
  std::set<std::uint64_t> events;
  std::vector<Loss> losses;
  std::uint64_t filtered_switches = 0;
  std::uint64_t filtered_migrations = 0;
  bool finished = false;
  log::Finish finish;
};

std::string_view loss_name(log::LossCause cause) {
  constexpr std::array<std::string_view, 5> kNames = {
      "ring buffer full", "program skipped (recursion)", "memory not readable",
      "recorder's table full", "log could not be written"};
  const auto index = static_cast<std::size_t>(cause);
  return index < kNames.size() ? kNames[index] : "unknown cause";
}

std::string_view finish_name(log::FinishReason reason) {
  constexpr std::array<std::string_view, 4> kNames = {
      "the command exited", "interrupted", "the process exited", "the recorder had to stop"};
  const auto index = static_cast<std::size_t>(reason);
  return index < kNames.size() ? kNames[index] : "unknown reason";
}

std::string_view scope_name(log::Scope scope) {
  constexpr std::array<std::string_view, 4> kNames = {
      "scenario", "a command and its children", "a process and its children", "the whole system"};
  const auto index = static_cast<std::size_t>(scope);
  return index < kNames.size() ? kNames[index] : "unknown";
}

void add(Summary& s, const log::Record& record) {
  if (s.records == 0 || record.time < s.first) s.first = record.time;
  s.last = std::max(s.last, record.time);
  ++s.records;
  ++s.kinds[record.kind()];
  if (const auto* open = std::get_if<log::PerfEventOpenRet>(&record.payload)) {
    if (open->event != 0) s.events.insert(open->event);
  } else if (const auto* event = std::get_if<log::SnapshotEvent>(&record.payload)) {
    s.events.insert(event->event);
  } else if (const auto* lost = std::get_if<log::Lost>(&record.payload)) {
    s.losses.push_back({s.records, record.time, record.cpu, *lost});
  } else if (const auto* filtered = std::get_if<log::Filtered>(&record.payload)) {
    (filtered->what == log::FilterClass::sched_switch ? s.filtered_switches
                                                      : s.filtered_migrations) += filtered->count;
  } else if (const auto* finish = std::get_if<log::Finish>(&record.payload)) {
    s.finished = true;
    s.finish = *finish;
  }
}

std::string seconds(log::Ns ns) {
  return fmt::format("{}.{:06} s", ns / 1'000'000'000, ns % 1'000'000'000 / 1000);
}

void print_machine(std::string& out, const log::Header& h) {
  const auto to = std::back_inserter(out);
  const auto line = [&to](std::string_view name, std::string_view value) {
    if (!value.empty()) fmt::format_to(to, "{:<12}{}\n", name, value);
  };
  line("kernel", h.release.empty() ? "" : fmt::format("{} {} {}", h.release, h.machine, h.version));
  line("machine",
       h.cpus == 0 ? ""
                   : fmt::format("{} CPUs, HZ {}", h.cpus, h.hz == 0 ? "?" : std::to_string(h.hz)));
  if (h.realtime_base != 0) {
    const auto base = static_cast<std::time_t>(h.realtime_base / 1'000'000'000);
    line("recorded", fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(base)));
  }
  if (!h.recorder.empty()) {
    line("recorder", fmt::format("reperf {}, tier {}", h.recorder, h.tier));
  }
  line("scope",
       fmt::format("{}{}", scope_name(h.scope), h.all_switches ? ", every context switch" : ""));
  line("command", h.command);
  std::string list;
  for (const log::Pmu& p : h.pmus)
    list += fmt::format("{}{}({})", list.empty() ? "" : " ", p.name, p.type);
  line("PMUs", list);
  list.clear();
  for (const log::Sysctl& s : h.sysctls) {
    list += fmt::format("{}{}={}", list.empty() ? "" : " ", s.name, s.value);
  }
  line("sysctls", list);
}

void print_summary(std::string& out, const Summary& s, const log::Reader* reader) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{:<12}{} over {}, {} events\n", "records", s.records,
                 seconds(s.last - s.first), s.events.size());
  for (const auto& [kind, count] : s.kinds) {
    fmt::format_to(to, "{:<12}{:>10} {}\n", "", count, log::kind_name(kind));
  }
  if (s.filtered_switches + s.filtered_migrations != 0) {
    fmt::format_to(to, "{:<12}{} switches and {} migrations without perf events, only counted\n",
                   "filtered", s.filtered_switches, s.filtered_migrations);
  }
  if (reader != nullptr) {
    fmt::format_to(to, "{:<12}{} bytes in {} chunks, {:.1f} bytes a record\n", "stored",
                   reader->bytes_read(), reader->chunks(),
                   s.records == 0 ? 0.0
                                  : static_cast<double>(reader->bytes_read()) /
                                        static_cast<double>(s.records));
    fmt::format_to(to, "{:<12}{}\n", "end",
                   !reader->complete() ? "not finished: the recorder was stopped or is running"
                   : s.finished        ? finish_name(s.finish.reason)
                                       : "clean");
    if (reader->unknown_records() != 0) {
      fmt::format_to(to, "{:<12}{} records of kinds that this program does not know\n", "skipped",
                     reader->unknown_records());
    }
    for (const log::Damage& d : reader->damage()) {
      fmt::format_to(to, "{:<12}at byte {}, {} bytes: {}", "DAMAGE", d.offset, d.bytes, d.what);
      if (d.missing != 0) {
        fmt::format_to(to, "; records {} to {} are missing", d.first_missing,
                       d.first_missing + d.missing - 1);
      }
      out += '\n';
    }
  }
  if (s.losses.empty()) out += "lost        nothing\n";
  for (const Loss& loss : s.losses) {
    fmt::format_to(to, "{:<12}{} records of CPU {} before record {} at {}: {}\n", "LOST",
                   loss.lost.count, loss.cpu, loss.record, seconds(loss.time),
                   loss_name(loss.lost.cause));
  }
}

void print_json(std::string& out, const Summary& s, const log::Header& h,
                const log::Reader* reader) {
  const auto to = std::back_inserter(out);
  std::uint64_t lost = 0;
  for (const Loss& loss : s.losses) lost += loss.lost.count;
  fmt::format_to(to, "{{\"release\":\"{}\",\"cpus\":{},\"records\":{},\"events\":{},", h.release,
                 h.cpus, s.records, s.events.size());
  fmt::format_to(to, "\"first\":{},\"last\":{},\"lost\":{},\"filtered\":{},\"damage\":{},", s.first,
                 s.last, lost, s.filtered_switches + s.filtered_migrations,
                 reader == nullptr ? 0 : reader->damage().size());
  fmt::format_to(to, "\"complete\":{},\"kinds\":{{", reader == nullptr || reader->complete());
  const char* comma = "";
  for (const auto& [kind, count] : s.kinds) {
    fmt::format_to(to, "{}\"{}\":{}", comma, log::kind_name(kind), count);
    comma = ",";
  }
  out += "}}\n";
}

int run_info(const InfoOptions& options) {
  log::ReaderOptions reading;
  reading.salvage = true;  // what is there, and what is missing
  std::vector<Error> errors;
  auto source = log::open_source(options.file, reading, errors);
  if (!source.ok()) return errors.empty() ? fail(source.error()) : fail(errors);
  Summary summary;
  log::Record record;
  while (true) {
    const Result<bool> more = (*source)->next(record);
    if (!more.ok()) return fail(more.error());
    if (!*more) break;
    add(summary, record);
  }
  const log::Reader* reader = (*source)->reader();
  std::string out;
  if (options.json) {
    print_json(out, summary, (*source)->header(), reader);
  } else {
    print_machine(out, (*source)->header());
    print_summary(out, summary, reader);
  }
  write_stdout(out);
  return reader != nullptr && !reader->damage().empty() ? kExitFinding : kExitFine;
}

}  // namespace

void add_info(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* cmd = app.add_subcommand("info", "What machine, what is inside, what was lost.");
  cmd->add_option("FILE", options->file, "a log, binary or text; - reads stdin")->required();
  cmd->add_flag("--json", options->json, "one JSON object instead of text");
  cmd->footer("Exit code: 0 fine, 1 the log is damaged, 2 bad usage or unreadable input.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_info(*options); });
}

}  // namespace reperf::tools
