// Arguments and results of the modelled system calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/attr.h"
#include "core/ids.h"

namespace reperf::core {

// perf_event_open() as the caller made it, and what is known of the caller.
struct OpenArgs {
  std::array<std::byte, 256> attr_bytes{};
  std::uint32_t attr_length = 0;  // bytes known
  bool attr_known = true;         // false: the recorder could not read it
  std::int32_t pid = 0;
  std::int32_t cpu = -1;
  std::int32_t group_fd = -1;
  bool group_is_perf = false;  // group_fd is an open perf descriptor
  EventId group;               // its event, when known to the model
  std::uint64_t flags = 0;
  std::uint64_t cgroup = 0;  // id behind pid, with PERF_FLAG_PID_CGROUP; 0: not known
  std::uint32_t euid = 0;
  std::uint64_t cap_effective = ~std::uint64_t{0};
  bool init_user_ns = true;

  [[nodiscard]] std::span<const std::byte> attr_span() const {
    return std::span{attr_bytes}.first(attr_length);
  }
};

// The errno that perf_event_open() must give, three-valued (PRED-3): the first step that fails for
// certain decides (0: none does); every earlier step of unknown truth permits its own errno too.
struct OpenVerdict {
  int error = 0;  // positive errno, 0: success
  std::array<int, 12> permitted{};
  std::size_t permitted_count = 0;
  bool vague = false;  // more could be permitted than is listed: the attr is not known

  void permit(int errno_value) {
    if (permitted_count < permitted.size()) permitted[permitted_count++] = errno_value;
  }
  [[nodiscard]] bool permits(int errno_value) const {
    if (errno_value == error) return true;
    for (std::size_t i = 0; i < permitted_count; ++i) {
      if (permitted[i] == errno_value) return true;
    }
    return vague;
  }
};

// What a modelled call returned, once it has.
struct CallResult {
  bool done = false;
  std::int64_t ret = 0;              // -errno, or the value
  EventId event;                     // perf_event_open: the new event
  OpenVerdict verdict;               // perf_event_open
  bool modelled = true;              // false: the core has no opinion on the result
  std::vector<std::uint64_t> words;  // read: what user space gets
  // Set by the caller: the machine's answer decides where the model cannot (PRED-1, INPUT).
  bool force_success = false;
};

// An event as a snapshot found it.
struct AdoptedEvent {
  perf_event_attr attr;
  TaskId task;       // whose context it is in; none: the context of `cpu`
  Cpu cpu = kNoCpu;  // event->cpu
  std::int8_t state = 0;
  EventId parent;
  EventId leader;
  TaskId owner;
  std::uint64_t id = 0;
  std::uint64_t count = 0;
  std::uint64_t child_count = 0;
  Ns time_enabled = 0;
  Ns time_running = 0;
  Ns child_time_enabled = 0;
  Ns child_time_running = 0;
};

}  // namespace reperf::core
