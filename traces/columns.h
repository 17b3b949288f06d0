// Numbers in byte planes, as log.capnp's columns hold them: first all the lowest bytes, then all
// the second ones, and so on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace reperf::log {

// Precondition: planes has sizeof(T) * values.size() bytes.
template <class T>
void split_planes(std::span<const T> values, std::uint8_t* planes) {
  const std::size_t n = values.size();
  for (std::size_t plane = 0; plane < sizeof(T); ++plane) {
    std::uint8_t* out = planes + plane * n;
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = static_cast<std::uint8_t>(values[i] >> (8 * plane));
    }
  }
}

// Precondition: planes has 2 * n bytes.
inline void join_planes(const std::uint8_t* planes, std::size_t n,
                        std::vector<std::uint16_t>& out) {
  out.resize(n);
  std::uint16_t* to = out.data();
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = static_cast<std::uint16_t>(planes[i] | planes[n + i] << 8);
  }
}

// Precondition: planes has 4 * n bytes.
inline void join_planes(const std::uint8_t* planes, std::size_t n,
                        std::vector<std::uint32_t>& out) {
  out.resize(n);
  std::uint32_t* to = out.data();
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = static_cast<std::uint32_t>(planes[i]) | static_cast<std::uint32_t>(planes[n + i]) << 8 |
            static_cast<std::uint32_t>(planes[2 * n + i]) << 16 |
            static_cast<std::uint32_t>(planes[3 * n + i]) << 24;
  }
}

// The entry of timeDeltas that says "see wideTimes". It is the zigzag form of the smallest number.
inline constexpr std::uint32_t kWideTime = 0xffffffff;

[[nodiscard]] inline std::uint32_t zigzag(std::int32_t value) {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}

[[nodiscard]] inline std::int32_t unzigzag(std::uint32_t code) {
  return static_cast<std::int32_t>((code >> 1) ^ (0U - (code & 1U)));
}

}  // namespace reperf::log
