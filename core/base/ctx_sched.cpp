// A whole context in and out (SCH-29, SCH-30, SCH-36, SCH-39 and the composite operations of
// scheduling.md section 6). Locks: KL and CL, on the CPU concerned.
#include "core/base/base.h"

namespace reperf::core {

// A pinned group that does not fit goes to ERROR; later ones are still tried (SCH-29).
void Base::ctx_pinned_sched_in(CtxId ctx, Cpu cpu) {
  for (const EventId leader : cx(ctx).pinned_groups) {
    const perf_event& x = ev(leader);
    if (x.state <= PERF_EVENT_STATE_OFF || !event_filter_match(x, cpu)) continue;
    perf_cgroup_mark_enabled(leader);
    if (group_can_go_on(leader, cpu, true)) group_sched_in(leader, ctx, cpu);
    if (x.state == PERF_EVENT_STATE_INACTIVE) {
      update_group_times(leader);
      set_state(leader, PERF_EVENT_STATE_ERROR, Rule::SCH_16);
    }
  }
}

void Base::ctx_flexible_sched_in(CtxId ctx, Cpu cpu) {
  bool can_add_hw = true;
  for (const EventId leader : cx(ctx).flexible_groups) {
    const perf_event& x = ev(leader);
    if (x.state <= PERF_EVENT_STATE_OFF || !event_filter_match(x, cpu)) continue;
    perf_cgroup_mark_enabled(leader);
    if (!group_can_go_on(leader, cpu, can_add_hw)) continue;
    if (group_sched_in(leader, ctx, cpu) != 0) can_add_hw = false;
  }
}

void Base::walk_groups_out(CtxId ctx, Cpu cpu, std::uint8_t types) {
  const perf_event_context& c = cx(ctx);
  if (c.nr_active == 0) return;
  if ((types & EVENT_PINNED) != 0) {
    for (const EventId leader : c.pinned_groups) group_sched_out(leader, ctx, cpu);
  }
  if ((types & EVENT_FLEXIBLE) != 0) {
    for (const EventId leader : c.flexible_groups) group_sched_out(leader, ctx, cpu);
  }
}

// SCH-36: an empty context is switched like any other.
void Base::ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  const std::uint8_t before = c.is_active;
  set_is_active(ctx, static_cast<std::uint8_t>(before & ~type), Rule::SCH_36);
  if (c.task) {
    perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
    warn_on(!(cpuctx.task_ctx == ctx), "W-out-mismatch", Rule::SCH_36, ctx);
    if (c.is_active == 0) cpuctx.task_ctx = CtxId{};
  }
  if (c.nr_events == 0) return;
  update_context_time(ctx);
  update_cgrp_time_from_cpuctx(cpu, c.nr);
  walk_groups_out(ctx, cpu, before & type);
}

// SCH-39: the stamp is set without adding (SCH-45 follows from it).
void Base::ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  const std::uint8_t before = c.is_active;
  set_is_active(ctx, before | type, Rule::SCH_39);
  if (c.task) {
    perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
    if (before == 0) {
      cpuctx.task_ctx = ctx;
    } else {
      warn_on(!(cpuctx.task_ctx == ctx), "W-in-mismatch", Rule::SCH_39, ctx);
    }
  }
  if (c.nr_events == 0) return;
  c.timestamp = w.now;
  perf_cgroup_set_timestamp(ctx, cpu);
  const std::uint8_t fresh = static_cast<std::uint8_t>(type & ~before);
  if ((fresh & EVENT_PINNED) != 0) ctx_pinned_sched_in(ctx, cpu);
  if ((fresh & EVENT_FLEXIBLE) != 0) ctx_flexible_sched_in(ctx, cpu);
}

// Priority: CPU pinned, task pinned, CPU flexible, task flexible.
void Base::perf_event_sched_in(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) {
  const CtxId cpu_ctx = w.cpuctx(cpu, nr).ctx;
  ctx_sched_in(cpu_ctx, cpu, EVENT_PINNED);
  if (task_ctx) ctx_sched_in(task_ctx, cpu, EVENT_PINNED);
  ctx_sched_in(cpu_ctx, cpu, EVENT_FLEXIBLE);
  if (task_ctx) ctx_sched_in(task_ctx, cpu, EVENT_FLEXIBLE);
}

void Base::task_ctx_sched_out(CtxId ctx, Cpu cpu) {
  const perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (!cpuctx.task_ctx) return;
  if (!(cpuctx.task_ctx == ctx)) {
    warn_on(true, "W-tco-mismatch", Rule::SCH_36, ctx);
    return;
  }
  ctx_sched_out(ctx, cpu, EVENT_ALL);
}

void Base::ctx_resched(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) {
  const PmuIndex pmu = pmu_of_class(nr);
  perf_pmu_disable(pmu, cpu);
  if (task_ctx) task_ctx_sched_out(task_ctx, cpu);
  ctx_sched_out(w.cpuctx(cpu, nr).ctx, cpu, EVENT_ALL);
  perf_event_sched_in(cpu, nr, task_ctx);
  perf_pmu_enable(pmu, cpu);
}

}  // namespace reperf::core
