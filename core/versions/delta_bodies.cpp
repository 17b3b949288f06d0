#include "core/versions/delta_bodies.h"

#include <utility>

namespace reperf::core {

// SCH-63
Path<> DeltaBodies::d5_first_sched_event() {
  co_await e.point("key:before-mutex");
  co_await e.lock(w.perf_sched_mutex, "perf_sched_mutex", 0, false);
  if (w.perf_sched_events == 0) {
    co_await e.point("key:before-live");
    turn_hooks_on();
    co_await e.point("key:before-synchronize");
    co_await e.synchronize_sched();
    co_await e.point("key:before-count");
  }
  ++w.perf_sched_events;
  e.unlock(w.perf_sched_mutex, "perf_sched_mutex", 0, false);
}

// SCH-33: what pmu->del finds out is honoured at once.
void DeltaBodies::d6_stop_and_del(EventId event, Cpu cpu) {
  times_out(event);
  pmu_del(event, cpu);
  ev(event).oncpu = kNoCpu;
  state_out(event);
}

// SCH-38
void DeltaBodies::d7_ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (c.nr_events == 0) {
    warn_on(c.is_active != 0, "W-out-empty-active", Rule::SCH_37, ctx);
    warn_on(c.task && cpuctx.task_ctx, "W-out-empty-taskctx", Rule::SCH_37, ctx);
    return;
  }
  const std::uint8_t before = c.is_active;
  auto after = static_cast<std::uint8_t>(before & ~type);
  if ((after & EVENT_ALL) == 0) after = 0;  // time does not run alone
  set_is_active(ctx, after, Rule::SCH_38);
  if (c.task) {
    warn_on(!(cpuctx.task_ctx == ctx), "W-out-mismatch", Rule::SCH_38, ctx);
    if (after == 0) cpuctx.task_ctx = CtxId{};
  }
  const auto changed = static_cast<std::uint8_t>(before ^ after);
  if ((changed & EVENT_TIME) != 0) {
    update_context_time(ctx);
    update_cgrp_time_from_cpuctx(cpu, c.nr);
  }
  walk_groups_out(ctx, cpu, changed);
}

// SCH-40, SCH-46
void DeltaBodies::d7_ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  if (c.nr_events == 0) return;
  const std::uint8_t before = c.is_active;
  set_is_active(ctx, static_cast<std::uint8_t>(before | type | EVENT_TIME), Rule::SCH_46);
  if (c.task) {
    perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
    if (before == 0) {
      cpuctx.task_ctx = ctx;
    } else {
      warn_on(!(cpuctx.task_ctx == ctx), "W-in-mismatch", Rule::SCH_46, ctx);
    }
  }
  const auto changed = static_cast<std::uint8_t>(c.is_active & ~before);
  if ((changed & EVENT_TIME) != 0) {
    c.timestamp = w.now;
    perf_cgroup_set_timestamp(ctx, cpu);
  }
  if ((changed & EVENT_PINNED) != 0) ctx_pinned_sched_in(ctx, cpu);
  if ((changed & EVENT_FLEXIBLE) != 0) ctx_flexible_sched_in(ctx, cpu);
}

// SCH-85
Path<int> DeltaBodies::d10_install(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const CtxId running = w.cpuctx(cpu, nr).task_ctx;
  const CtxId task_ctx = cx(ctx).task ? ctx : running;
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  if (!cx(ctx).task || is_current(ctx, cpu)) {
    warn_on(cx(ctx).task && running && !(running == ctx), "W-install-mismatch", Rule::SCH_85, ctx);
    ctx_resched(cpu, nr, task_ctx);
  }
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

}  // namespace reperf::core
