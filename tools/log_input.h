// What replay and check have in common: a log, a version, progress on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/versions/series.h"
#include "replayer/session.h"
#include "tools/command.h"
#include "traces/source.h"

namespace reperf::tools {

inline constexpr std::size_t kOutputChunk = 1U << 16;  // bytes gathered before a write

struct LogInput {
  std::string file;
  std::string core;      // version name, empty: the one that fits the log's kernel
  bool salvage = false;  // read past damage
};

struct OpenedLog {
  std::unique_ptr<log::Source> source;
  const core::VersionInfo* version = nullptr;
};

void add_log_options(CLI::App& cmd, LogInput& input);
// The same without --core.
void add_file_options(CLI::App& cmd, LogInput& input);
// Prints what is wrong with the name and returns the exit code, or sets `version`.
int find_version(const std::string& name, const core::VersionInfo*& version);
// Prints what is wrong and returns the exit code, or fills `opened`.
int open_log(const LogInput& input, OpenedLog& opened);

// One line on stderr while it takes long and stderr is a terminal.
class Progress : public replay::Listener {
 public:
  explicit Progress(const replay::Session& session);
  ~Progress() override;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void on_record(const log::Record& record) override;

 private:
  const replay::Session& session_;
  bool terminal_;
  bool shown_ = false;
};

}  // namespace reperf::tools
