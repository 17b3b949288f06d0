// Invariants at the release of a ctx->lock, one function each.
#include <algorithm>
#include <utility>

#include "core/invariants.h"

namespace reperf::core {

namespace {

// Contexts of up to this size are looked at whole each time, larger ones when a fact told of them.
constexpr std::size_t kSmall = 32;

constexpr std::uint64_t kOneLeader = std::uint64_t{1} << 40;  // beside a sum of serials

bool attached(const perf_event& x) { return (x.attach_state & PERF_ATTACH_CONTEXT) != 0; }

const perf_cpu_context& cpuctx(const World& w, Cpu cpu, perf_event_task_context nr) {
  return w.cpu(cpu).cpuctx[static_cast<std::size_t>(nr)];
}

bool software(const World& w, const perf_event& x) {
  return x.pmu >= 0 && w.pmus[static_cast<std::size_t>(x.pmu)].task_ctx_nr == perf_sw_context;
}

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

void Invariants::at_unlock(CtxId id, Cpu cpu, const World& w) {
  if (!w.contexts.alive(id)) return;
  const perf_event_context& c = w.contexts[id];
  CtxMemory& m = memory(id, w);
  wait_for_quiescence(id, m, w);
  if (w.cpu_valid(cpu)) {
    wait_for_quiescence(cpu);
    note_task_ctx(w, cpu, c.nr);
    inv_4(cpu, c.nr, w);
    inv_12(cpu, c.nr, w);
    if (cpuctx(w, cpu, c.nr).exclusive) ++refused_;
  }
  for (const auto& [other, nr] : std::exchange(foreign_, {})) inv_12(other, nr, w);
  inv_3(id, c);
  inv_4(id, c, m);
  inv_5(id, c, m);
  inv_8(id, c, w);
  inv_16(id, c, m);
  inv_17(id, c, m);  // before the next one, which takes note of the time
  inv_15(id, c, m, w.now);
  inv_18(id, c, m);
  inv_20(id, c, m, w);
  if (!m.touched && c.event_list.size() > kSmall) return;
  m.touched = false;
  look_at_events(id, c, w);
}

void Invariants::look_at_events(CtxId id, const perf_event_context& c, const World& w) {
  inv_1(id, c, w);
  inv_2(id, c, w);
  for (const EventId event : c.event_list) {
    if (!w.events.alive(event)) continue;
    const perf_event& x = w.events[event];
    inv_9(event, x, id, w);
    EventMemory& m = memory(event, w);
    inv_14(event, x, m, w);
    inv_15(event, x, m);
  }
}

void Invariants::inv_1(CtxId id, const perf_event_context& c, const World& w) {
  if (!judged(Rule::INV_1)) return;
  std::int32_t stat = 0;
  std::int32_t cgroups = 0;
  // How many, and the sum of their serials: the group lists must have the same ones.
  std::uint64_t leaders = 0;
  const char* wrong = nullptr;
  Fact fact{.ctx = id, .a = c.nr_events, .b = number(c.event_list.size())};
  if (fact.a != fact.b) wrong = "%c has nr_events %a, but %b events on its list";
  for (const EventId event : c.event_list) {
    if (!w.events.alive(event) || !attached(w.events[event]) || !(w.events[event].ctx == id)) {
      fact.event = event;
      wrong = "%e is on the list of %c, but not attached to it";
      break;
    }
    const perf_event& x = w.events[event];
    if (x.attr.has(AttrBit::inherit_stat)) ++stat;
    if (x.cgrp != kNoCgroup) ++cgroups;
    if (x.is_leader(event)) leaders += kOneLeader + event.serial;
  }
  for (const auto* groups : {&c.pinned_groups, &c.flexible_groups}) {
    for (const EventId leader : *groups) leaders -= kOneLeader + leader.serial;
  }
  if (wrong == nullptr && leaders != 0) wrong = "the group lists of %c are not its leaders";
  if (wrong == nullptr && stat != c.nr_stat) {
    wrong = "%c has nr_stat %a, but %b events with inherit_stat";
    fact.a = c.nr_stat;
    fact.b = stat;
  } else if (wrong == nullptr && cgroups != c.nr_cgroups) {
    wrong = "%c has nr_cgroups %a, but %b events of cgroups";
    fact.a = c.nr_cgroups;
    fact.b = cgroups;
  }
  if (news(Rule::INV_1, Who::ctx, id.serial, wrong == nullptr)) tell(Rule::INV_1, wrong, fact);
}

void Invariants::inv_2(CtxId id, const perf_event_context& c, const World& w) {
  if (!judged(Rule::INV_2)) return;
  std::int32_t active = 0;
  std::int32_t freq = 0;
  for (const EventId event : c.event_list) {
    if (!w.events.alive(event) || w.events[event].state != PERF_EVENT_STATE_ACTIVE) continue;
    ++active;
    if (w.events[event].attr.frequency()) ++freq;
  }
  const char* wrong = nullptr;
  Fact fact{.ctx = id, .a = c.nr_active, .b = active};
  if (active != c.nr_active) {
    wrong = "%c has nr_active %a, but %b events are ACTIVE";
  } else if (freq != c.nr_freq) {
    wrong = "%c has nr_freq %a, but %b ACTIVE events have a frequency";
    fact.a = c.nr_freq;
    fact.b = freq;
  } else if ((c.active_on != kNoCpu) != (active > 0)) {
    wrong = "%c has %b ACTIVE events, and is on the active_ctx_list of CPU %a";
    fact.a = c.active_on;
  }
  if (news(Rule::INV_2, Who::ctx, id.serial, wrong == nullptr)) tell(Rule::INV_2, wrong, fact);
}

void Invariants::inv_3(CtxId id, const perf_event_context& c) {
  if (!judged(Rule::INV_3)) return;
  if (!news(Rule::INV_3, Who::ctx, id.serial, c.nr_events != 0 || c.is_active == 0)) return;
  tell(Rule::INV_3, "%c has no events, but is_active %m", {.ctx = id, .a = c.is_active});
}

// On the CPU whose lock section ends.
void Invariants::inv_4(Cpu cpu, perf_event_task_context nr, const World& w) {
  if (!judged(Rule::INV_4)) return;
  const CtxId ctx = cpuctx(w, cpu, nr).task_ctx;
  const bool alive = !ctx || w.contexts.alive(ctx);
  const char* wrong = nullptr;
  if (!alive) {
    wrong = "%c is task_ctx on CPU %a, but was freed";
  } else if (ctx && !w.contexts[ctx].task) {
    wrong = "%c is task_ctx on CPU %a, but no task's context";
  }
  if (news(Rule::INV_4, Who::cpu, cpu_key(cpu, nr), wrong == nullptr)) {
    tell(Rule::INV_4, wrong, {.ctx = ctx, .a = cpu});
  }
}

// On whatever CPU has it.
void Invariants::inv_4(CtxId id, const perf_event_context& c, const CtxMemory& m) {
  if (!judged(Rule::INV_4)) return;
  const bool holds = m.on_cpus == 0 || (c.is_active & EVENT_ALL) != 0;
  if (!news(Rule::INV_4, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_4, "%c is task_ctx on %a CPUs, but not active", {.ctx = id, .a = m.on_cpus});
}

void Invariants::inv_5(CtxId id, const perf_event_context& c, const CtxMemory& m) {
  if (!judged(Rule::INV_5) || !c.task) return;
  const bool active = (c.is_active & EVENT_ALL) != 0;
  const bool holds = m.on_cpus == 1 || (m.on_cpus == 0 && !active);
  if (!news(Rule::INV_5, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_5, "%c has is_active %m, and is task_ctx on %b CPUs",
       {.ctx = id, .a = c.is_active, .b = m.on_cpus});
}

// The second half follows from the first where empty contexts are never active (INV-3).
void Invariants::inv_8(CtxId id, const perf_event_context& c, const World& w) {
  if (!judged(Rule::INV_8) || !c.task) return;
  const bool holds =
      w.sched_hooks_live || (c.nr_events == 0 && (c.is_active == 0 || !judged(Rule::INV_3)));
  if (!news(Rule::INV_8, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_8, "%c has %a events and is_active %n, but the scheduler hooks are off",
       {.ctx = id, .a = c.nr_events, .b = c.is_active});
}

void Invariants::inv_9(EventId event, const perf_event& x, CtxId id, const World& w) {
  if (!judged(Rule::INV_9)) return;
  const bool active = x.state == PERF_EVENT_STATE_ACTIVE;
  const char* wrong = nullptr;
  if (active != (x.oncpu != kNoCpu)) {
    wrong = active ? "%e is ACTIVE, but has oncpu %a" : "%e is not ACTIVE, but has oncpu %a";
  } else if (active && !w.cpu_valid(x.oncpu)) {
    wrong = "%e has oncpu %a, which does not exist";
  } else if (active) {
    const perf_event_context& c = w.contexts[id];
    const bool here = c.task ? cpuctx(w, x.oncpu, c.nr).task_ctx == id : c.cpu == x.oncpu;
    if (!here) {
      wrong = "%e is ACTIVE with oncpu %a, but %c is not on CPU %a";
    } else if (memory(id, w).on_cpus > 1 && !(w.cpu(x.oncpu).curr == c.task)) {
      // Of several CPUs that have the context, the one that means it is where its task runs.
      wrong = "%e is ACTIVE with oncpu %a, but the task of %c does not run there";
    }
  }
  if (!news(Rule::INV_9, Who::event, event.serial, wrong == nullptr)) return;
  tell(Rule::INV_9, wrong, {.event = event, .ctx = id, .a = x.oncpu});
}

void Invariants::inv_12(Cpu cpu, perf_event_task_context nr, const World& w) {
  if (!judged(Rule::INV_12)) return;
  const std::int32_t has = cpuctx(w, cpu, nr).active_oncpu;
  const std::int32_t on =
      cpus_[static_cast<std::size_t>(cpu)].active_oncpu[static_cast<std::size_t>(nr)];
  if (news(Rule::INV_12, Who::cpu, cpu_key(cpu, nr), has == on)) {
    tell(Rule::INV_12, "%c has active_oncpu %a, but %b hardware events are on",
         {.ctx = cpuctx(w, cpu, nr).ctx, .a = has, .b = on});
  }
  if (nr == perf_hw_context && cpuctx(w, cpu, nr).exclusive) inv_12_exclusive(cpu, w);
}

// At most one hardware group is on beside an exclusive hardware event. Of an exclusive software
// event nothing follows: SCH-28 lets its group on beside any other, and hardware may join it later.
void Invariants::inv_12_exclusive(Cpu cpu, const World& w) {
  const perf_cpu_context& on = cpuctx(w, cpu, perf_hw_context);
  std::vector<EventId> leaders;
  bool exclusive = false;
  for (const CtxId ctx : {on.ctx, on.task_ctx}) {
    if (!w.contexts.alive(ctx)) continue;
    for (const EventId event : w.contexts[ctx].event_list) {
      if (!w.events.alive(event) || w.events[event].oncpu != cpu) continue;
      const perf_event& x = w.events[event];
      if (x.attr.exclusive() && !software(w, x)) exclusive = true;
      if (!software(w, x)) leaders.push_back(x.group_leader);
    }
  }
  std::sort(leaders.begin(), leaders.end());
  leaders.erase(std::unique(leaders.begin(), leaders.end()), leaders.end());
  const bool holds = !exclusive || leaders.size() <= 1;
  if (!news(Rule::INV_12, Who::ctx, on.ctx.serial, holds)) return;
  tell(Rule::INV_12, "%c has an exclusive group on, but %a groups are on",
       {.ctx = on.ctx, .a = number(leaders.size())});
}

// Judged where the totals were brought up to date, that is, where they have changed. Two rules of
// the time stamps make totals of which nothing is promised:
//  - SCH-42: enabling moves tstamp_enabled to the context's time and leaves tstamp_stopped behind.
//    Until the event runs, an update while the context is not active takes tstamp_stopped as the
//    time (SCH-41), and the total misses what lies between, or is below zero. Later totals inherit
//    that.
//  - SCH-71: a swap exchanges totals, see note_swap().
void Invariants::inv_14(EventId event, const perf_event& x, EventMemory& m, const World& w) {
  if (!judged(Rule::INV_14)) return;
  const bool lags =
      w.contexts[x.ctx].is_active == 0 && number(x.tstamp_enabled - x.tstamp_running) > 0;
  const bool lagged = std::exchange(m.lags, lags);
  if (x.total_time_enabled == m.enabled && x.total_time_running == m.running) return;
  m.enabled = x.total_time_enabled;
  if (lags || lagged) m.unstamped = true;
  if (m.unstamped || m.exchanged) return;
  const bool holds = number(x.total_time_running) >= 0 && number(x.total_time_enabled) >= 0 &&
                     x.total_time_running <= x.total_time_enabled;
  if (!news(Rule::INV_14, Who::event, event.serial, holds)) return;
  tell(Rule::INV_14, "%e has run for %a, but was enabled for %b",
       {.event = event, .a = number(x.total_time_running), .b = number(x.total_time_enabled)});
}

void Invariants::inv_15(CtxId id, const perf_event_context& c, CtxMemory& m, Ns now) {
  const Ns before = std::exchange(m.time, c.time);
  if (!judged(Rule::INV_15)) return;
  const char* wrong = nullptr;
  Fact fact{.ctx = id, .a = number(before), .b = number(c.time)};
  if (number(c.time - before) < 0) {
    wrong = "time of %c goes back from %a to %b";
  } else if (c.timestamp > now) {
    wrong = "timestamp of %c is %a, but it is %b";
    fact.a = number(c.timestamp);
    fact.b = number(now);
  }
  if (news(Rule::INV_15, Who::ctx, id.serial, wrong == nullptr)) tell(Rule::INV_15, wrong, fact);
}

// Enabled time may go back (SCH-43).
void Invariants::inv_15(EventId event, const perf_event& x, EventMemory& m) {
  const Ns before = std::exchange(m.running, x.total_time_running);
  const bool anew = m.attached || m.exchanged;
  if (x.total_time_running != before) m.attached = false;
  if (!judged(Rule::INV_15)) return;
  const bool holds =
      number(x.total_time_running - before) >= 0 || x.state < PERF_EVENT_STATE_INACTIVE || anew;
  if (!news(Rule::INV_15, Who::event, event.serial, holds)) return;
  tell(Rule::INV_15, "running time of %e goes back from %a to %b",
       {.event = event, .a = number(before), .b = number(x.total_time_running)});
}

void Invariants::inv_16(CtxId id, const perf_event_context& c, const CtxMemory& m) {
  if (!judged(Rule::INV_16)) return;
  const bool all = (c.is_active & EVENT_ALL) != 0;
  const bool time = (c.is_active & EVENT_TIME) != 0;
  const bool holds = c.is_active == 0 || (all && (time || m.exec_stopped));
  if (!news(Rule::INV_16, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_16, "%c has is_active %m", {.ctx = id, .a = c.is_active});
}

// Who may: readers (SCH-48), DISABLE (SCH-95), a swap's exchange of values (SCH-71), and an install
// from another CPU as long as it adds there (SCH-84). All other steps start the time first.
void Invariants::inv_17(CtxId id, const perf_event_context& c, CtxMemory& m) {
  const bool ran = std::exchange(m.time_ran, (c.is_active & EVENT_TIME) != 0);
  if (!judged(Rule::INV_17) || engine_.current() == nullptr) return;
  const std::string_view path = engine_.current()->name;
  const bool may = path == "read" || path == "ioctl" || path == "prctl" || path == "irq_work" ||
                   path == "perf_event_open" || path == "sched_switch" ||
                   path == "__perf_event_read" || path == "__perf_event_disable";
  const bool holds = ran || m.time_ran || may || c.time == m.time;
  if (!news(Rule::INV_17, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_17, "time of %c goes on from %a to %b though it is stopped",
       {.ctx = id, .a = number(m.time), .b = number(c.time)});
}

void Invariants::inv_18(CtxId id, const perf_event_context& c, CtxMemory& m) {
  const std::uint64_t before = std::exchange(m.generation, c.generation);
  const std::uint32_t changes = std::exchange(m.changes, 0);
  if (!judged(Rule::INV_18)) return;
  const char* wrong = nullptr;
  Fact fact{.ctx = id, .a = number(c.generation - before), .b = changes};
  if (c.generation < before || c.generation - before < changes) {
    wrong = "generation of %c grows by %a, but its events changed %b times";
  } else if (c.pin_count < 0) {
    wrong = "%c has pin_count %a";
    fact.a = c.pin_count;
  }
  if (news(Rule::INV_18, Who::ctx, id.serial, wrong == nullptr)) tell(Rule::INV_18, wrong, fact);
}

void Invariants::inv_20(CtxId id, const perf_event_context& c, const CtxMemory& m, const World& w) {
  if (!judged(Rule::INV_20) || !c.tombstone) return;
  const bool linked = w.tasks.alive(c.task) &&
                      w.tasks[c.task].perf_event_ctxp[static_cast<std::size_t>(c.nr)] == id;
  const bool holds = c.is_active == 0 && m.on_cpus == 0 && !linked;
  if (!news(Rule::INV_20, Who::ctx, id.serial, holds)) return;
  tell(Rule::INV_20, "%c is dead, but has is_active %m and is task_ctx on %b CPUs",
       {.ctx = id, .a = c.is_active, .b = m.on_cpus});
}

}  // namespace reperf::core
