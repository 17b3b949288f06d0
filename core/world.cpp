#include "core/world.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace reperf::core {

void task_struct::set_name(std::string_view text) {
  comm.fill('\0');
  const std::size_t n = std::min(text.size(), comm.size() - 1);
  std::memcpy(comm.data(), text.data(), n);
}

TaskId World::find_task(Tid tid) const {
  const std::size_t page = tid / kTidPage;
  if (page >= tids_.size() || tids_[page].empty()) return TaskId{};
  const TaskId task = tids_[page][tid % kTidPage];
  return task.slot == kDeadSlot ? TaskId{} : task;
}

bool World::known_dead(Tid tid) const {
  const std::size_t page = tid / kTidPage;
  if (page >= tids_.size() || tids_[page].empty()) return false;
  return tids_[page][tid % kTidPage].slot == kDeadSlot;
}

void World::bind_tid(Tid tid, TaskId task) {
  const std::size_t page = tid / kTidPage;
  if (page >= tids_.size()) tids_.resize(page + 1);
  if (tids_[page].empty()) tids_[page].resize(kTidPage);
  tids_[page][tid % kTidPage] = task;
}

void World::unbind_tid(Tid tid) { bind_tid(tid, TaskId{kDeadSlot, 0}); }

CgroupIndex World::find_cgroup(std::uint64_t id) const {
  const auto it = std::find_if(cgroups.begin(), cgroups.end(),
                               [id](const perf_cgroup& g) { return g.id == id; });
  return it == cgroups.end() ? kNoCgroup : static_cast<CgroupIndex>(it - cgroups.begin());
}

CgroupIndex World::add_cgroup(std::uint64_t id, CgroupIndex parent, std::string_view name) {
  cgroups.push_back({id, parent, std::string{name}, std::vector<perf_cgroup_info>(cpus.size())});
  return static_cast<CgroupIndex>(cgroups.size() - 1);
}

std::int64_t World::sysctl(std::string_view name, std::int64_t fallback) const {
  const auto it = sysctls.find(name);
  return it == sysctls.end() ? fallback : it->second;
}

namespace {

// SCH-113: what the first PMU of the class says, else one tick, in whole milliseconds.
Ns mux_interval(const World& w, perf_event_task_context nr) {
  if (nr == perf_sw_context) return 0;
  std::uint32_t ms = std::max(1000 / w.hz, 1U);
  const auto it = std::find_if(w.pmus.begin(), w.pmus.end(),
                               [nr](const pmu& p) { return p.task_ctx_nr == nr; });
  if (it != w.pmus.end() && it->mux_interval_ms != 0) ms = it->mux_interval_ms;
  return Ns{ms} * 1'000'000;
}

}  // namespace

World make_world(const MachineConfig& config) {
  World w;
  w.hz = config.hz == 0 ? 1000 : config.hz;
  w.pmus = config.pmus;
  w.sysctls = config.sysctls;
  w.cpus.resize(std::max(config.cpus, 1U));
  for (Cpu nr = 0; w.cpu_valid(nr); ++nr) {
    cpu_struct& cpu = w.cpu(nr);
    cpu.idle = w.tasks.create();
    task_struct& idle = w.tasks[cpu.idle];
    idle.set_name("swapper");
    idle.cpu = nr;
    idle.on_cpu = true;
    cpu.curr = cpu.idle;
    cpu.pmu_disable_count.resize(config.pmus.size());
    for (std::size_t cls = 0; cls < perf_nr_task_contexts; ++cls) {
      const CtxId ctx = w.contexts.create();
      perf_event_context& c = w.contexts[ctx];
      c.cpu = nr;
      c.nr = static_cast<perf_event_task_context>(cls);
      c.refcount = 1;
      cpu.cpuctx[cls].ctx = ctx;
      cpu.cpuctx[cls].hrtimer_interval = mux_interval(w, c.nr);
    }
  }
  w.add_cgroup(kRootCgroupId, kNoCgroup, "/");
  return w;
}

