// reperf matrix: logs down, versions across.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "replayer/matrix.h"
#include "replayer/session.h"
#include "tools/command.h"
#include "tools/log_input.h"

#include <fmt/format.h>

namespace reperf::tools {

namespace {

struct MatrixOptions {
  std::vector<std::string> paths;
  std::vector<std::string> versions;
  bool json = false;
};

bool is_log(const std::filesystem::path& path) {
  return path.extension() == ".rptxt" || path.extension() == ".rplog";
}

// All logs below a folder, sorted; anything else is a log itself.
int add_files(const std::string& path, std::vector<std::string>& files) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    files.push_back(path);
    return kExitFine;
  }
  std::vector<std::string> found;
  auto it = std::filesystem::recursive_directory_iterator(path, error);
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (is_log(it->path()) && it->is_regular_file(error)) found.push_back(it->path().string());
  }
  if (error) return fail(Error{ErrorKind::environment, error.message(), path, 0, 0});
  if (found.empty()) return fail(Error{ErrorKind::input, "no logs in this folder", path, 0, 0});
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return kExitFine;
}

// In the order of the series, each once, parts of a version after the version of their number; all
// of the series that can be made unless told.
int choose_versions(const std::vector<std::string>& names,
                    std::vector<const core::VersionInfo*>& versions) {
  for (const std::string& name : names) {
    const core::VersionInfo* version = nullptr;
    if (const int code = find_version(name, version); code != kExitFine) return code;
  }
  for (const std::span<const core::VersionInfo> list : {core::series(), core::variants()}) {
    for (const core::VersionInfo& version : list) {
      const bool wanted = names.empty()
                              ? list.data() == core::series().data()
                              : std::find(names.begin(), names.end(), version.name) != names.end();
      if (wanted && version.make != nullptr) versions.push_back(&version);
    }
  }
  std::stable_sort(versions.begin(), versions.end(),
                   [](const auto* a, const auto* b) { return a->number < b->number; });
  return kExitFine;
}

// Opened anew for each version: a log is read as a stream. False: unreadable, and said so.
bool run_row(const std::vector<const core::VersionInfo*>& versions, replay::MatrixRow& row) {
  for (const core::VersionInfo* version : versions) {
    LogInput input;
    input.file = row.file;
    input.core = version->name;
    OpenedLog opened;
    if (open_log(input, opened) != kExitFine) {
      row.unreadable = "it cannot be opened, or is no log";
      row.cells.clear();
      return false;
    }
    Result<replay::MatrixCell> cell = replay::run_cell(*version, *opened.source, row.file);
    if (!cell.ok()) {
      fail(cell.error());
      row.unreadable = cell.error().what;
      row.cells.clear();
      return false;
    }
    row.cells.push_back(std::move(*cell));
  }
  return true;
}

int run_matrix(const MatrixOptions& options) {
  replay::Matrix matrix;
  if (const int code = choose_versions(options.versions, matrix.versions); code != kExitFine) {
    return code;
  }
  std::vector<std::string> files;
  for (const std::string& path : options.paths) {
    if (path == "-") {
      return fail(
          Error{ErrorKind::input, "matrix reads each log several times: no stdin", "", 0, 0});
    }
    if (const int code = add_files(path, files); code != kExitFine) return code;
  }
  const bool terminal = ::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0;
  bool all_readable = true;
  for (const std::string& file : files) {
    if (terminal) {
      fmt::print(stderr, "\r\033[K{} of {} logs", matrix.rows.size(), files.size());
      std::fflush(stderr);
    }
    replay::MatrixRow& row = matrix.rows.emplace_back();
    row.file = file;
    all_readable = run_row(matrix.versions, row) && all_readable;
  }
  if (terminal) fmt::print(stderr, "\r\033[K");
  write_stdout(options.json ? replay::format_matrix_json(matrix) : replay::format_matrix(matrix));
  return all_readable ? kExitFine : kExitError;
}

}  // namespace

void add_matrix(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<MatrixOptions>();
  CLI::App* cmd =
      app.add_subcommand("matrix", "Replay logs at every version; show where something changes.");
  cmd->add_option("FILE", options->paths, "logs, and folders of logs (.rptxt, .rplog)")->required();
  cmd->add_option("--core", options->versions,
                  "only these versions, separated by commas; default: all there are")
      ->type_name("VERSION,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  cmd->add_flag("--json", options->json, "one JSON object instead of a table");
  cmd->footer(
      "An overview, no test. Exit code: 0 also with findings and changes, 2 bad usage or a log\n"
      "that cannot be read; the others are in the table all the same.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_matrix(*options); });
}

}  // namespace reperf::tools
