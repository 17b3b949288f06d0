// The BPF programs and what the collector asks of them.
//
// Order of use: load(), calibrate(), attach(), find_scope(), snapshot(), consume() again and
// again, detach(), consume(), read the rest. Not thread-safe: one thread does it all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "recorder/bpf/wire.h"
#include "recorder/options.h"
#include "traces/record.h"
#include "traces/result.h"

namespace reperf::record {

using RawRecord = std::function<void(std::span<const std::byte>)>;

// What the kernel told about itself through its type information and our own descriptors.
struct KernelFacts {
  std::uint32_t attr_size = 0;
  std::int32_t state_exit = 0;
  std::int32_t state_dead = 0;
  std::vector<log::Pmu> clock_pmus;  // they have no directory in sysfs
};

class Capture {
 public:
  // Opens and loads the programs. `take` gets every ring record, in order.
  static Result<std::unique_ptr<Capture>> load(const Options& options, RawRecord take);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Learns addresses through perf descriptors of its own, which are closed again before it
  // returns (recorder.md 3.3, 3.4).
  Result<KernelFacts> calibrate();

  Result<void> attach();

  // Puts `pid`'s process with its threads and descendants into the scope. Precondition: attached,
  // so that a fork meanwhile is not missed.
  Result<void> find_scope(pid_t pid);

  // Runs the iterators; their records come through consume().
  Result<void> snapshot();

  // Hands over what is in the ring, at most about `max_records`. Returns whether it is empty now.
  bool consume(std::size_t max_records);

  // A descriptor that epoll (edge-triggered) reports when the ring has filled to a quarter.
  [[nodiscard]] int ring_fd() const;

  // No program runs any more when it returns; the ring keeps what it holds.
  void detach();

  // What no record carried any more: one entry a CPU. After detach().
  Result<std::vector<reperf_cpu_state>> cpu_states() const;
  // Program runs that the kernel skipped, all programs together.
  [[nodiscard]] std::uint64_t recursion_misses() const;

 private:
  struct Impl;
  explicit Capture(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The size a ring of `bytes` gets: a power of two (the kernel wants that).
std::uint64_t ring_size(std::uint64_t bytes);

}  // namespace reperf::record