namespace {

// FNV-1a over 64-bit words.
class Hasher {
 public:
  void add(std::uint64_t word) {
    hash_ ^= word;
    hash_ *= 0x100000001b3ULL;
    hash_ ^= hash_ >> 29;
  }
  template <class Tag>
  void add(Id<Tag> id) {
    add(std::uint64_t{id.serial});
  }
  template <class Tag>
  void add(const std::vector<Id<Tag>>& ids) {
    add(ids.size());
    for (const Id<Tag> id : ids) add(id);
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

// What most worlds do not use at all: the digests of those do not depend on it.
void add_unless_zero(Hasher& h, std::span<const std::uint64_t> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == 0) continue;
    h.add(i);
    h.add(words[i]);
  }
}

void add_event(Hasher& h, EventId id, const perf_event& x) {
  h.add(id);
  h.add(static_cast<std::uint64_t>(x.state + 16));
  h.add(std::uint64_t{x.attach_state});
  h.add(x.group_leader);
  h.add(x.sibling_list);
  h.add(x.ctx);
  h.add(x.parent);
  h.add(x.child_list);
  h.add(x.owner);
  h.add(x.attr.flags);
  h.add(x.attr.sample_period);
  h.add(std::uint64_t{x.group_software});
  h.add(std::uint64_t{x.account_done});
  h.add(std::uint64_t{x.pending_disable});
  h.add(static_cast<std::uint64_t>(x.cpu));
  h.add(static_cast<std::uint64_t>(x.oncpu));
  h.add(static_cast<std::uint64_t>(x.refcount));
  for (const std::uint64_t word :
       {x.count, x.tstamp_enabled, x.tstamp_running, x.tstamp_stopped, x.total_time_enabled,
        x.total_time_running, x.child_count, x.child_total_time_enabled, x.child_total_time_running,
        x.hw.prev, x.hw.remainder}) {
    h.add(word);
  }
  const hw_perf_event& hw = x.hw;
  const std::uint64_t flags = std::uint64_t{hw.stopped} | std::uint64_t{hw.overflow_in_del} << 1 |
                              std::uint64_t{x.pending} << 2;
  const std::array sampling = {flags,
                               static_cast<std::uint64_t>(x.event_limit),
                               hw.interrupts,
                               hw.interrupts_seq,
                               hw.sample_period,
                               hw.last_period,
                               static_cast<std::uint64_t>(hw.period_left),
                               hw.freq_time_stamp,
                               hw.freq_count_stamp};
  add_unless_zero(h, sampling);
}

void add_context(Hasher& h, CtxId id, const perf_event_context& c) {
  h.add(id);
  h.add(c.task);
  if (c.tombstone) h.add(std::uint64_t{c.tombstone});
  h.add(static_cast<std::uint64_t>(c.cpu));
  h.add(c.pinned_groups);
  h.add(c.flexible_groups);
  h.add(c.event_list);
  h.add(c.parent_ctx);
  for (const std::uint64_t word :
       {static_cast<std::uint64_t>(c.nr_active), std::uint64_t{c.is_active}, c.time, c.timestamp,
        c.parent_gen, c.generation, std::uint64_t{c.orphans_remove_sched},
        std::uint64_t{c.rotate_disable}, static_cast<std::uint64_t>(c.pin_count),
        static_cast<std::uint64_t>(c.refcount)}) {
    h.add(word);
  }
  add_unless_zero(h, std::array{static_cast<std::uint64_t>(c.nr_freq)});
}

// What most worlds do not have enters only where it is there, each thing behind a word of its own.
enum class Rare : std::uint64_t {
  hrtimer = 1,
  cgrp,
  nr_cgroups,
  cgroup,
  info,
  task,
  event,
  hotplug
};

template <class... Words>
void add_rare(Hasher& h, Rare what, Words... words) {
  h.add(~static_cast<std::uint64_t>(what));
  (h.add(static_cast<std::uint64_t>(words)), ...);
}

void add_cgroups(Hasher& h, const World& world) {
  for (std::size_t i = 0; i < world.cgroups.size(); ++i) {
    const perf_cgroup& g = world.cgroups[i];
    if (i != 0) add_rare(h, Rare::cgroup, g.id, g.parent);
    for (std::size_t cpu = 0; cpu < g.info.size(); ++cpu) {
      const perf_cgroup_info& info = g.info[cpu];
      if ((info.time | info.timestamp) == 0) continue;
      add_rare(h, Rare::info, i, cpu, info.time, info.timestamp);
    }
  }
}

// Serials grow in order of appearance: sorted by them, the order of slots does not matter.
template <class T, class IdT, class F>
void in_serial_order(const Table<T, IdT>& table, F&& f) {
  std::vector<IdT> ids;
  ids.reserve(table.live());
  table.for_each([&](IdT id, const T&) { ids.push_back(id); });
  std::sort(ids.begin(), ids.end());
  for (const IdT id : ids) f(id, table[id]);
}

}  // namespace

