#include "recorder/hold_queue.h"

#include <cstring>

namespace reperf::record {
namespace {

reperf_wire_header header_of(std::span<const std::byte> raw) {
  reperf_wire_header header{};
  if (raw.size() >= sizeof(header)) std::memcpy(&header, raw.data(), sizeof(header));
  return header;
}

}  // namespace

void HoldQueue::feed(std::span<const std::byte> raw) {
  const reperf_wire_header header = header_of(raw);
  const bool waits = header.type == REPERF_WIRE_OPEN && header.flags == 0;
  if (held_.empty() && !waits) {
    converter_.convert(raw);
    return;
  }
  if (header.type == REPERF_WIRE_OPEN_RET) resolve(raw, header.tid);
  Held& held = held_.emplace_back();
  held.raw.assign(raw.begin(), raw.end());
  held.waiting = waits;
  if (waits) waiting_[header.tid] = &held;
  drain(header.stamp);
}

void HoldQueue::resolve(std::span<const std::byte> raw, std::uint32_t tid) {
  const auto found = waiting_.find(tid);
  if (found == waiting_.end()) return;
  constexpr std::size_t kFixed = offsetof(reperf_wire_open_ret, data);
  reperf_wire_open_ret wire{};
  if (raw.size() >= kFixed) {
    std::memcpy(&wire, raw.data(), kFixed);
    const std::size_t end = std::size_t{wire.kernel_len} + wire.user_len;
    if (end <= raw.size() - kFixed) {
      const auto attr = raw.subspan(kFixed + wire.kernel_len, wire.user_len);
      found->second->attr.assign(attr.begin(), attr.end());
    }
  }
  found->second->waiting = false;
  waiting_.erase(found);
}

void HoldQueue::drain(log::Ns now) {
  while (!held_.empty()) {
    Held& front = held_.front();
    const reperf_wire_header header = header_of(front.raw);
    if (front.waiting) {
      const bool too_long = now > header.stamp && now - header.stamp > kMaxWait;
      if (!too_long && held_.size() <= kMaxRecords) return;
      // Another open of the same thread may wait behind this one.
      const auto found = waiting_.find(header.tid);
      if (found != waiting_.end() && found->second == &front) waiting_.erase(found);
    }
    converter_.convert(front.raw, front.attr);
    held_.pop_front();
  }
}

void HoldQueue::flush() {
  while (!held_.empty()) {
    converter_.convert(held_.front().raw, held_.front().attr);
    held_.pop_front();
  }
  waiting_.clear();
}

}  // namespace reperf::record
