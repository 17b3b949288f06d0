// reperf diff: what the patches between two versions change for a log.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "replayer/diff.h"
#include "tools/command.h"
#include "tools/log_input.h"

#include <fmt/format.h>

namespace reperf::tools {

namespace {

struct DiffOptions {
  LogInput input;
  std::string from;
  std::string to;
  bool json = false;
};

// Keeps the hunks until the counts have been printed: in memory as long as they are few, then in
// a file that has no name.
class Spool {
 public:
  Spool() = default;
  ~Spool() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  std::string& text() { return text_; }
  void spill() {
    if (text_.size() < kMemory || failed_) return;
    if (file_ == nullptr) file_ = std::tmpfile();
    failed_ = file_ == nullptr || std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size();
    text_.clear();
  }
  // False when the disk would not take all of it.
  bool print() {
    if (file_ != nullptr && !failed_) {
      std::rewind(file_);
      std::vector<char> piece(kOutputChunk);
      std::size_t n = 0;
      while ((n = std::fread(piece.data(), 1, piece.size(), file_)) != 0) {
        write_stdout({piece.data(), n});
      }
      failed_ = std::ferror(file_) != 0;
    }
    if (!failed_) write_stdout(text_);
    return !failed_;
  }

 private:
  static constexpr std::size_t kMemory = 1U << 20;
  std::string text_;
  std::FILE* file_ = nullptr;
  bool failed_ = false;
};

int run_diff(const DiffOptions& options) {
  OpenedLog opened;
  LogInput input = options.input;
  input.core = options.to;
  if (const int code = find_version(options.from, opened.version); code != kExitFine) return code;
  const core::VersionInfo& from = *opened.version;
  if (const int code = open_log(input, opened); code != kExitFine) return code;

  Spool spool;
  bool first = true;
  replay::Diff diff{from, *opened.version, opened.source->header(), [&](const replay::Hunk& hunk) {
                      if (options.json) {
                        if (!first) spool.text() += ',';
                        replay::format_hunk_json(spool.text(), hunk);
                      } else {
                        spool.text() += '\n';
                        replay::format_hunk(spool.text(), hunk);
                      }
                      first = false;
                      spool.spill();
                    }};
  Progress progress{diff.session()};
  diff.session().add_listener(&progress);
  const Result<void> done = diff.run(*opened.source, input.file);
  if (!done.ok()) fail(done.error());
  const replay::DiffReport& report = diff.report();
  if (options.json) {
    write_stdout(replay::format_diff_json(report, input.file) + ",\"hunks\":[");
  } else {
    write_stdout(replay::format_diff(report, input.file));
  }
  const bool printed = spool.print();
  if (options.json) write_stdout("]}\n");
  if (!printed) {
    return fail(Error{ErrorKind::environment,
                      "no room for the differences in the folder of "
                      "temporary files",
                      input.file, 0, 0});
  }
  if (!done.ok()) return kExitError;
  return report.same() ? kExitFine : kExitFinding;
}

}  // namespace

void add_diff(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* cmd = app.add_subcommand(
      "diff", "Replay a log at two versions; show what differs, and which rules explain it.");
  add_file_options(*cmd, options->input);
  cmd->add_option("--from", options->from, "version of the lines with - (see reperf versions)")
      ->type_name("VERSION")
      ->required();
  cmd->add_option("--to", options->to, "version of the lines with +")
      ->type_name("VERSION")
      ->required();
  cmd->add_flag("--json", options->json, "one JSON object instead of text");
  cmd->footer(
      "Exit code: 0 both versions do the same, 1 they differ, 2 bad usage or unreadable input,\n"
      "or a scenario that one of the versions cannot follow.");
  cmd->callback([options, &outcome] { outcome.exit_code = run_diff(*options); });
}

}  // namespace reperf::tools
