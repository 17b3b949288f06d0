#include "core/versions/install_scaling.h"

#include "core/versions/series.h"

namespace reperf::core {

// SCH-86. Nothing bounds the loop (SCH-90).
Path<> InstallScaling::perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) {
  constexpr const char* kName = "__perf_install_in_context";
  ev(event).ctx = ctx;
  if (ev(event).cpu != kNoCpu) ev(event).cpu = cpu;
  const EventCall call{.event = event, .ctx = ctx};
  TaskId task = cx(ctx).task;
  if (!task) {
    // The result is ignored: on an offline CPU the event is never added.
    co_await cpu_function_call(cpu, kName, install_body(), call);
    co_return;
  }
  if (install_too_late(ctx)) co_return;
  while (true) {
    co_await e.point("install:before-read");
    const Cpu target = tk(task).cpu;
    if (co_await cpu_function_call(target, kName, install_body(), call) == 0) co_return;
    co_await e.point("install:before-reload");
    co_await lock_ctx(ctx);
    task = cx(ctx).task;
    const bool dead = install_too_late(ctx);
    unlock_ctx(ctx);
    if (dead) co_return;
    co_await e.spin("install:retry", {.task = task, .cpu = w.cpu(target).online ? kNoCpu : target});
  }
}

// SCH-87
Path<int> InstallScaling::__perf_install_in_context(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const CtxId running = w.cpuctx(cpu, nr).task_ctx;
  const CtxId task_ctx = cx(ctx).task ? ctx : running;
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  const TaskId task = cx(ctx).task;
  if (task && tk(task).cpu != cpu) {
    perf_ctx_unlock(cpu, nr, task_ctx);
    co_return -ESRCH;
  }
  // A task that does not run has its event scheduled by the switch that lets it.
  const bool activate = !task || is_current(ctx, cpu);
  if (activate) {
    warn_on(task && running && !(running == ctx), "W-install-mismatch", Rule::SCH_87, ctx);
    ctx_sched_out(ctx, cpu, EVENT_TIME);
    add_event_to_ctx(call.event, ctx, Rule::SCH_87);
    ctx_resched(cpu, nr, task_ctx);
  } else {
    add_event_to_ctx(call.event, ctx, Rule::SCH_87);
  }
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

std::unique_ptr<Base> make_install_scaling(World& world, Engine& engine) {
  return std::make_unique<InstallScaling>(world, engine);
}

}  // namespace reperf::core
