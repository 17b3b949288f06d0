// reperf as: the text form of a log to the binary one.
#include <unistd.h>

#include "tools/command.h"
#include "traces/source.h"
#include "traces/writer.h"

#include <fmt/format.h>

namespace reperf::tools {
namespace {

struct Options {
  std::string input;
  std::string output;
};

// boot.rptxt -> boot.rplog, as a compiler names its output.
std::string derived_output(const std::string& input) {
  constexpr std::string_view kText = ".rptxt";
  std::string out = input;
  if (out.ends_with(kText)) out.resize(out.size() - kText.size());
  return out + ".rplog";
}

Result<void> copy(log::Source& from, log::Writer& to) {
  log::Record record;
  while (true) {
    const Result<bool> more = from.next(record);
    if (!more.ok()) return more.error();
    if (!*more) return to.finish();
    REPERF_TRY(to.append(record));
  }
}

int run(Options options) {
  if (options.output.empty()) {
    options.output = options.input == "-" ? "-" : derived_output(options.input);
  }
  if (options.output == "-" && ::isatty(STDOUT_FILENO) != 0) {
    return fail(Error{ErrorKind::input,
                      "a log is binary and stdout is a terminal: use -o FILE or a pipe", "", 0, 0});
  }
  std::vector<Error> errors;
  auto source = log::open_source(options.input, {}, errors);
  if (!source.ok()) return fail(errors);
  auto writer = log::Writer::create(options.output, (*source)->header());
  if (!writer.ok()) return fail(writer.error());
  const Result<void> copied = copy(**source, **writer);
  if (copied.ok()) return kExitFine;
  (*writer)->discard();
  return fail(copied.error());
}

}  // namespace

void add_as(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("as", "Turn the text form of a log into a log");
  command->add_option("input", options->input, "text form (.rptxt), - for stdin")->required();
  command->add_option("-o,--output", options->output,
                      "log to write, - for stdout; else IN with .rplog for .rptxt");
  command->callback([options, &outcome] { outcome.exit_code = run(*options); });
}

}  // namespace reperf::tools
