// The state of the modelled machine: one copyable value.
//
// Types in snake_case and their fields carry the kernel's names and mean what they mean there
// (scheduling.md section 3, lifetime.md section 1). Objects refer to each other by id. Copying a
// World is meaningful at a quiescent point, when no kernel path is in flight.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/attr.h"
#include "core/ids.h"

namespace reperf::core {

// Values of 2016; the lowest ones were renumbered later. What a state means for an event is what
// cannot happen in it any more: from OFF on it is on no PMU, from EXIT on it is on no context.
enum perf_event_state : std::int8_t {
  PERF_EVENT_STATE_DEAD = -4,  // closed (not before `child-cleanup-merged`)
  PERF_EVENT_STATE_EXIT = -3,
  PERF_EVENT_STATE_ERROR = -2,
  PERF_EVENT_STATE_OFF = -1,
  PERF_EVENT_STATE_INACTIVE = 0,
  PERF_EVENT_STATE_ACTIVE = 1,
};

enum attach_state_bits : std::uint8_t {
  PERF_ATTACH_CONTEXT = 1,
  PERF_ATTACH_GROUP = 2,
  PERF_ATTACH_TASK = 4,
};

enum event_type_t : std::uint8_t {
  EVENT_FLEXIBLE = 1,
  EVENT_PINNED = 2,
  EVENT_ALL = 3,
  EVENT_TIME = 4,    // context time runs (from `context-time` on, SCH-46)
  EVENT_FROZEN = 8,  // it stands still until the locks are dropped (`linux-6.18`, SCH-143)
};

enum perf_event_task_context : std::int8_t {
  perf_invalid_context = -1,
  perf_hw_context = 0,
  perf_sw_context = 1,
  perf_nr_task_contexts = 2,
};

// A lock as a modelled object. Not recursive. Locks that are free between paths keep World a value.
struct Lock {
  std::uint32_t owner = 0;  // serial of the run that holds it, 0: free
};

// How the model of a PMU counts.
enum class PmuModel : std::uint8_t {
  software,    // exact occurrences of the kernel's software events (ABI-146 to ABI-155)
  cpu_clock,   // time while on a PMU, own clock readings
  task_clock,  // context time while ACTIVE (SCH-50)
  counting,    // N counters a CPU, each counts one per `ns_per_count` while on
  opaque,      // accepts events; what they count is not modelled
};

// Events with this config may use the counters of the mask only (bit n: counter n).
struct event_constraint {
  std::uint64_t config = 0;
  std::uint64_t idxmsk = 0;
};

struct pmu {
  std::string name;
  std::uint32_t type = 0;
  PmuModel model = PmuModel::opaque;
  perf_event_task_context task_ctx_nr = perf_sw_context;
  std::int32_t counters = 0;  // PmuModel::counting
  std::vector<event_constraint> constraints{};
  std::uint32_t mux_interval_ms = 0;  // of rotation, 0: one tick
};

using PmuIndex = std::int16_t;     // in World::pmus; -1: none
using CgroupIndex = std::int32_t;  // in World::cgroups; -1: none

inline constexpr CgroupIndex kNoCgroup = -1;
inline constexpr CgroupIndex kRootCgroup = 0;
inline constexpr Ns kNsPerCount = 1000;  // a counting PMU adds 1000 a millisecond (LIFE section 0)

struct hw_perf_event {
  Ns prev = 0;       // clock models: time up to which `count` is right
  Ns remainder = 0;  // counting: nanoseconds not yet worth a count

  // Sampling (scheduling.md section 14).
  bool stopped = false;          // PERF_HES_STOPPED: the PMU has it, but it does not count
  bool overflow_in_del = false;  // the log says that its next pmu->del() raises an overflow
  std::uint64_t interrupts = 0;  // in this tick; kMaxInterrupts: throttled
  std::uint64_t interrupts_seq = 0;
  std::uint64_t sample_period = 0;  // counts
  std::uint64_t last_period = 0;
  std::int64_t period_left = 0;  // as of the last overflow or start: only the log overflows
  Ns freq_time_stamp = 0;
  std::uint64_t freq_count_stamp = 0;
};

inline constexpr std::uint64_t kMaxInterrupts = ~std::uint64_t{0};  // MAX_INTERRUPTS

struct perf_event {
  PmuIndex pmu = -1;
  perf_event_state state = PERF_EVENT_STATE_OFF;
  std::uint8_t attach_state = 0;
  bool group_software = false;  // PERF_GROUP_SOFTWARE, on a leader
  bool pending_disable = false;
  bool pending = false;       // its irq_work is queued
  bool account_done = false;  // counted in perf_sched_events (SCH-59)
  EventId group_leader;
  std::vector<EventId> sibling_list;
  CtxId ctx;
  EventId parent;
  std::vector<EventId> child_list;
  Lock child_mutex;
  TaskId owner;
  Cpu cpu = kNoCpu;
  Cpu oncpu = kNoCpu;
  std::int32_t refcount = 0;
  perf_event_attr attr;
  std::uint64_t id = 0;  // perf_event.id as the machine gave it, 0: not known
  std::uint64_t count = 0;
  Ns tstamp_enabled = 0;
  Ns tstamp_running = 0;
  Ns tstamp_stopped = 0;
  Ns total_time_enabled = 0;
  Ns total_time_running = 0;
  std::uint64_t child_count = 0;
  Ns child_total_time_enabled = 0;
  Ns child_total_time_running = 0;
  std::int32_t event_limit = 0;  // overflows left, 0: no limit
  hw_perf_event hw;
  CgroupIndex cgrp = kNoCgroup;     // counts only while this cgroup runs on `cpu`
  bool cgrp_defer_enabled = false;  // enabled while another cgroup ran (SCH-119)
  bool kernel_event = false;        // made in the kernel: no file, no owner (LIFE-25)

