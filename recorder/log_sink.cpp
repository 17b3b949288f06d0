#include "recorder/log_sink.h"

#include <numeric>
#include <string_view>
#include <variant>

#include <fmt/format.h>

namespace reperf::record {

std::uint64_t Totals::all_lost() const {
  return std::accumulate(lost.begin(), lost.end(), std::uint64_t{0});
}

void Totals::count(const log::Record& record) {
  ++records;
  if (const auto* loss = std::get_if<log::Lost>(&record.payload)) {
    lost.at(static_cast<std::size_t>(loss->cause)) += loss->count;
  } else if (const auto* some = std::get_if<log::Filtered>(&record.payload)) {
    filtered.at(static_cast<std::size_t>(some->what)) += some->count;
  }
}

std::string describe_losses(const Totals& totals) {
  constexpr std::array<std::string_view, 5> kCauses = {"ring full", "recursion", "unreadable",
                                                       "table full", "disk"};
  if (totals.all_lost() == 0) return "nothing lost";
  std::string causes;
  for (std::size_t i = 0; i < kCauses.size(); ++i) {
    if (totals.lost.at(i) == 0) continue;
    if (!causes.empty()) causes += ", ";
    causes += fmt::format("{} {}", kCauses.at(i), totals.lost.at(i));
  }
  return fmt::format("LOST {} records ({})", totals.all_lost(), causes);
}

std::string describe_recording(const Totals& totals, std::uint64_t bytes, double seconds,
                               const std::string& path) {
  const double per_record =
      totals.records == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(totals.records);
  return fmt::format(
      "{} records in {:.2f} s, {} bytes ({:.1f} a record) in {}; {}; not relevant to perf and only "
      "counted: {} switches, {} migrations",
      totals.records, seconds, bytes, per_record, path, describe_losses(totals),
      totals.filtered.at(0), totals.filtered.at(1));
}

void LogSink::put(const log::Record& record) {
  if (error_) return;
  Result<void> done = writer_->append(record);
  if (!done) {
    error_ = done.take_error();
    return;
  }
  totals_.count(record);
}

void LogSink::flush() {
  if (error_) return;
  Result<void> done = writer_->flush();
  if (!done) error_ = done.take_error();
}

Result<void> LogSink::finish() {
  if (error_) return *error_;
  return writer_->finish();
}

}  // namespace reperf::record
