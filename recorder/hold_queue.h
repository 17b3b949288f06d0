// Keeps the order when a perf_event_open's attr comes late.
//
// A tracepoint program cannot fault a page in: when the caller's attr is on a page that is not
// present, the copy fails at the entry and is made at the return (recorder.md 4). The entry's
// record, which is to carry the attr, stands earlier in the order, so everything from it on
// waits here until the return has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "recorder/convert.h"

namespace reperf::record {

class HoldQueue {
 public:
  // Nothing waits for longer than this, in records and in the time of their stamps: an open that
  // has not returned by then is told without its attr.
  static constexpr std::size_t kMaxRecords = 65536;
  static constexpr log::Ns kMaxWait = 1'000'000'000;

  explicit HoldQueue(Converter& converter) : converter_(converter) {}

  // Takes one ring record.
  void feed(std::span<const std::byte> raw);
  // Lets go what has waited too long by `now` (CLOCK_MONOTONIC), also when nothing is fed.
  void drain(log::Ns now);
  // Waits for nothing any more.
  void flush();

 private:
  struct Held {
    std::vector<std::byte> raw;
    std::vector<std::byte> attr;
    bool waiting = false;
  };
  void resolve(std::span<const std::byte> raw, std::uint32_t tid);

  Converter& converter_;
  std::deque<Held> held_;                   // empty, or the first one waits
  std::map<std::uint32_t, Held*> waiting_;  // by thread; a deque does not move its elements
};

}  // namespace reperf::record
