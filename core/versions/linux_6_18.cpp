#include "core/versions/linux_6_18.h"

#include "core/versions/series.h"

namespace reperf::core {

// SCH-136: the effective state is the leader's when that is OFF or worse.
void Linux618::update_event_times(EventId event) {
  perf_event& x = ev(event);
  const Ns time = perf_event_time(x);
  const Ns delta = time - x.tstamp_stopped;
  perf_event_state state = x.state;
  if (w.events.alive(x.group_leader)) {
    const perf_event_state leader = ev(x.group_leader).state;
    if (leader <= PERF_EVENT_STATE_OFF) state = leader;
  }
  if (state >= PERF_EVENT_STATE_INACTIVE) x.total_time_enabled += delta;
  if (state >= PERF_EVENT_STATE_ACTIVE) x.total_time_running += delta;
  x.tstamp_stopped = time;  // the only stamp that is left
}

void Linux618::start_times(EventId event) { ev(event).tstamp_stopped = perf_event_time(ev(event)); }

void Linux618::set_state(EventId event, perf_event_state state, Rule rule) {
  perf_event& x = ev(event);
  if (x.state == state) return;
  if (w.contexts.alive(x.ctx)) {
    update_event_times(event);
    const bool crosses_off =
        (x.state < PERF_EVENT_STATE_INACTIVE) != (state < PERF_EVENT_STATE_INACTIVE);
    if (crosses_off) {
      for (const EventId sibling : x.sibling_list) update_event_times(sibling);
    }
  }
  InstallScaling::set_state(event, state, rule);
}

void Linux618::ctx_time_freeze(CtxId ctx) {
  perf_event_context& c = cx(ctx);
  if ((c.is_active & EVENT_TIME) == 0) return;
  update_context_time(ctx);
  c.is_active |= EVENT_FROZEN;  // not told: it never outlives the section
}

void Linux618::perf_ctx_unlock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) {
  for (const CtxId ctx : {w.cpuctx(cpu, nr).ctx, task_ctx}) {
    if (!ctx || (cx(ctx).is_active & EVENT_FROZEN) == 0) continue;
    const bool running = (cx(ctx).is_active & EVENT_ALL) != 0;
    cx(ctx).is_active = static_cast<std::uint8_t>(cx(ctx).is_active & ~EVENT_FROZEN);
    if (!running) set_is_active(ctx, 0, Rule::SCH_143);
  }
  InstallScaling::perf_ctx_unlock(cpu, nr, task_ctx);
}

void Linux618::disable_update_time(CtxId ctx) {
  if ((cx(ctx).is_active & EVENT_TIME) != 0) update_context_time(ctx);
}

// SCH-134: before anything goes out, and whether or not time stops.
void Linux618::ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (c.nr_events == 0) {
    warn_on(c.is_active != 0, "W-out-empty-active", Rule::SCH_37, ctx);
    warn_on(c.task && cpuctx.task_ctx, "W-out-empty-taskctx", Rule::SCH_37, ctx);
    return;
  }
  const std::uint8_t before = c.is_active;
  if ((before & (EVENT_TIME | EVENT_FROZEN)) == EVENT_TIME) {
    update_context_time(ctx);
    update_cgrp_time_from_cpuctx(cpu, c.nr);
  }
  auto after = static_cast<std::uint8_t>(before & ~type);
  // Frozen time is kept until the unlock, so that nobody sees it stop in between.
  if ((after & EVENT_ALL) == 0) {
    after = (before & EVENT_FROZEN) != 0 ? EVENT_TIME | EVENT_FROZEN : 0;
  }
  set_is_active(ctx, after, Rule::SCH_134);
  if (c.task) {
    warn_on(!(cpuctx.task_ctx == ctx), "W-out-mismatch", Rule::SCH_134, ctx);
    if ((after & EVENT_ALL) == 0) cpuctx.task_ctx = CtxId{};
  }
  walk_groups_out(ctx, cpu, static_cast<std::uint8_t>(before ^ after));
}

void Linux618::ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  if (c.nr_events == 0) return;
  const std::uint8_t before = c.is_active;
  if ((before & EVENT_TIME) == 0) {
    c.timestamp = w.now;
    perf_cgroup_set_timestamp(ctx, cpu);
  }
  set_is_active(ctx, static_cast<std::uint8_t>(before | type | EVENT_TIME), Rule::SCH_134);
  if (c.task) {
    perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
    if ((before & EVENT_ALL) == 0) {
      cpuctx.task_ctx = ctx;
    } else {
      warn_on(!(cpuctx.task_ctx == ctx), "W-in-mismatch", Rule::SCH_134, ctx);
    }
  }
  const auto fresh = static_cast<std::uint8_t>(type & ~before);
  if ((fresh & EVENT_PINNED) != 0) ctx_pinned_sched_in(ctx, cpu);
  if ((fresh & EVENT_FLEXIBLE) != 0) ctx_flexible_sched_in(ctx, cpu);
}

// SCH-128: again while the task is on another CPU by the time the IPI is served.
Path<int> Linux618::task_function_call(TaskId task, const char* name, ActiveFn fn, EventCall call) {
  while (true) {
    co_await e.point("task_function_call:before-read");
    const Cpu cpu = tk(task).cpu;
    co_await e.point("task_function_call:before-ipi");
    if (!w.cpu(cpu).online) co_return -ENXIO;
    const int ret = co_await e.call_on(cpu, name, remote_function(task, cpu, fn, call));
    if (ret != -EAGAIN) co_return ret;
  }
}

