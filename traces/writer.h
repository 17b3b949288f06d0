// Writes a log file (.rplog); docs/log-format.md has the bytes.
//
// Crash safety: records gather in an open chunk; a closed chunk is one zstd frame written with
// one write(). The file is called F.partial until finish() has written the index and renamed it
// to F, so a kill at any instant loses at most the open chunk.
// Not thread-safe. Files are created with mode 0600.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

struct WriterOptions {
  int zstd_level = 3;
  // A chunk is closed when it has this many records or about this many bytes of columns and
  // blobs, whichever comes first, or on flush().
  std::uint32_t chunk_records = 16384;
  std::uint32_t chunk_bytes = 1U << 20;
};

class Writer {
 public:
  // Creates `path`.partial (fails when it cannot); "-" writes to stdout, without renaming.
  static Result<std::unique_ptr<Writer>> create(const std::string& path, const Header& header,
                                                const WriterOptions& options = {});
  // A Writer that is destroyed before finish() leaves the .partial file as it is.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Copies the record. On failure (disk full) nothing of the open chunk was written; the frames
  // already in the file stay readable.
  Result<void> append(const Record& record);

  // Closes the open chunk and hands it to the kernel. No-op without records.
  Result<void> flush();

  // Removes the .partial file: for output that is worth nothing unless it is whole. The writer
  // must not be used afterwards.
  void discard();

  // flush(), index, fsync, rename. The writer must not be used afterwards.
  Result<void> finish();

  [[nodiscard]] std::uint64_t records() const;        // appended so far
  [[nodiscard]] std::uint64_t bytes_written() const;  // handed to the kernel so far
  [[nodiscard]] const std::string& partial_path() const;

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace reperf::log
