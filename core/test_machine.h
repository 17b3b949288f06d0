// A small machine and short names for what drives it: for unit tests and benchmarks.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/model.h"

namespace reperf::core::testing {

inline constexpr std::uint64_t bit(AttrBit b) {
  return std::uint64_t{1} << static_cast<unsigned>(b);
}

// Software PMU, both clocks and a core PMU with `counters` counters a CPU.
inline MachineConfig machine(std::uint32_t cpus = 4, std::int32_t counters = 2) {
  MachineConfig config;
  config.cpus = cpus;
  config.pmus = {
      {"software", PERF_TYPE_SOFTWARE, PmuModel::software, perf_sw_context, 0},
      {"cpu_clock", 6, PmuModel::cpu_clock, perf_sw_context, 0},
      {"task_clock", 7, PmuModel::task_clock, perf_sw_context, 0},
      {"cpu", PERF_TYPE_RAW, PmuModel::counting, perf_hw_context, counters},
  };
  config.sysctls["perf_event_max_sample_rate"] = 100000;
  return config;
}

// The inverse of decode_attr() for the fields that tests use.
inline void encode(const perf_event_attr& a, OpenArgs& out) {
  const auto put = [&out](std::size_t offset, auto value) {
    std::memcpy(out.attr_bytes.data() + offset, &value, sizeof value);
  };
  put(0, a.type);
  put(4, a.size);
  put(8, a.config);
  put(16, a.sample_period);
  put(24, a.sample_type);
  put(32, a.read_format);
  put(40, a.flags);
  put(52, a.bp_type);
  put(56, a.config1);
  put(64, a.config2);
  put(72, a.branch_sample_type);
  put(80, a.sample_regs_user);
  put(88, a.sample_stack_user);
  put(92, a.clockid);
  put(96, a.sample_regs_intr);
  put(108, a.sample_max_stack);
  put(110, a.reserved_2);
  put(112, a.aux_sample_size);
  put(116, a.aux_action);
  out.attr_length = a.size == 0 ? PERF_ATTR_SIZE_VER0 : a.size;
}

inline perf_event_attr make_attr(std::uint32_t type, std::uint64_t config, std::uint64_t flags = 0,
                                 std::uint64_t read_format = 0) {
  perf_event_attr a;
  a.type = type;
  a.size = kAttrBytesMax;
  a.config = config;
  a.flags = flags;
  a.read_format = read_format;
  return a;
}

inline perf_event_attr switches(std::uint64_t flags = 0, std::uint64_t read_format = 0) {
  return make_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, flags, read_format);
}

inline OpenArgs open_args(const perf_event_attr& attr, std::int32_t pid, std::int32_t cpu,
                          EventId group = {}) {
  OpenArgs args;
  encode(attr, args);
  args.pid = pid;
  args.cpu = cpu;
  if (group) {
    args.group_fd = 3;
    args.group_is_perf = true;
    args.group = group;
  }
  return args;
}

inline const VersionInfo& version(std::string_view name) { return *find_version(name); }

// A model that moves its clock on by itself.
class Machine {
 public:
  explicit Machine(const VersionInfo& v, const MachineConfig& config = machine())
      : model(v, config, chooser_) {}
  explicit Machine(std::string_view v) : Machine(version(v)) {}
  Machine(const VersionInfo& v, const MachineConfig& config, Chooser& chooser)
      : model(v, config, chooser) {}

  void tick(Ns ns = 1000) { model.advance(model.world().now + ns); }
  // Whoever runs on `cpu` leaves for `next`.
  void run(Cpu cpu, Tid next, bool prev_dead = false) {
    tick();
    const Tid prev = tid_on(cpu);
    model.sched_switch(cpu, prev, next, prev_dead);
  }
  EventId open(Cpu cpu, Tid tid, const perf_event_attr& attr, std::int32_t pid, Cpu on = kNoCpu,
               EventId group = {}) {
    tick();
    CallResult& result = model.perf_event_open(cpu, tid, open_args(attr, pid, on, group), false);
    const EventId event = result.event;
    if (event) model.bind_event(++last_id_, event);
    return event;
  }
  std::int64_t ioctl(Cpu cpu, Tid tid, EventId event, std::uint32_t cmd, std::uint64_t arg = 0) {
    tick();
    return model.ioctl(cpu, tid, event, cmd, arg).ret;
  }
  // The first word of a read: the count, or nr of a group.
  std::uint64_t read(Cpu cpu, Tid tid, EventId event) { return words(cpu, tid, event).at(0); }
  const std::vector<std::uint64_t>& words(Cpu cpu, Tid tid, EventId event) {
    tick();
    return model.read(cpu, tid, event, 4096).words;
  }

  [[nodiscard]] Tid tid_on(Cpu cpu) const {
    return model.world().tasks[model.world().cpu(cpu).curr].tid;
  }
  [[nodiscard]] const perf_event& event(EventId id) const { return model.world().events[id]; }
  [[nodiscard]] const perf_event_context& ctx_of(EventId id) const {
    return model.world().contexts[event(id).ctx];
  }

 private:
  Chooser chooser_;
  std::uint64_t last_id_ = 0;

 public:
  Model model;
};

// Counts facts by kind and keeps the texts of warnings and findings.
class FactCounter : public Observer {
 public:
  void on_fact(const Fact& fact, const World&) override {
    ++counts_[static_cast<std::size_t>(fact.kind)];
    if (fact.kind == FactKind::finding || fact.kind == FactKind::warn) texts.push_back(fact.text);
  }
  [[nodiscard]] std::uint64_t of(FactKind kind) const {
    return counts_[static_cast<std::size_t>(kind)];
  }
  std::vector<std::string> texts;

 private:
  std::array<std::uint64_t, 64> counts_{};
};

}  // namespace reperf::core::testing