  [[nodiscard]] bool is_leader(EventId self) const { return group_leader == self; }
};

struct perf_event_context {
  Lock lock;
  Lock mutex;
  TaskId task;                                   // none: a CPU context
  Cpu cpu = kNoCpu;                              // CPU contexts
  perf_event_task_context nr = perf_sw_context;  // the context class (SCH-6)
  std::vector<EventId> pinned_groups;
  std::vector<EventId> flexible_groups;
  std::vector<EventId> event_list;  // oldest first; the kernel's list is the reverse (SCH-22)
  std::int32_t nr_events = 0;
  std::int32_t nr_active = 0;
  std::uint8_t is_active = 0;
  std::int32_t nr_stat = 0;
  std::int32_t nr_freq = 0;  // ACTIVE events with a frequency
  Cpu active_on = kNoCpu;    // whose active_ctx_list it is on
  std::int32_t nr_cgroups = 0;
  bool rotate_disable = false;
  Ns time = 0;
  Ns timestamp = 0;
  CtxId parent_ctx;
  std::uint64_t parent_gen = 0;
  std::uint64_t generation = 0;
  std::int32_t pin_count = 0;
  std::int32_t refcount = 0;
  bool orphans_remove_sched = false;
  // The kernel's `task == TASK_TOMBSTONE`; here `task` stays, so that references can be counted.
  bool tombstone = false;
};

struct perf_cpu_context {
  CtxId ctx;
  CtxId task_ctx;
  std::int32_t active_oncpu = 0;
  bool exclusive = false;
  bool hrtimer_active = false;   // the multiplexing timer is armed: it is in World::work
  Ns hrtimer_interval = 0;       // its period; 0: a software class, which never rotates
  CgroupIndex cgrp = kNoCgroup;  // whose cgroup events may be on (SCH-115)
};

// perf_cgroup_info: the time in which a cgroup ran on a CPU, kept like a context's.
struct perf_cgroup_info {
  Ns time = 0;
  Ns timestamp = 0;
};

struct perf_cgroup {
  std::uint64_t id = 0;  // as the log names it
  CgroupIndex parent = kNoCgroup;
  std::string name;
  std::vector<perf_cgroup_info> info;  // by CPU
};

// cpu_hotplug: calls keep CPUs from coming and going as readers, who moves a CPU is the writer.
struct cpu_hotplug_lock {
  Lock lock;                  // held by the writer
  Lock refcount_zero;         // held as long as there are readers; the writer waits for it
  std::int32_t refcount = 0;  // readers
};

// An event that occupies a counter of a counting PMU on a CPU. Which counter is not fixed before a
// transaction ends (SCH-31).
struct counter_use {
  EventId event;
  PmuIndex pmu = -1;
  bool constrained = false;
  std::uint64_t idxmsk = 0;  // constrained: the counters it may use
};

struct task_struct {
  Tid tid = 0;
  Tid pid = 0;  // thread group id
  std::array<char, 16> comm{};
  std::int32_t usage = 1;  // references; the object lives until they are gone
  Cpu cpu = 0;             // task_cpu()
  bool on_cpu = false;     // task_curr()
  bool exiting = false;
  bool sched_migrated = false;
  bool has_run = false;       // its first placement is behind it (PRED-27)
  bool seen_running = false;  // since the log began
  CgroupIndex cgroup = kRootCgroup;
  Lock perf_event_mutex;
  std::array<CtxId, perf_nr_task_contexts> perf_event_ctxp;
  std::vector<EventId> perf_event_list;  // events it owns

