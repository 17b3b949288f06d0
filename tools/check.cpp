// reperf check: does the model explain what the machine answered?
#include <memory>
#include <string>

#include "replayer/check.h"
#include "replayer/session.h"
#include "replayer/transcript.h"
#include "tools/command.h"
#include "tools/log_input.h"

namespace reperf::tools {

namespace {

struct CheckOptions {
  LogInput input;
  bool json = false;
};

int run_check(const CheckOptions& options) {
  OpenedLog opened;
  if (const int code = open_log(options.input, opened); code != kExitFine) return code;

  replay::Session session{*opened.version, opened.source->header()};
  replay::Check check{session};
  replay::Transcript transcript{
      session, {}, [&check](std::string_view line) { check.remember(line); }};
  // The transcript comes first, so that a divergence finds the line of its own record.
  session.add_observer(&transcript);
  session.add_listener(&transcript);
  session.add_observer(&check);
  session.add_listener(&check);
  Progress progress{session};
  session.add_listener(&progress);
  const Result<void> done = session.run(*opened.source, options.input.file);
  if (!done.ok()) fail(done.error());
  replay::CheckReport& report = check.report();
  report.records = session.records();
  report.consumed = done.ok();
  write_stdout(options.json ? format_json(report, options.input.file, opened.version->name)
                            : format_report(report, options.input.file, opened.version->name));
  if (!done.ok()) return kExitError;
  return report.passed() ? kExitFine : kExitFinding;
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* cmd = app.add_subcommand(
      "check", "Compare what the model predicts with what the machine answered.");
  add_log_options(*cmd, options->input);
  cmd->add_flag("--json", options->json, "one JSON object instead of a table");
  cmd->footer(
      "Exit code: 0 the model explains everything, 1 a difference or nothing compared, 2 bad "
      "usage\n"
      "or unreadable input.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_check(*options); });
}

}  // namespace reperf::tools
