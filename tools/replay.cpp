// reperf replay: drive the core with a log and print what happens.
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/invariants.h"
#include "replayer/explain.h"
#include "replayer/session.h"
#include "replayer/transcript.h"
#include "tools/command.h"
#include "tools/log_input.h"

#include <fmt/format.h>

namespace reperf::tools {

namespace {

struct ReplayOptions {
  LogInput input;
  replay::TranscriptOptions transcript;
  bool quiet = false;
  std::optional<std::uint64_t> explain;  // a line of the transcript
  std::optional<std::string> schedule;   // its text, or @FILE
};

// One line, instead of all of them.
int run_explain(const ReplayOptions& options, OpenedLog& opened,
                std::optional<replay::Schedule> schedule) {
  replay::Session session{*opened.version, opened.source->header()};
  if (schedule.has_value()) session.use_schedule(std::move(*schedule));
  replay::Explain explain{session, *options.explain};
  replay::Transcript transcript{session, options.transcript,
                                [&explain](std::string_view line) { explain.take(line); }};
  session.add_observer(&explain);
  session.add_listener(&explain);
  session.add_observer(&transcript);
  session.add_listener(&transcript);
  core::Invariants invariants{session.model().engine(), session.model().world(),
                              opened.version->not_judged};
  session.add_observer(&invariants);
  Progress progress{session};
  session.add_listener(&progress);
  const Result<void> done = session.run(*opened.source, options.input.file);
  write_stdout(explain.text());
  if (!done.ok()) return fail(done.error());
  if (!explain.text().empty()) return kExitFine;
  return fail(Error{ErrorKind::input,
                    fmt::format("line {} is not one of the transcript's {} lines at {}",
                                *options.explain, explain.lines(), opened.version->name),
                    options.input.file, 0, 0});
}

// nullopt: the log's own directives. What is wrong comes as an error.
Result<std::optional<replay::Schedule>> read_schedule(const std::optional<std::string>& option) {
  if (!option.has_value()) return std::optional<replay::Schedule>{};
  std::string text = *option;
  if (text.starts_with('@')) {
    const std::string file = text.substr(1);
    std::ifstream in{file, std::ios::binary};
    text.clear();
    // By read(): iterators throw when the file is a folder.
    std::array<char, 4096> piece{};
    while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
      text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (!in.is_open() || in.bad()) {
      return Error{ErrorKind::environment, std::strerror(errno), file, 0, 0};
    }
  }
  Result<replay::Schedule> parsed = replay::parse_schedule(text);
  if (!parsed.ok()) return parsed.take_error();
  return std::optional<replay::Schedule>{std::move(*parsed)};
}

int run_replay(const ReplayOptions& options) {
  Result<std::optional<replay::Schedule>> schedule = read_schedule(options.schedule);
  if (!schedule.ok()) return fail(schedule.error());
  OpenedLog opened;
  if (const int code = open_log(options.input, opened); code != kExitFine) return code;
  if (options.explain) return run_explain(options, opened, std::move(*schedule));

  replay::Session session{*opened.version, opened.source->header()};
  if (schedule->has_value()) session.use_schedule(std::move(**schedule));
  replay::Digest digest;
  session.add_observer(&digest);
  std::string buffer;
  const auto sink = [&buffer](std::string_view line) {
    buffer += line;
    if (buffer.size() < kOutputChunk) return;
    write_stdout(buffer);
    buffer.clear();
  };
  replay::Transcript transcript{session, options.transcript, sink};
  if (!options.quiet) {
    session.add_observer(&transcript);
    session.add_listener(&transcript);
  }
  // Last: a finding follows the step that it is about.
  core::Invariants invariants{session.model().engine(), session.model().world(),
                              opened.version->not_judged};
  session.add_observer(&invariants);
  Progress progress{session};
  session.add_listener(&progress);
  const Result<void> done = session.run(*opened.source, options.input.file);
  if (done.ok() && !options.quiet) transcript.finish();
  write_stdout(buffer);
  if (!done.ok()) return fail(done.error());
  write_stdout(fmt::format("digest {:016x}\n", digest.value(session.model().world())));
  return digest.findings() == 0 ? kExitFine : kExitFinding;
}

// For CLI11: what is wrong, or nothing.
std::string is_line_number(const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && text.size() <= 18 && text.find_first_not_of('0') != std::string::npos) return {};
  return fmt::format("'{}' is not the number of a line", text);
}

}  // namespace

void add_replay(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* cmd = app.add_subcommand("replay", "Drive the core with a log; print the transcript.");
  add_log_options(*cmd, options->input);
  cmd->add_flag("--rules", options->transcript.rules, "print the rule that each line follows");
  cmd->add_flag("-v,--verbose", options->transcript.verbose,
                "locks, references and single counts, too");
  CLI::Option* quiet = cmd->add_flag("-q,--quiet", options->quiet, "only the digest line");
  cmd->add_option("--explain", options->explain,
                  "only this line of the transcript (the first is 1): its path, its rule, and the\n"
                  "state of what it names")
      ->type_name("N")
      ->check(is_line_number)
      ->excludes(quiet);
  cmd->add_option("--schedule", options->schedule,
                  "directives to use instead of the log's own, as a transcript prints them;\n"
                  "@FILE reads them from a file")
      ->type_name("SCHEDULE");
  cmd->footer(
      "Exit code: 0 fine, 1 a finding (livelock, broken invariant, ...; not with --explain),\n"
      "2 bad usage or unreadable input.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_replay(*options); });
}

}  // namespace reperf::tools