  [[nodiscard]] std::string_view name() const { return std::string_view{comm.data()}; }
  void set_name(std::string_view name);
};

struct cpu_struct {
  bool online = true;
  TaskId curr;
  TaskId idle;
  std::int32_t perf_cgroup_events = 0;  // cgroup events of this CPU: the switch looks at cgroups
  std::array<perf_cpu_context, perf_nr_task_contexts> cpuctx;
  std::vector<CtxId> active_ctx_list;  // contexts with ACTIVE events here, the latest first in line
  std::uint64_t perf_throttled_seq = 0;
  std::uint64_t perf_throttled_count = 0;
  std::vector<counter_use> counters_on;
  bool txn = false;                             // a transaction is open (SCH-31)
  std::vector<std::int32_t> pmu_disable_count;  // nesting, by PMU (SCH-35)
};

// Work that the kernel queued for later. Runs at `when` on the default schedule.
enum class WorkKind : std::uint8_t {
  key_off,         // deferred end of the scheduler hooks (SCH-60)
  orphans_remove,  // LIFE-79 to LIFE-85
  mux_hrtimer,     // an interrupt of the CPU that `ctx` belongs to (SCH-113)
};

inline constexpr std::array<std::string_view, 3> kWorkNames = {"key-off", "orphans-remove",
                                                               "mux-hrtimer"};

struct Work {
  Ns when = 0;
  std::uint32_t serial = 0;  // order of queueing, breaks ties
  WorkKind kind{};
  CtxId ctx;
  std::string_view name{};  // one of kWorkNames
};

class World {
 public:
  Ns now = 0;
  std::vector<cpu_struct> cpus;
  std::vector<pmu> pmus;
  std::map<std::string, std::int64_t, std::less<>> sysctls;
  std::uint32_t hz = 1000;
  Table<task_struct, TaskId> tasks;
  Table<perf_event, EventId> events;
  Table<perf_event_context, CtxId> contexts;
  std::vector<perf_cgroup> cgroups;  // the root is always there; none goes away
  cpu_hotplug_lock cpu_hotplug;

  // perf_sched_events: how many counted events exist, whether the hooks are live (SCH-58, SCH-60).
  std::int32_t perf_sched_events = 0;
  bool sched_hooks_live = false;
  Lock perf_sched_mutex;  // who turns the hooks on, from `context-time` on (SCH-63)
  // perf_swevent_enabled[]: how many events of each software id exist.
  std::array<std::int32_t, kSwIds> perf_swevent_enabled{};

  // Warnings that the kernel has printed: most it prints once a boot.
  std::vector<const char*> warned;

  std::vector<Work> work;  // sorted by (when, serial)
  std::uint32_t work_serial = 0;

  [[nodiscard]] TaskId find_task(Tid tid) const;
  [[nodiscard]] bool known_dead(Tid tid) const;
  void bind_tid(Tid tid, TaskId task);
  void unbind_tid(Tid tid);  // the task is gone for good

  perf_cpu_context& cpuctx(Cpu cpu, perf_event_task_context nr) {
    return cpus[static_cast<std::size_t>(cpu)].cpuctx[static_cast<std::size_t>(nr)];
  }
  cpu_struct& cpu(Cpu nr) { return cpus[static_cast<std::size_t>(nr)]; }
  [[nodiscard]] const cpu_struct& cpu(Cpu nr) const { return cpus[static_cast<std::size_t>(nr)]; }
  [[nodiscard]] bool cpu_valid(Cpu nr) const {
    return nr >= 0 && static_cast<std::size_t>(nr) < cpus.size();
  }

  // kNoCgroup: nobody has told of it.
  [[nodiscard]] CgroupIndex find_cgroup(std::uint64_t id) const;
  CgroupIndex add_cgroup(std::uint64_t id, CgroupIndex parent, std::string_view name);

  [[nodiscard]] std::int64_t sysctl(std::string_view name, std::int64_t fallback) const;

 private:
  // tid -> task, in pages: thread ids are small and dense.
  static constexpr std::uint32_t kTidPage = 1024;
  std::vector<std::vector<TaskId>> tids_;
  static constexpr std::uint32_t kDeadSlot = 0xffffffff;
};

// Shape of the machine that a log describes.
struct MachineConfig {
  std::uint32_t cpus = 1;
  std::uint32_t hz = 1000;
  std::vector<pmu> pmus;
  std::map<std::string, std::int64_t, std::less<>> sysctls;
};

// The root of the cgroups, as logs name it.
inline constexpr std::uint64_t kRootCgroupId = 1;

// CPUs online with their idle tasks and CPU contexts, PMUs registered, nothing else.
[[nodiscard]] World make_world(const MachineConfig& config);

// A 64-bit digest of everything in `world`, the same on every machine.
[[nodiscard]] std::uint64_t digest(const World& world);

}  // namespace reperf::core
