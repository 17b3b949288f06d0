// Identities of the objects of the modelled machine.
//
// Small strong types, never addresses: transcripts and state digests must be the same on every
// run. An object's serial is its order of appearance, from 1, and is what people see; the slot
// is where it lives and is reused after a free, so that a long log needs constant memory while
// a stale id is still recognised (use after free is a finding, not a crash).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace reperf::core {

using Ns = std::uint64_t;   // nanoseconds of the virtual clock (perf_clock())
using Cpu = std::int32_t;   // CPU number; -1: none
using Tid = std::uint32_t;  // the kernel's thread id; 0: the idle task of a CPU

inline constexpr Cpu kNoCpu = -1;

template <class Tag>
struct Id {
  std::uint32_t slot = 0;
  std::uint32_t serial = 0;  // 0: refers to nothing

  explicit operator bool() const { return serial != 0; }
  friend bool operator==(Id a, Id b) { return a.serial == b.serial; }
  friend std::strong_ordering operator<=>(Id a, Id b) { return a.serial <=> b.serial; }
};

using EventId = Id<struct EventTag>;
using CtxId = Id<struct CtxTag>;
using TaskId = Id<struct TaskTag>;
using RunId = Id<struct RunTag>;

// Objects of one kind. Copyable when T is.
template <class T, class IdT>
class Table {
 public:
  // The new object is value-initialised. Its id was never used before.
  IdT create() {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
      slots_[slot].object = T{};
    }
    slots_[slot].serial = ++last_serial_;
    ++live_;
    return IdT{slot, last_serial_};
  }

  void destroy(IdT id) {
    if (!alive(id)) return;  // twice is once
    slots_[id.slot].serial = 0;
    free_.push_back(id.slot);
    --live_;
  }

  [[nodiscard]] bool alive(IdT id) const {
    return id.serial != 0 && id.slot < slots_.size() && slots_[id.slot].serial == id.serial;
  }

  // Precondition: alive(id).
  T& operator[](IdT id) { return slots_[id.slot].object; }
  const T& operator[](IdT id) const { return slots_[id.slot].object; }

  [[nodiscard]] std::size_t live() const { return live_; }
  [[nodiscard]] std::uint32_t last_serial() const { return last_serial_; }

  // Calls f(id, object) for every live object, in slot order.
  template <class F>
  void for_each(F&& f) const {
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (slots_[slot].serial != 0) f(IdT{slot, slots_[slot].serial}, slots_[slot].object);
    }
  }

 private:
  struct Slot {
    std::uint32_t serial = 0;
    T object{};
  };
  std::deque<Slot> slots_;  // stable addresses: paths keep references across creations
  std::vector<std::uint32_t> free_;
  std::uint32_t last_serial_ = 0;
  std::size_t live_ = 0;
};

}  // namespace reperf::core