Path<int> Linux618::remote_function(TaskId task, Cpu cpu, ActiveFn fn, EventCall call) {
  if (task && tk(task).cpu != cpu) co_return -EAGAIN;
  if (task && !(w.cpu(cpu).curr == task)) co_return -ESRCH;
  co_return co_await (this->*fn)(call);
}

// SCH-130, SCH-138
Path<> Linux618::perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) {
  constexpr const char* kName = "__perf_install_in_context";
  ev(event).ctx = ctx;
  if (ev(event).cpu != kNoCpu) ev(event).cpu = cpu;
  const perf_event& x = ev(event);
  // Effectively OFF: its own state, unless the leader's is OFF or worse.
  const perf_event_state leader = ev(x.group_leader).state;
  const bool off = (leader <= PERF_EVENT_STATE_OFF ? leader : x.state) == PERF_EVENT_STATE_OFF &&
                   x.cgrp == kNoCgroup;
  const EventCall call{.event = event, .ctx = ctx};
  co_await e.point("install:before-lock");
  if (off && cx(ctx).nr_events != 0) {
    co_await lock_ctx(ctx);
    if (!install_too_late(ctx)) add_event_to_ctx(event, ctx, Rule::SCH_138);
    unlock_ctx(ctx);
    co_return;
  }
  if (!cx(ctx).task) {
    co_await cpu_function_call(cpu, kName, install_body(), call);
    co_return;
  }
  if (install_too_late(ctx)) co_return;
  while (true) {
    const TaskId task = cx(ctx).task;
    if (co_await task_function_call(task, kName, install_body(), call) == 0) co_return;
    co_await lock_ctx(ctx);
    const bool dead = install_too_late(ctx);
    const bool running = !dead && tk(cx(ctx).task).on_cpu;
    if (!dead && !running) add_event_to_ctx(event, ctx, Rule::SCH_130);
    unlock_ctx(ctx);
    if (!running) co_return;
    co_await e.spin("install:retry", {.task = task});
  }
}

// The event is added in the section that schedules it, with context time frozen.
Path<int> Linux618::__perf_install_in_context(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const CtxId running = w.cpuctx(cpu, nr).task_ctx;
  const CtxId task_ctx = cx(ctx).task ? ctx : running;
  co_await lock_ctx(w.cpuctx(cpu, nr).ctx);
  if (task_ctx) co_await lock_ctx(task_ctx);
  const TaskId task = cx(ctx).task;
  const bool reprogram = !task || is_current(ctx, cpu);
  int ret = 0;
  if (reprogram) {
    warn_on(task && running && !(running == ctx), "W-install-mismatch", Rule::SCH_130, ctx);
    ctx_time_freeze(ctx);
    add_event_to_ctx(call.event, ctx, Rule::SCH_130);
    ctx_resched(cpu, nr, task_ctx);
  } else if (tk(task).on_cpu) {
    ret = -ESRCH;  // the context was traded, and its task runs elsewhere
  } else {
    add_event_to_ctx(call.event, ctx, Rule::SCH_130);
  }
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return ret;
}

int Linux618::check_period(const perf_event& event, std::uint64_t value) const {
  const int error = InstallScaling::check_period(event, value);
  if (error != 0) return error;
  return !event.attr.frequency() && (value >> 63U) != 0 ? -EINVAL : 0;
}

// Context time is brought up to date before an event leaves it: what SCH-52 says is over.
bool Linux618::remove_event(EventCall call, Cpu cpu) {
  disable_update_time(ev(call.event).ctx);
  return InstallScaling::remove_event(call, cpu);
}

// LIFE-92
Path<int> Linux618::lock_for_install(EventId leader, bool moves, CtxId ctx, CtxId* gctx) {
  co_await e.point("open:before-mutex");
  if (!moves) {
    co_await lock_mutex(ctx);
    co_return leader && !(ev(leader).ctx == ctx) ? 1 : 0;
  }
  while (true) {
    const CtxId from = ev(leader).ctx;
    if (from == ctx) {  // another open has moved the group here: an event like any other now
      co_await lock_mutex(ctx);
      co_return 0;
    }
    get_ctx(from);
    co_await lock_mutex_double(ctx, from);
    if (ev(leader).ctx == from) {
      *gctx = from;
      break;
    }
    unlock_mutex(from);
    unlock_mutex(ctx);
    put_ctx(from);
  }
  if (cx(*gctx).tombstone) co_return -ESRCH;
  // Moved meanwhile, and not to where the new event goes.
  co_return ev(leader).group_software ? 0 : -EINVAL;
}

// SCH-133. Locks: CM, so that the context does not die meanwhile.
Path<> Linux618::perf_remove_from_context(EventId event, bool detach_group) {
  if (cx(ev(event).ctx).tombstone) return remove_from_dead_context(event, detach_group);
  return InstallScaling::perf_remove_from_context(event, detach_group);
}

Path<> Linux618::remove_from_dead_context(EventId event, bool detach_group) {
  const CtxId ctx = ev(event).ctx;
  co_await lock_ctx(ctx);
  remove_event(EventCall{.event = event, .ctx = ctx, .detach_group = detach_group}, kNoCpu);
  unlock_ctx(ctx);
}

// LIFE-56
Path<> Linux618::fold_and_unlink(EventId child) {
  const EventId parent = ev(child).parent;
  co_await e.point("exit:before-unlink-child");
  co_await lock_children(parent);
  sync_child_event(child);
  unlink_child(child);
  unlock_children(parent);
}

std::unique_ptr<Base> make_linux_6_18(World& world, Engine& engine) {
  return std::make_unique<Linux618>(world, engine);
}

}  // namespace reperf::core
