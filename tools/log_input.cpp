#include "tools/log_input.h"

#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

namespace reperf::tools {

namespace {

constexpr std::uint64_t kRecordsPerUpdate = 1U << 17;

}  // namespace

void add_log_options(CLI::App& cmd, LogInput& input) {
  add_file_options(cmd, input);
  cmd.add_option("--core", input.core,
                 "version of the core (see reperf versions); default: what fits the log's kernel")
      ->type_name("VERSION");
}

void add_file_options(CLI::App& cmd, LogInput& input) {
  cmd.add_option("FILE", input.file, "a log, binary or text; - reads stdin")->required();
  cmd.add_flag("--salvage", input.salvage, "read past damage instead of stopping there");
}

int find_version(const std::string& name, const core::VersionInfo*& version) {
  version = core::find_version(name);
  if (version == nullptr) {
    return fail(Error{ErrorKind::input,
                      fmt::format("no version is called '{}' (see reperf versions)", name), "", 0,
                      0});
  }
  if (version->make != nullptr) return kExitFine;
  return fail(Error{ErrorKind::input, fmt::format("version '{}' is not in this program yet", name),
                    "", 0, 0});
}

int open_log(const LogInput& input, OpenedLog& opened) {
  opened.version = nullptr;
  if (!input.core.empty()) {
    if (const int code = find_version(input.core, opened.version); code != kExitFine) return code;
  }
  log::ReaderOptions options;
  options.salvage = input.salvage;
  std::vector<Error> errors;
  auto source = log::open_source(input.file, options, errors);
  if (!source.ok()) return errors.empty() ? fail(source.error()) : fail(errors);
  opened.source = std::move(*source);
  if (std::string problem = replay::machine_problem(opened.source->header()); !problem.empty()) {
    return fail(Error{ErrorKind::input, std::move(problem), input.file, 0, 0});
  }
  if (opened.version == nullptr) {
    opened.version = &core::version_for_kernel(opened.source->header().release);
  }
  return kExitFine;
}

Progress::Progress(const replay::Session& session)
    : session_(session), terminal_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void Progress::on_record(const log::Record&) {
  if (!terminal_ || session_.records() % kRecordsPerUpdate != 0) return;
  shown_ = true;
  fmt::print(stderr, "\r{} records", session_.records());
  std::fflush(stderr);
}

}  // namespace reperf::tools
