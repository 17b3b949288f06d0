// Reads a log file (.rplog), in constant memory, without trusting any number in it.
//
// A log may be cut (killed recorder) or damaged. The reader delivers every intact chunk, in
// order, and reports each place where something is missing as a Damage. By default damage ends
// the reading with an Error that names the offset; with ReaderOptions::salvage it is skipped and
// kept in damage(). A missing index (F.partial) is not damage of the chunks: complete() tells.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

class ByteStream;

struct ReaderOptions {
  bool salvage = false;
  // No frame may claim more than this, stored or unpacked (the writer stays far below).
  std::uint32_t frame_bytes_max = 16U << 20;
};

struct Damage {
  std::uint64_t offset = 0;         // first byte concerned
  std::uint64_t bytes = 0;          // how many bytes were skipped
  std::uint64_t first_missing = 0;  // sequence numbers of the records that are missing, when the
  std::uint64_t missing = 0;        // next intact frame tells; 0: not known
  std::string what;                 // "frame checksum does not match"
};

class Reader {
 public:
  // "-" reads stdin. Fails when the file cannot be opened or its beginning is not a log's.
  static Result<std::unique_ptr<Reader>> open(const std::string& path,
                                              const ReaderOptions& options = {});
  // The same from bytes that somebody has already looked at (but not skipped).
  static Result<std::unique_ptr<Reader>> open(std::unique_ptr<ByteStream> stream,
                                              const ReaderOptions& options);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] const Header& header() const;

  // true: `record` is the next one (its views are valid until the next call); false: the end.
  Result<bool> next(Record& record);

  [[nodiscard]] std::uint64_t sequence() const;  // of the record that next() gave last
  [[nodiscard]] bool complete() const;           // index seen: a clean end. Valid at the end
  [[nodiscard]] const std::vector<Damage>& damage() const;
  [[nodiscard]] std::uint64_t unknown_records() const;  // of kinds newer than this program, skipped
  [[nodiscard]] std::uint64_t bytes_read() const;
  [[nodiscard]] std::uint64_t chunks() const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace reperf::log
