// Gathers records and turns them into one Cap'n Proto message (struct Chunk of log.capnp).
#pragma once

#include <capnp/common.h>
#include <kj/array.h>

#include <cstdint>
#include <vector>

#include "traces/frame.h"
#include "traces/record.h"

namespace reperf::log {

// Small numbers for values, in order of first appearance. Open addressing with a generation in
// each slot, so that emptying it costs nothing however large it is.
class Dictionary {
 public:
  Dictionary();
  // Precondition: at most 65534 distinct values between two clear().
  std::uint16_t place(std::uint32_t value);
  [[nodiscard]] const std::vector<std::uint32_t>& values() const { return values_; }
  void clear();

 private:
  struct Slot {
    std::uint32_t value = 0;
    std::uint16_t generation = 0;
    std::uint16_t place = 0;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> values_;
  std::uint16_t generation_ = 1;
};

class ChunkEncoder {
 public:
  // Two thread ids a record must fit into the dictionary of a chunk.
  static constexpr std::uint32_t kRecordsMax = 32767;
  static constexpr std::uint32_t kBytesMax = 4U << 20;

  // Chunks of at most about `bytes` bytes.
  explicit ChunkEncoder(std::uint32_t bytes);

  // Precondition: no blob is longer than kBlobBytesMax, and !full().
  void append(const Record& record);
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(kinds_.size()); }
  [[nodiscard]] bool full(std::uint32_t records) const;

  // What a frame header says about the records; sequence, sizes and checksum are left to fill in.
  [[nodiscard]] FrameHeader summary() const;
  // The message. Precondition: count() > 0.
  [[nodiscard]] kj::Array<capnp::word> build() const;
  void clear();

 private:
  void append_time(Ns time);
  void append_tid(std::uint16_t cpu, std::uint32_t tid);
  void append_switch(std::uint16_t cpu, const SchedSwitch& payload);
  template <class View>
  View keep(View view);
  Payload keep_views(Payload payload);
  [[nodiscard]] std::size_t raw_bytes() const;

  std::uint32_t bytes_max_;
  Ns first_time_ = 0;
  Ns last_time_ = 0;
  std::uint64_t losses_ = 0;
  std::vector<std::uint8_t> kinds_;
  std::vector<std::uint32_t> deltas_;
  std::vector<std::uint64_t> wide_times_;
  std::vector<std::uint16_t> cpus_;
  Dictionary tids_;
  std::vector<std::uint16_t> tid_codes_;
  std::vector<std::uint32_t> running_;  // by CPU: 1 + place of the task switched to, 0: not known
  std::vector<std::uint16_t> touched_;  // CPUs with an entry in running_
  std::vector<std::uint16_t> switch_next_;
  Dictionary switch_states_;
  std::vector<std::uint16_t> switch_state_;
  std::vector<Payload> others_;   // of the kinds that have no columns; views into blobs_
  std::vector<std::byte> blobs_;  // never reallocates
};

}  // namespace reperf::log
