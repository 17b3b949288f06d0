// Small pieces of the system's interface: descriptors, /proc and /sys files, clocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::record {

// Owns a descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// An Error of kind `environment` with errno's text: "WHAT: No such file or directory".
Error system_error(std::string_view what, int error_number, std::string file = {});

// The whole file, empty when it cannot be read. For /proc and /sys: no size is trusted.
std::string read_small_file(const std::string& path);

// "0-3,5" as the kernel writes lists of CPUs. Stops at what it does not understand.
std::vector<std::uint32_t> parse_cpu_list(std::string_view text);

// CPUs online now, ascending.
std::vector<std::uint32_t> online_cpus();

// CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
log::Ns monotonic_now();
log::Ns realtime_now();

}  // namespace reperf::record
