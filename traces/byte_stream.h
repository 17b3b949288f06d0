// A window onto a file or pipe that is read once, from front to back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

// Not thread-safe.
class ByteStream {
 public:
  // "-" is stdin.
  static Result<std::unique_ptr<ByteStream>> open(const std::string& path);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Tries to have `bytes` bytes in the window; fewer only at the end of the file. The window
  // grows with what really arrives, so a `bytes` from a damaged file costs nothing by itself.
  // A failing read() is kept in error() and looks like the end of the file.
  void want(std::size_t bytes);
  // From the current offset on. Valid until the next want() or skip().
  [[nodiscard]] Bytes window() const { return Bytes(buffer_).subspan(begin_, end_ - begin_); }
  // Precondition: bytes <= window().size().
  void skip(std::size_t bytes);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }  // of the window's first byte
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] const Result<void>& error() const { return error_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  ByteStream(int fd, std::string name);
  void make_room();
  bool read_some();

  int fd_;
  std::string name_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_read_ = 0;
  bool at_end_ = false;
  Result<void> error_;
};

}  // namespace reperf::log
