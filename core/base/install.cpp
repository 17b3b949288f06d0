// perf_install_in_context() (SCH-81): the event is added on the CPU where its context runs, in the
// lock section that schedules it, or under CL alone when the context does not run.
// Locks: CM, then KL and CL on the target.
#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) {
  ev(event).ctx = ctx;
  if (ev(event).cpu != kNoCpu) ev(event).cpu = cpu;
  co_await event_function_call("__perf_install_in_context", &Base::__perf_install_in_context,
                               &Base::___perf_install_in_context,
                               EventCall{.event = event, .ctx = ctx});
}

Path<int> Base::__perf_install_in_context(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
  CtxId task_ctx = cpuctx.task_ctx;
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  const PmuIndex pmu = pmu_of_class(nr);
  perf_pmu_disable(pmu, cpu);
  if (task_ctx) task_ctx_sched_out(task_ctx, cpu);
  // Make the context that gets the event the one that runs here.
  if (cx(ctx).task && !(task_ctx == ctx)) {
    if (task_ctx) unlock_ctx(task_ctx);
    co_await lock_ctx(ctx);
    task_ctx = ctx;
  }
  if (task_ctx) cpuctx.task_ctx = task_ctx;
  ctx_sched_out(cpuctx.ctx, cpu, EVENT_ALL);
  update_context_time(ctx);
  update_cgrp_time_from_event(call.event);
  add_event_to_ctx(call.event, ctx, Rule::SCH_81);
  perf_event_sched_in(cpu, nr, task_ctx);
  perf_pmu_enable(pmu, cpu);
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

void Base::___perf_install_in_context(EventCall call) {
  add_event_to_ctx(call.event, call.ctx, Rule::SCH_81);
}

}  // namespace reperf::core
