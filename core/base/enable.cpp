// Enabling and disabling one event (SCH-95 to SCH-99). Locks: CM (not for inherited copies,
// SCH-110), then KL and CL.
#include "core/base/base.h"

namespace reperf::core {

// SCH-99: the times of siblings that are not OFF start with the leader's.
void Base::__perf_event_mark_enabled(EventId event) {
  set_state(event, PERF_EVENT_STATE_INACTIVE, Rule::SCH_14);
  mark_times_enabled(event);
  for (const EventId sibling : ev(event).sibling_list) {
    if (ev(sibling).state >= PERF_EVENT_STATE_INACTIVE) mark_times_enabled(sibling);
  }
}

Path<> Base::_perf_event_enable(EventId event) {
  const CtxId ctx = ev(event).ctx;
  co_await e.point("enable:before-lock");
  co_await lock_ctx(ctx);
  const bool enabled = ev(event).state >= PERF_EVENT_STATE_INACTIVE;
  if (ev(event).state == PERF_EVENT_STATE_ERROR) {
    set_state(event, PERF_EVENT_STATE_OFF, Rule::SCH_15);
  }
  unlock_ctx(ctx);
  if (enabled) co_return;
  co_await event_function_call("__perf_event_enable", &Base::__perf_event_enable,
                               &Base::___perf_event_enable, EventCall{.event = event, .ctx = ctx});
}

Path<int> Base::__perf_event_enable(EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  if (cx(ctx).is_active == 0) co_return -EINVAL;
  const CtxId task_ctx = w.cpuctx(cpu, nr).task_ctx;
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  const perf_event& x = ev(call.event);
  warn_on(cx(ctx).task && !(task_ctx == ctx), "W-enable-mismatch", Rule::SCH_97, ctx);
  update_context_time(ctx);
  if (x.state < PERF_EVENT_STATE_INACTIVE) {
    perf_cgroup_set_timestamp(ctx, cpu);
    __perf_event_mark_enabled(call.event);
    co_await e.point("enable:before-resched");
    const bool leader_off =
        !x.is_leader(call.event) && ev(x.group_leader).state != PERF_EVENT_STATE_ACTIVE;
    if (!event_filter_match(x, cpu)) {
      perf_cgroup_defer_enabled(call.event, cpu);
    } else if (!leader_off) {
      ctx_resched(cpu, nr, task_ctx);
    }
  }
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

void Base::___perf_event_enable(EventCall call) { __perf_event_mark_enabled(call.event); }

Path<> Base::_perf_event_disable(EventId event) {
  const CtxId ctx = ev(event).ctx;
  co_await e.point("disable:before-lock");
  co_await lock_ctx(ctx);
  const bool off = ev(event).state <= PERF_EVENT_STATE_OFF;
  unlock_ctx(ctx);
  if (off) co_return;
  co_await event_function_call("__perf_event_disable", &Base::__perf_event_disable,
                               &Base::___perf_event_disable, EventCall{.event = event, .ctx = ctx});
}

Path<int> Base::__perf_event_disable(EventCall call) {
  const EventId event = call.event;
  const CtxId ctx = ev(event).ctx;
  const Cpu cpu = smp_processor_id();
  // Another context runs here now: the one meant is looked for again (SCH-95).
  if (cx(ctx).task && !(cpuctx_of(ctx, cpu).task_ctx == ctx)) co_return -EINVAL;
  co_await lock_ctx(ctx);
  if (ev(event).state >= PERF_EVENT_STATE_INACTIVE) {
    update_context_time(ctx);
    update_cgrp_time_from_event(event);
    update_group_times(event);
    if (ev(event).is_leader(event)) {
      group_sched_out(event, ctx, cpu);
    } else {
      event_sched_out(event, ctx, cpu);
    }
    set_state(event, PERF_EVENT_STATE_OFF, Rule::SCH_13);
  }
  unlock_ctx(ctx);
  co_return 0;
}

void Base::___perf_event_disable(EventCall call) {
  if (ev(call.event).state != PERF_EVENT_STATE_INACTIVE) return;
  update_group_times(call.event);
  set_state(call.event, PERF_EVENT_STATE_OFF, Rule::SCH_13);
}

}  // namespace reperf::core
