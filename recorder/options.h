// What `reperf record` was asked to do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace reperf::record {

inline constexpr std::uint64_t kDefaultRingBytes = 32U << 20;
inline constexpr std::uint64_t kMinRingBytes = 64U << 10;
inline constexpr std::uint64_t kMaxRingBytes = 1U << 30;

struct Options {
  bool system_wide = false;             // -a
  pid_t pid = 0;                        // -p, 0: none
  std::string output = "reperf.rplog";  // "-": stdout
  bool all_switches = false;
  std::uint64_t ring_bytes = kDefaultRingBytes;  // any size; rounded up to a power of two
  bool quiet = false;                            // no summary
  bool verbose = false;                          // what libbpf says
  std::vector<std::string> command;              // empty: none
};

}  // namespace reperf::record
