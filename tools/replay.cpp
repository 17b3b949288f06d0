// reperf replay: drive the core with a log and print what happens.
#include <memory>
#include <string>
#include <vector>

#include "core/invariants.h"
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
};

int run_replay(const ReplayOptions& options) {
  OpenedLog opened;
  if (const int code = open_log(options.input, opened); code != kExitFine) return code;

  replay::Session session{*opened.version, opened.source->header()};
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
  write_stdout(buffer);
  if (!done.ok()) return fail(done.error());
  write_stdout(fmt::format("digest {:016x}\n", digest.value(session.model().world())));
  return digest.findings() == 0 ? kExitFine : kExitFinding;
}

}  // namespace

void add_replay(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* cmd = app.add_subcommand("replay", "Drive the core with a log; print the transcript.");
  add_log_options(*cmd, options->input);
  cmd->add_flag("--rules", options->transcript.rules, "print the rule that each line follows");
  cmd->add_flag("-v,--verbose", options->transcript.verbose,
                "locks, references and single counts, too");
  cmd->add_flag("-q,--quiet", options->quiet, "only the digest line");
  cmd->footer(
      "Exit code: 0 fine, 1 a finding (livelock, broken invariant, ...), 2 bad usage or\n"
      "unreadable input.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_replay(*options); });
}

}  // namespace reperf::tools
