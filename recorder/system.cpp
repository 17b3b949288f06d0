#include "recorder/system.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

namespace reperf::record {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Error system_error(std::string_view what, int error_number, std::string file) {
  return Error{ErrorKind::environment, fmt::format("{}: {}", what, std::strerror(error_number)),
               std::move(file), 0, 0};
}

std::string read_small_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd.valid()) return text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::vector<std::uint32_t> parse_cpu_list(std::string_view text) {
  std::vector<std::uint32_t> cpus;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::uint32_t first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc{}) break;
    std::uint32_t last = first;
    at = parsed.ptr;
    if (at < end && *at == '-') {
      parsed = std::from_chars(at + 1, end, last);
      if (parsed.ec != std::errc{}) break;
      at = parsed.ptr;
    }
    for (std::uint32_t cpu = first; cpu <= last && cpu < log::kNoCpu; ++cpu) cpus.push_back(cpu);
    if (at >= end || *at != ',') break;
    ++at;
  }
  return cpus;
}

std::vector<std::uint32_t> online_cpus() {
  return parse_cpu_list(read_small_file("/sys/devices/system/cpu/online"));
}

namespace {

log::Ns clock_now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<log::Ns>(now.tv_sec) * 1'000'000'000U + static_cast<log::Ns>(now.tv_nsec);
}

}  // namespace

log::Ns monotonic_now() { return clock_now(CLOCK_MONOTONIC); }
log::Ns realtime_now() { return clock_now(CLOCK_REALTIME); }

}  // namespace reperf::record
