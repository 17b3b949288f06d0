#include "core/versions/task_ctx_sched.h"

#include "core/versions/series.h"

namespace reperf::core {

// SCH-37
void TaskCtxSched::ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) {
  perf_event_context& c = cx(ctx);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (c.nr_events == 0) {
    warn_on(c.is_active != 0, "W-out-empty-active", Rule::SCH_37, ctx);
    warn_on(c.task && cpuctx.task_ctx, "W-out-empty-taskctx", Rule::SCH_37, ctx);
    return;
  }
  const std::uint8_t before = c.is_active;
  set_is_active(ctx, static_cast<std::uint8_t>(before & ~type), Rule::SCH_37);
  if (c.task) {
    warn_on(!(cpuctx.task_ctx == ctx), "W-out-mismatch", Rule::SCH_37, ctx);
    if (c.is_active == 0) cpuctx.task_ctx = CtxId{};
  }
  update_context_time(ctx);
  update_cgrp_time_from_cpuctx(cpu, c.nr);
  walk_groups_out(ctx, cpu, before & type);
}

// SCH-40
void TaskCtxSched::ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) {
  if (cx(ctx).nr_events == 0) return;
  Base::ctx_sched_in(ctx, cpu, type);
}

// SCH-83: a missed IPI means that a switch has happened, and has done the work.
Path<> TaskCtxSched::perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) {
  ev(event).ctx = ctx;
  if (ev(event).cpu != kNoCpu) ev(event).cpu = cpu;
  co_await e.point("install:before-lock");
  co_await lock_ctx(ctx);
  if (install_too_late(ctx)) {
    unlock_ctx(ctx);
    co_return;
  }
  install_update_time(ctx, event);
  add_event_to_ctx(event, ctx, Rule::SCH_83);
  const TaskId task = cx(ctx).task;
  unlock_ctx(ctx);
  const EventCall call{.event = event, .ctx = ctx};
  if (task) {
    co_await task_function_call(task, "__perf_install_in_context", install_body(), call);
  } else {
    co_await cpu_function_call(cpu, "__perf_install_in_context", install_body(), call);
  }
}

void TaskCtxSched::install_update_time(CtxId ctx, EventId event) {
  update_context_time(ctx);
  update_cgrp_time_from_event(event);
}

Path<int> TaskCtxSched::__perf_install_in_context(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
  CtxId task_ctx = cpuctx.task_ctx;
  if (cx(ctx).task) {
    if (!(cx(ctx).task == w.cpu(cpu).curr)) co_return 0;
    warn_on(task_ctx && !(task_ctx == ctx), "W-install-mismatch", Rule::SCH_83, ctx);
    task_ctx = ctx;
  }
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  ctx_resched(cpu, nr, task_ctx);
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

// SCH-93
Path<int> TaskCtxSched::__perf_remove_from_context(EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  const Cpu cpu = smp_processor_id();
  co_await lock_ctx(ctx);
  event_sched_out(call.event, ctx, cpu);
  if (call.detach_group) perf_group_detach(call.event);
  list_del_event(call.event, ctx);
  perf_event_context& c = cx(ctx);
  if (c.nr_events == 0 && c.is_active != 0) {
    set_is_active(ctx, 0, Rule::SCH_93);
    if (c.task) {
      perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
      warn_on(!(cpuctx.task_ctx == ctx), "W-remove-mismatch", Rule::SCH_93, ctx);
      cpuctx.task_ctx = CtxId{};
    }
  }
  unlock_ctx(ctx);
  co_return 0;
}

std::unique_ptr<Base> make_task_ctx_sched(World& world, Engine& engine) {
  return std::make_unique<TaskCtxSched>(world, engine);
}

}  // namespace reperf::core
