// Takes one Cap'n Proto message (struct Chunk of log.capnp) apart, trusting nothing in it.
//
// load() validates everything, so that a chunk is delivered as a whole or not at all, and
// next() cannot fail.
#pragma once

#include <capnp/common.h>
#include <kj/common.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "traces/frame.h"
#include "traces/log.capnp.h"
#include "traces/record.h"
#include "traces/result.h"

namespace reperf::log {

class ChunkDecoder {
 public:
  // Error::what says what is wrong with the chunk; nothing is left to deliver then.
  // The message must stay alive and unchanged while records are taken.
  Result<void> load(kj::ArrayPtr<const capnp::word> message, const FrameHeader& frame);

  // Nothing is left to deliver.
  void clear() { at_ = count_ = 0; }

  // The next record of a kind that this program knows; false at the end of the chunk.
  bool next(Record& record);

  // Place in the chunk of the record that next() gave last, from 0.
  [[nodiscard]] std::uint32_t place() const { return at_ - 1; }
  [[nodiscard]] std::uint32_t unknown_records() const { return unknown_; }  // of the loaded chunk

 private:
  using Counts = std::array<std::uint32_t, 256>;
  // The task that the loaded chunk has last switched to on a CPU.
  struct Running {
    std::uint32_t tid = 0;
    std::uint32_t generation = 0;  // of the chunk that set it; another one: not known
  };

  void decode(schema::Chunk::Reader chunk, const FrameHeader& frame);
  void decode_times(schema::Chunk::Reader chunk);
  void decode_switches(schema::Chunk::Reader chunk, std::uint32_t count);
  void decode_tids(schema::Chunk::Reader chunk);
  void decode_others(schema::Chunk::Reader chunk, const Counts& counts);
  void check_summary(const FrameHeader& frame) const;

  std::uint32_t count_ = 0;
  std::uint32_t at_ = 0;
  std::uint32_t switch_at_ = 0;
  std::uint32_t other_at_ = 0;
  std::uint32_t unknown_ = 0;
  std::uint64_t losses_ = 0;
  std::span<const std::uint8_t> kinds_;
  std::vector<std::uint32_t> deltas_;
  std::vector<Ns> times_;
  std::vector<std::uint16_t> cpus_;
  std::vector<std::uint16_t> codes_;
  std::vector<std::uint32_t> dictionary_;
  std::vector<std::uint32_t> tids_;
  std::vector<SchedSwitch> switches_;
  std::vector<Payload> others_;   // of the known kinds that have no columns
  std::vector<Running> running_;  // by CPU, up to the highest one seen
  std::uint32_t generation_ = 0;
};

}  // namespace reperf::log
