#include "core/versions/event_function.h"

#include "core/versions/series.h"

namespace reperf::core {

// SCH-76. Locks: CM of the event's context, except for copies.
Path<> EventFunction::event_function_call(const char* name, ActiveFn active, EventFn body,
                                          EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  co_await e.point("event_function_call:before-read");
  TaskId task = cx(ctx).task;
  if (!task) {
    // The result is ignored: an offline CPU makes this a silent no-op.
    co_await cpu_function_call(ev(call.event).cpu, name, active, call);
    co_return;
  }
  if (is_dead(ctx)) co_return;
  while (true) {
    if (co_await task_function_call(task, name, active, call) == 0) co_return;
    co_await e.point("event_function_call:before-lock");
    co_await lock_ctx(ctx);
    task = cx(ctx).task;
    if (is_dead(ctx) || cx(ctx).is_active == 0) break;
    unlock_ctx(ctx);
    co_await e.spin("event_function_call:retry", {.task = task});
  }
  if (!is_dead(ctx)) (this->*body)(call, kNoCpu);
  unlock_ctx(ctx);
}

// SCH-77: interrupts are off, so that a context found current stays so. Runs on after a warning.
Path<int> EventFunction::event_function(EventFn body, EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const CtxId task_ctx = w.cpuctx(cpu, nr).task_ctx;
  co_await lock_ctx(w.cpuctx(cpu, nr).ctx);
  if (task_ctx) co_await lock_ctx(task_ctx);
  int ret = 0;
  if (!cx(ctx).task) {
    warn_on(!(w.cpuctx(cpu, nr).ctx == ctx), "W-ef-cpuctx", Rule::SCH_77, ctx);
  } else if (is_current(ctx, cpu)) {
    warn_on(cx(ctx).is_active == 0, "W-ef-inactive", Rule::SCH_77, ctx);
    warn_on(!(task_ctx == ctx), "W-ef-taskctx", Rule::SCH_77, ctx);
  } else {
    ret = wrong_task();
  }
  if (ret == 0 && (this->*body)(call, cpu)) {
    co_await e.point("enable:before-resched");
    ctx_resched(cpu, nr, task_ctx);
  }
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return ret;
}

Cpu EventFunction::sched_out_cpu(EventId event, Cpu cpu) {
  if (cpu != kNoCpu) return cpu;
  if (ev(event).state == PERF_EVENT_STATE_ACTIVE) {
    finding("no-cpuctx", Rule::SCH_94, event);  // the kernel follows a NULL pointer here
    return ev(event).oncpu;
  }
  const Cpu here = smp_processor_id();
  return here == kNoCpu ? 0 : here;  // a work item runs on any CPU
}

Path<> EventFunction::perf_remove_from_context(EventId event, bool detach_group) {
  return event_function_call(
      "__perf_remove_from_context",
      static_cast<ActiveFn>(&EventFunction::__perf_remove_from_context),
      &EventFunction::remove_event,
      EventCall{.event = event, .ctx = ev(event).ctx, .detach_group = detach_group});
}

Path<int> EventFunction::__perf_remove_from_context(EventCall call) {
  return event_function(&EventFunction::remove_event, call);
}

// SCH-94, with the end of SCH-93.
bool EventFunction::remove_event(EventCall call, Cpu cpu) {
  const CtxId ctx = ev(call.event).ctx;
  event_sched_out(call.event, ctx, sched_out_cpu(call.event, cpu));
  if (call.detach_group) perf_group_detach(call.event);
  list_del_event(call.event, ctx);
  perf_event_context& c = cx(ctx);
  if (c.nr_events != 0 || c.is_active == 0) return false;
  set_is_active(ctx, 0, Rule::SCH_94);
  if (!c.task) return false;
  if (cpu == kNoCpu) {
    finding("no-cpuctx", Rule::SCH_94, call.event);
    return false;
  }
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  warn_on(!(cpuctx.task_ctx == ctx), "W-remove-mismatch", Rule::SCH_94, ctx);
  cpuctx.task_ctx = CtxId{};
  return false;
}

bool EventFunction::stays_as_it_is(const perf_event& event) const {
  return event.state >= PERF_EVENT_STATE_INACTIVE;
}

Path<> EventFunction::_perf_event_enable(EventId event) {
  const CtxId ctx = ev(event).ctx;
  co_await e.point("enable:before-lock");
  co_await lock_ctx(ctx);
  const bool nothing_to_do = stays_as_it_is(ev(event));
  if (ev(event).state == PERF_EVENT_STATE_ERROR) {
    set_state(event, PERF_EVENT_STATE_OFF, Rule::SCH_15);
  }
  unlock_ctx(ctx);
  if (nothing_to_do) co_return;
  co_await event_function_call("__perf_event_enable",
                               static_cast<ActiveFn>(&EventFunction::__perf_event_enable),
                               &EventFunction::enable_event, EventCall{.event = event, .ctx = ctx});
}

Path<int> EventFunction::__perf_event_enable(EventCall call) {
  return event_function(&EventFunction::enable_event, call);
}

// The context need not run: its time moves on all the same, as in SCH-95.
void EventFunction::enable_time_out(CtxId ctx, Cpu) { update_context_time(ctx); }

bool EventFunction::enable_event(EventCall call, Cpu cpu) {
  const perf_event& x = ev(call.event);
  const CtxId ctx = x.ctx;
  if (stays_as_it_is(x)) return false;
  enable_time_out(ctx, cpu);
  __perf_event_mark_enabled(call.event);
  if (cx(ctx).is_active == 0) return false;
  const bool matches = event_filter_match(x, cpu);
  if (!matches) {
    perf_cgroup_set_timestamp(ctx, cpu);
    perf_cgroup_defer_enabled(call.event, cpu);
  }
  const bool leader_off =
      !x.is_leader(call.event) && ev(x.group_leader).state != PERF_EVENT_STATE_ACTIVE;
  if (!matches || leader_off) {
    enable_time_in(ctx, cpu);
    return false;
  }
  warn_on(cx(ctx).task && !(cpuctx_of(ctx, cpu).task_ctx == ctx), "W-enable-mismatch", Rule::SCH_97,
          ctx);
  return true;
}

Path<> EventFunction::_perf_event_disable(EventId event) {
  const CtxId ctx = ev(event).ctx;
  co_await e.point("disable:before-lock");
  co_await lock_ctx(ctx);
  const bool off = ev(event).state <= PERF_EVENT_STATE_OFF;
  unlock_ctx(ctx);
  if (off) co_return;
  co_await event_function_call(
      "__perf_event_disable", static_cast<ActiveFn>(&EventFunction::__perf_event_disable),
      &EventFunction::disable_event, EventCall{.event = event, .ctx = ctx});
}

Path<int> EventFunction::__perf_event_disable(EventCall call) {
  return event_function(&EventFunction::disable_event, call);
}

// SCH-95: the time of a context that does not run is updated like that of one that does (SD-5).
bool EventFunction::disable_event(EventCall call, Cpu cpu) {
  const EventId event = call.event;
  const CtxId ctx = ev(event).ctx;
  if (ev(event).state < PERF_EVENT_STATE_INACTIVE) return false;
  disable_update_time(ctx);
  update_cgrp_time_from_event(event);
  update_group_times(event);
  const Cpu on = sched_out_cpu(event, cpu);
  if (ev(event).is_leader(event)) {
    group_sched_out(event, ctx, on);
  } else {
    event_sched_out(event, ctx, on);
  }
  set_state(event, PERF_EVENT_STATE_OFF, Rule::SCH_13);
  return false;
}

// SCH-78: event_function_local() is event_function() on this CPU.
void EventFunction::check_local_call(EventId event, int ret) {
  warn_on(ret != 0, "W-ef-local", Rule::SCH_78, ev(event).ctx);
}

Path<> EventFunction::perf_event_period(EventId event, std::uint64_t value) {
  co_await event_function_call("__perf_event_period",
                               static_cast<ActiveFn>(&EventFunction::__perf_event_period),
                               &EventFunction::period_event,
                               EventCall{.event = event, .ctx = ev(event).ctx, .value = value});
}

Path<int> EventFunction::__perf_event_period(EventCall call) {
  return event_function(&EventFunction::period_event, call);
}

// SCH-102
bool EventFunction::period_event(EventCall call, Cpu cpu) {
  change_period(call, sched_out_cpu(call.event, cpu));
  return false;
}

void EventFunction::exit_event(EventId event, CtxId ctx) {
  // Top-level events keep their group (LIFE-54).
  if (ev(event).parent) perf_group_detach(event);
  list_del_event(event, ctx);
}

Path<> EventFunction::__perf_event_exit_task(EventId event, CtxId ctx) {
  const EventId parent = ev(event).parent;
  co_await e.point("exit:before-event");
  co_await lock_ctx(ctx);
  exit_event(event, ctx);
  unlock_ctx(ctx);
  if (!parent) {
    set_state(event, PERF_EVENT_STATE_EXIT, Rule::SCH_17);
    co_return;
  }
  sync_child_event(event);
  co_await e.point("exit:before-unlink-child");
  co_await lock_children(parent);
  unlink_child(event);
  unlock_children(parent);
  co_await put_event(parent);
  free_event(event);
}

std::unique_ptr<Base> make_event_function(World& world, Engine& engine) {
  return std::make_unique<EventFunction>(world, engine);
}

}  // namespace reperf::core
