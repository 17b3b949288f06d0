// An output file that appears under its name only when it is complete. A Writer appends whole
// frames to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

class LogFile {
 public:
  // A path that is no regular file (a pipe, /dev/null) and "-" (stdout) are written to as they
  // are; anything else through `path`.partial, which replaces what a killed writer left there.
  static Result<std::unique_ptr<LogFile>> create(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // All bytes or none: on failure the file is cut back to what it was.
  Result<void> append(Bytes bytes);
  // fsync and rename.
  Result<void> finish();

  // Removes the .partial file, if there is one.
  void discard();

  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }
  [[nodiscard]] const std::string& partial_path() const { return partial_path_; }

 private:
  LogFile(int fd, std::string path, std::string partial_path);
  [[nodiscard]] Error failed(const char* what, int error) const;

  int fd_;
  std::string path_;
  std::string partial_path_;  // equal to path_: written to directly, no rename
  std::uint64_t bytes_written_ = 0;
};

}  // namespace reperf::log
