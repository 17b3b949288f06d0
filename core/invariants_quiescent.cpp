// Invariants while no CPU has interrupts off, and at the end of a path, one function each.
#include <algorithm>

#include "core/invariants.h"

namespace reperf::core {

namespace {

const perf_cpu_context& cpuctx(const World& w, Cpu cpu, perf_event_task_context nr) {
  return w.cpu(cpu).cpuctx[static_cast<std::size_t>(nr)];
}

// The events that the context's events are or are copies of, sorted. Empty with `orphans` set: one
// of them belongs to nobody any more, and its copies come and go by rules of their own (LIFE-41,
// LIFE-80): that is a release in progress.
std::vector<EventId> roots(const World& w, const perf_event_context& c, bool& orphans) {
  std::vector<EventId> ids;
  for (const EventId event : c.event_list) {
    if (!w.events.alive(event)) continue;
    const EventId parent = w.events[event].parent;
    const EventId root = parent ? parent : event;
    if (!w.events.alive(root) || !w.events[root].owner) orphans = true;
    ids.push_back(root);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

void Invariants::at_quiescence(const World& w) {
  if (waiting_cpus_.empty() && waiting_ctxs_.empty()) return;
  for (const auto& run : engine_.runs()) {
    if (run->started && run->irq_off > 0) return;
  }
  // Whoever cannot be judged yet goes on waiting.
  std::erase_if(waiting_cpus_, [&](Cpu cpu) {
    CpuMemory& m = cpus_[static_cast<std::size_t>(cpu)];
    m.waits = !look_at_cpu(cpu, w);
    return !m.waits;
  });
  std::erase_if(waiting_ctxs_, [&](CtxId id) {
    if (!w.contexts.alive(id)) return true;
    CtxMemory& m = memory(id, w);
    m.waits = !look_at_ctx(id, m, w);
    return !m.waits;
  });
}

// Whether all could be judged.
bool Invariants::look_at_cpu(Cpu cpu, const World& w) {
  bool all = true;
  inv_13(cpu, w);
  for (const auto nr : {perf_hw_context, perf_sw_context}) {
    inv_6(cpu, nr, w);
    if (!inv_7(cpu, nr, w)) all = false;
    inv_21(cpu, nr, w);
  }
  return all;
}

bool Invariants::look_at_ctx(CtxId id, CtxMemory& m, const World& w) {
  const perf_event_context& c = w.contexts[id];
  inv_10(id, c, w);
  // Whoever holds the mutex may be between adding an event and scheduling it (Y4).
  const bool settled = c.mutex.owner == 0;
  if (settled) inv_11(id, c, w);
  const bool pins = inv_18_pins(id, c);
  const bool equivalent = inv_19(id, c, m, w);
  return settled && pins && equivalent;
}

void Invariants::inv_6(Cpu cpu, perf_event_task_context nr, const World& w) {
  if (!judged(Rule::INV_6)) return;
  const CtxId ctx = cpuctx(w, cpu, nr).task_ctx;
  if (ctx && !w.contexts.alive(ctx)) return;  // INV-4
  const TaskId curr = w.cpu(cpu).curr;
  const bool holds = !ctx || w.contexts[ctx].task == curr;
  if (!news(Rule::INV_6, Who::cpu, cpu_key(cpu, nr), holds)) return;
  tell(Rule::INV_6, "%c is task_ctx on CPU %a, where %u runs",
       {.cpu = cpu, .task2 = curr, .ctx = ctx, .a = cpu});
}

bool Invariants::inv_7(Cpu cpu, perf_event_task_context nr, const World& w) {
  if (!judged(Rule::INV_7) || !w.sched_hooks_live) return true;
  const TaskId curr = w.cpu(cpu).curr;
  if (!w.tasks.alive(curr)) return true;
  const CtxId own = w.tasks[curr].perf_event_ctxp[static_cast<std::size_t>(nr)];
  if (!w.contexts.alive(own)) return true;
  const perf_event_context& c = w.contexts[own];
  if (memory(own, w).adopted) return true;
  if (c.mutex.owner != 0) return false;  // between adding an event and scheduling it (Y4)
  const bool holds =
      c.nr_events == 0 || ((c.is_active & EVENT_ALL) != 0 && cpuctx(w, cpu, nr).task_ctx == own);
  if (news(Rule::INV_7, Who::cpu, cpu_key(cpu, nr), holds)) {
    tell(Rule::INV_7, "%u runs on CPU %a and %c has events, but it is not active there",
         {.cpu = cpu, .task2 = curr, .ctx = own, .a = cpu});
  }
  return true;
}

void Invariants::inv_10(CtxId id, const perf_event_context& c, const World& w) {
  if (!judged(Rule::INV_10)) return;
  EventId on;
  const auto look = [&](const std::vector<EventId>& groups, std::uint8_t type) {
    if ((c.is_active & type) != 0) return;
    for (const EventId leader : groups) {
      if (!w.events.alive(leader)) continue;
      if (w.events[leader].state == PERF_EVENT_STATE_ACTIVE) on = leader;
    }
  };
  look(c.pinned_groups, EVENT_PINNED);
  look(c.flexible_groups, EVENT_FLEXIBLE);
  if (!news(Rule::INV_10, Who::ctx, id.serial, !on)) return;
  tell(Rule::INV_10, "%e is ACTIVE, but %c has is_active %m",
       {.event = on, .ctx = id, .a = c.is_active});
}

void Invariants::inv_11(CtxId id, const perf_event_context& c, const World& w) {
  if (!judged(Rule::INV_11)) return;
  const char* wrong = nullptr;
  Fact fact{.ctx = id};
  for (const EventId event : c.event_list) {
    if (!w.events.alive(event)) continue;
    const perf_event& x = w.events[event];
    if (x.is_leader(event) || !w.events.alive(x.group_leader)) continue;
    const bool leader_on = w.events[x.group_leader].state == PERF_EVENT_STATE_ACTIVE;
    if (leader_on && x.state == PERF_EVENT_STATE_INACTIVE) {
      wrong = "%e is INACTIVE, but its leader %f is ACTIVE";
    } else if (!leader_on && x.state == PERF_EVENT_STATE_ACTIVE) {
      wrong = "%e is ACTIVE, but its leader %f is not";
    } else {
      continue;
    }
    fact.event = event;
    fact.event2 = x.group_leader;
  }
  if (news(Rule::INV_11, Who::ctx, id.serial, wrong == nullptr)) tell(Rule::INV_11, wrong, fact);
}

// With interrupts on, no operation of this CPU is between the two.
void Invariants::inv_13(Cpu cpu, const World& w) {
  if (!judged(Rule::INV_13)) return;
  const std::vector<std::int32_t>& depths = w.cpu(cpu).pmu_disable_count;
  const auto left =
      std::find_if(depths.begin(), depths.end(), [](auto depth) { return depth != 0; });
  const bool holds = left == depths.end();
  if (!news(Rule::INV_13, Who::cpu, cpu_key(cpu, perf_hw_context), holds)) return;
  tell(Rule::INV_13, "CPU %a is left with pmu_disable_count %b",
       {.cpu = cpu, .a = cpu, .b = *left});
}

bool Invariants::inv_18_pins(CtxId id, const perf_event_context& c) {
  if (!judged(Rule::INV_18)) return true;
  if (!engine_.quiescent()) return c.pin_count == 0;  // somebody may still need it
  if (news(Rule::INV_18, Who::ctx_pins, id.serial, c.pin_count == 0)) {
    tell(Rule::INV_18, "%c is left with pin_count %a", {.ctx = id, .a = c.pin_count});
  }
  return true;
}

// Against the context that it is a clone of: clones of one generation then equal each other.
bool Invariants::inv_19(CtxId id, const perf_event_context& c, CtxMemory& m, const World& w) {
  if (!judged(Rule::INV_19) || !c.parent_ctx || m.compared == c.generation) return true;
  const perf_event_context& parent = w.contexts[c.parent_ctx];
  if (parent.generation != c.parent_gen) return true;
  if (!engine_.quiescent()) return false;  // a release or an exit may be in progress
  bool orphans = false;
  const bool same = roots(w, c, orphans) == roots(w, parent, orphans);
  if (orphans) return true;
  m.compared = c.generation;
  if (news(Rule::INV_19, Who::ctx, id.serial, same)) {
    tell(Rule::INV_19, "%c and %d count as equivalent, but hold other events",
         {.ctx = id, .ctx2 = c.parent_ctx});
  }
  return true;
}

void Invariants::inv_21(Cpu cpu, perf_event_task_context nr, const World& w) {
  if (!judged(Rule::INV_21)) return;
  const perf_cpu_context& on = cpuctx(w, cpu, nr);
  const bool holds = on.cgrp == kNoCgroup || w.contexts[on.ctx].nr_cgroups > 0;
  if (!news(Rule::INV_21, Who::cpu, cpu_key(cpu, nr), holds)) return;
  tell(Rule::INV_21, "%c has cgroup %a running, but no events of cgroups",
       {.cpu = cpu, .ctx = on.ctx, .a = on.cgrp});
}

// Not for a CPU that is oversubscribed, that is, on which some event found no room since.
void Invariants::inv_22(EventId event, const World& w) {
  if (!w.events.alive(event) || !w.contexts.alive(w.events[event].ctx)) return;
  const perf_event& x = w.events[event];
  const perf_event_context& c = w.contexts[x.ctx];
  if (x.state < PERF_EVENT_STATE_INACTIVE || !w.events.alive(x.group_leader)) return;
  // One that came to a sleeping task has what others do to its context meanwhile (SD-5).
  const EventMemory& m = memory(event, w);
  if (x.attr.disabled() || m.refused != refused_ || !m.on_running) return;
  const perf_event& leader = w.events[x.group_leader];
  if (leader.state < PERF_EVENT_STATE_INACTIVE) return;
  if (!w.tasks.alive(c.task) || !w.tasks[c.task].on_cpu || w.tasks[c.task].exiting) return;
  const Cpu cpu = w.tasks[c.task].cpu;
  if (engine_.irqs_off(cpu)) return;  // a switch is in flight
  if (leader.cpu != kNoCpu) return;   // enabled, but not on, wherever else the task has been since
  const Fact fact{.event = event,
                  .ctx = x.ctx,
                  .a = static_cast<std::int64_t>(x.total_time_enabled - x.total_time_running),
                  .b = static_cast<std::int64_t>(x.tstamp_running - x.tstamp_enabled)};
  const bool on = x.state == PERF_EVENT_STATE_ACTIVE;
  // A hardware event may have been refused without being tried (SCH-28).
  if (!on && !leader.group_software) return;
  if (!news(Rule::INV_22, Who::event, event.serial, on && fact.a == 0 && fact.b == 0)) return;
  tell(Rule::INV_22,
       on ? "%e starts with %a ns enabled that it did not run, by its stamps %b ns"
          : "%e was opened on the running task of %c, but is not ACTIVE",
       fact);
}

}  // namespace reperf::core
