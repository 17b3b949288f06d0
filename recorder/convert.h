// From ring records to the records of a log.
//
// One ring record becomes at most two log records: a switch or migration may be preceded by the
// count of those that were filtered before it, a close's return by the release that it caused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "recorder/bpf/wire.h"
#include "traces/record.h"

namespace reperf::record {

// Takes log records in order. Views in a record are valid during the call only.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void put(const log::Record& record) = 0;
};

class Converter {
 public:
  // `clock_base` is subtracted from every stamp.
  Converter(log::Ns clock_base, RecordSink& sink);

  // `late_attr`: for the entry of a perf_event_open whose attr was not there yet, the bytes that
  // came with the return; empty: none came.
  // A record that is too short for its type or of an unknown type is counted by malformed().
  void convert(std::span<const std::byte> raw, std::span<const std::byte> late_attr = {});

  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  log::Record begin(const reperf_wire_header& header) const;
  log::Ns to_log_time(log::Ns stamp) const;
  template <class Payload>
  void put(const reperf_wire_header& header, const Payload& payload);
  void put_filtered(const reperf_wire_header& header, log::FilterClass what, std::uint64_t count);

  void on_switch(std::span<const std::byte> raw);
  void on_migrate(std::span<const std::byte> raw);
  void on_fork(std::span<const std::byte> raw);
  void on_exec(std::span<const std::byte> raw);
  void on_exit(std::span<const std::byte> raw);
  void on_open(std::span<const std::byte> raw, std::span<const std::byte> late_attr);
  void on_open_ret(std::span<const std::byte> raw);
  void on_call(std::span<const std::byte> raw);
  void on_call_ret(std::span<const std::byte> raw);
  void on_read_ret(std::span<const std::byte> raw);
  void on_release(std::span<const std::byte> raw);
  void on_snap_task(std::span<const std::byte> raw);
  void on_snap_event(std::span<const std::byte> raw);
  void on_lost(std::span<const std::byte> raw);

  // The number of the event object at this kernel address; 0 for no address.
  std::uint32_t object_number(std::uint64_t address);

  log::Ns clock_base_;
  RecordSink& sink_;
  std::uint64_t malformed_ = 0;
  // What each thread passed to the perf_event_open it is in.
  std::map<std::uint32_t, std::vector<std::byte>> passed_attrs_;
  std::map<std::uint64_t, std::uint32_t> objects_;
  std::set<std::uint64_t> told_objects_;
};

// Whether two attrs are the same when the shorter one is continued with zeros, as the kernel
// does (ABI-3).
bool equal_attrs(std::span<const std::byte> a, std::span<const std::byte> b);

}  // namespace reperf::record
