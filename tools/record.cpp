// reperf record: capture.
#include "tools/command.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "recorder/recorder.h"
#include "recorder/system.h"

namespace reperf::tools {
namespace {

// CLI11 takes a positional "[a,b]" apart into "a" and "b". The command to run must get its
// arguments as they were written, so what stands behind the first -- is taken from the kernel.
std::vector<std::string> words_after_marker() {
  const std::string all = record::read_small_file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\0', at), all.size());
    words.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  const auto marker = std::find(words.begin(), words.end(), "--");
  return {marker == words.end() ? marker : marker + 1, words.end()};
}

int run_record(record::Options& options) {
  if (std::vector<std::string> words = words_after_marker(); !words.empty()) {
    options.command = std::move(words);
  }
  if (!options.system_wide && options.pid == 0 && options.command.empty()) {
    return fail(Error{ErrorKind::input, "record: nothing to record: give a command, -p PID or -a",
                      "", 0, 0});
  }
  if (options.system_wide && options.pid != 0) {
    return fail(Error{ErrorKind::input, "record: -a and -p exclude each other", "", 0, 0});
  }
  const Result<int> exit_code = record::record(options);
  return exit_code ? *exit_code : fail(exit_code.error());
}

}  // namespace

void add_record(CLI::App& app, Outcome& outcome) {
  CLI::App* const command = app.add_subcommand("record", "Record what drives perf_events");
  const auto options = std::make_shared<record::Options>();
  command->add_flag("-a,--all", options->system_wide, "record the perf calls of every task");
  command
      ->add_option("-p,--pid", options->pid,
                   "record this process, its threads and its children from now on")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("-o,--output", options->output,
                   "the log; an existing one is kept as OUTPUT.old; - is stdout")
      ->capture_default_str();
  command->add_flag(
      "--all-switches", options->all_switches,
      "record every context switch and migration, not only those that matter to perf");
  command
      ->add_option("--ring-size", options->ring_bytes,
                   "bytes of the buffer between kernel and recorder (K, M and G are understood)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(record::kMinRingBytes, record::kMaxRingBytes))
      ->capture_default_str();
  command->add_flag("-q,--quiet", options->quiet, "no summary at the end");
  command->add_flag("-v,--verbose", options->verbose, "show what libbpf says");
  command->add_option("COMMAND", options->command,
                      "the command to record; with -a or -p: how long to record");
  command->footer(
      "Exits as COMMAND does (128 + signal when it was killed, 127 when it was not found).\n"
      "Without COMMAND, Ctrl-C ends the recording.");
  command->callback([options, &outcome] { outcome.exit_code = run_record(*options); });
}

}  // namespace reperf::tools
