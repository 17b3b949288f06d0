#include "core/attr.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace reperf::core {

namespace {

template <class T>
T field(std::span<const std::byte> bytes, std::size_t offset) {
  T value{};
  if (offset + sizeof(T) <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

perf_event_attr decode_attr(std::span<const std::byte> bytes) {
  // A size that ends inside a field leaves the rest of that field zero: pad first.
  std::array<std::byte, kAttrBytesMax> padded{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), padded.size()), padded.begin());
  perf_event_attr a;
  a.type = field<std::uint32_t>(padded, 0);
  a.size = field<std::uint32_t>(padded, 4);
  a.config = field<std::uint64_t>(padded, 8);
  a.sample_period = field<std::uint64_t>(padded, 16);
  a.sample_type = field<std::uint64_t>(padded, 24);
  a.read_format = field<std::uint64_t>(padded, 32);
  a.flags = field<std::uint64_t>(padded, 40);
  a.bp_type = field<std::uint32_t>(padded, 52);
  a.config1 = field<std::uint64_t>(padded, 56);
  a.config2 = field<std::uint64_t>(padded, 64);
  a.branch_sample_type = field<std::uint64_t>(padded, 72);
  a.sample_regs_user = field<std::uint64_t>(padded, 80);
  a.sample_stack_user = field<std::uint32_t>(padded, 88);
  a.clockid = field<std::int32_t>(padded, 92);
  a.sample_regs_intr = field<std::uint64_t>(padded, 96);
  a.sample_max_stack = field<std::uint16_t>(padded, 108);
  a.reserved_2 = field<std::uint16_t>(padded, 110);
  a.aux_sample_size = field<std::uint32_t>(padded, 112);
  a.aux_action = field<std::uint32_t>(padded, 116);
  return a;
}

}  // namespace reperf::core
