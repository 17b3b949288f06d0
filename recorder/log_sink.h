// The end of the line: records go into the log file and are counted for the summary.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "recorder/convert.h"
#include "traces/result.h"
#include "traces/writer.h"

namespace reperf::record {

// What a recording amounts to.
struct Totals {
  std::uint64_t records = 0;
  std::array<std::uint64_t, 5> lost{};      // by LossCause
  std::array<std::uint64_t, 2> filtered{};  // by FilterClass

  [[nodiscard]] std::uint64_t all_lost() const;
  void count(const log::Record& record);
};

// "nothing lost", or "LOST 12 records (ring full 10, unreadable 2)".
std::string describe_losses(const Totals& totals);
// The summary's line, without a final newline. `seconds` of recording, `bytes` in the file.
std::string describe_recording(const Totals& totals, std::uint64_t bytes, double seconds,
                               const std::string& path);

class LogSink : public RecordSink {
 public:
  explicit LogSink(std::unique_ptr<log::Writer> writer) : writer_(std::move(writer)) {}

  // After the first failure (disk full) records are dropped; see error().
  void put(const log::Record& record) override;
  // Hands everything to the kernel, so that a kill from now on costs nothing that is behind us.
  void flush();
  // The recording is not wanted: nothing of it stays.
  void discard() { writer_->discard(); }
  // Index and rename; not after a failure.
  Result<void> finish();

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] std::string partial_path() const { return writer_->partial_path(); }

 private:
  std::unique_ptr<log::Writer> writer_;
  std::optional<Error> error_;
  Totals totals_;
};

}  // namespace reperf::record