std::uint64_t digest(const World& world) {
  Hasher h;
  h.add(world.now);
  h.add(static_cast<std::uint64_t>(world.perf_sched_events));
  h.add(std::uint64_t{world.sched_hooks_live});
  for (const Work& work : world.work) {
    h.add(work.when);
    h.add(static_cast<std::uint64_t>(work.kind));
    h.add(work.ctx);
  }
  for (const cpu_struct& cpu : world.cpus) {
    h.add(std::uint64_t{cpu.online});
    h.add(cpu.curr);
    add_unless_zero(h, std::array{cpu.perf_throttled_seq, cpu.perf_throttled_count});
    // Which contexts are on the list follows from nr_active, their order does not.
    if (cpu.active_ctx_list.size() > 1) h.add(cpu.active_ctx_list);
    // Who is on a counter follows from the events, unless one was taken off on another CPU.
    for (const counter_use& use : cpu.counters_on) {
      const bool here = world.events.alive(use.event) &&
                        world.events[use.event].oncpu == world.tasks[cpu.idle].cpu;
      if (here) continue;
      h.add(use.event);
      h.add(static_cast<std::uint64_t>(use.pmu));
      h.add(use.idxmsk);
    }
    if (cpu.txn) h.add(1);
    for (std::size_t i = 0; i < cpu.pmu_disable_count.size(); ++i) {
      if (cpu.pmu_disable_count[i] == 0) continue;
      h.add(i);
      h.add(static_cast<std::uint64_t>(cpu.pmu_disable_count[i]));
    }
    for (const perf_cpu_context& cpuctx : cpu.cpuctx) {
      h.add(cpuctx.task_ctx);
      h.add(static_cast<std::uint64_t>(cpuctx.active_oncpu));
      h.add(std::uint64_t{cpuctx.exclusive});
      if (cpuctx.hrtimer_active) add_rare(h, Rare::hrtimer);
      if (cpuctx.cgrp != kNoCgroup) add_rare(h, Rare::cgrp, cpuctx.cgrp);
    }
    if (cpu.perf_cgroup_events != 0) add_rare(h, Rare::nr_cgroups, cpu.perf_cgroup_events);
  }
  if (world.cpu_hotplug.refcount != 0) add_rare(h, Rare::hotplug, world.cpu_hotplug.refcount);
  add_cgroups(h, world);
  in_serial_order(world.tasks, [&](TaskId id, const task_struct& t) {
    h.add(id);
    h.add(std::uint64_t{t.tid});
    h.add(static_cast<std::uint64_t>(t.cpu));
    h.add(std::uint64_t{t.sched_migrated});
    h.add(std::uint64_t{t.exiting});
    h.add(static_cast<std::uint64_t>(t.usage));
    for (const CtxId ctx : t.perf_event_ctxp) h.add(ctx);
    h.add(t.perf_event_list);
    if (t.cgroup != kRootCgroup) add_rare(h, Rare::task, t.cgroup);
  });
  in_serial_order(world.events, [&](EventId id, const perf_event& x) {
    add_event(h, id, x);
    if (x.cgrp != kNoCgroup || x.kernel_event) {
      add_rare(h, Rare::event, x.cgrp, x.cgrp_defer_enabled, x.kernel_event);
    }
  });
  in_serial_order(world.contexts, [&](CtxId id, const perf_event_context& c) {
    add_context(h, id, c);
    if (c.nr_cgroups != 0) add_rare(h, Rare::nr_cgroups, c.nr_cgroups);
  });
  return h.value();
}

}  // namespace reperf::core
