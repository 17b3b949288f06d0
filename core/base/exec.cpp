// exec: enable_on_exec (SCH-101). Locks: KL and CL, interrupts off.
#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_event_exec(TaskId task) {
  e.emit(Fact{.kind = FactKind::task_exec, .rule = Rule::SCH_101, .task = task});
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    co_await perf_event_enable_on_exec(task, nr);
  }
}

Path<> Base::perf_event_enable_on_exec(TaskId task, perf_event_task_context nr) {
  co_await e.point("exec:before-lock");
  // Interrupts go off first: from here on neither the CPU nor the context can change.
  e.irq_disable();
  const CtxId ctx = tk(task).perf_event_ctxp[static_cast<std::size_t>(nr)];
  if (!ctx || cx(ctx).nr_events == 0) {
    e.irq_enable();
    co_return;
  }
  const Cpu cpu = smp_processor_id();
  co_await perf_ctx_lock(cpu, nr, ctx);
  // Without this, events get a hole as long as the last update of context time is ago (SCH-101).
  exec_update_time(ctx);
  bool enabled = false;
  for (const EventId event : cx(ctx).event_list) {
    perf_event& x = ev(event);
    if (!x.attr.has(AttrBit::enable_on_exec)) continue;
    x.attr.clear(AttrBit::enable_on_exec);
    if (x.state >= PERF_EVENT_STATE_INACTIVE) continue;
    __perf_event_mark_enabled(event);
    e.emit(Fact{.kind = FactKind::event_enabled_on_exec, .rule = Rule::SCH_101, .event = event});
    enabled = true;
  }
  if (enabled) {
    unclone_ctx(ctx);
    ctx_resched(cpu, nr, ctx);
  }
  perf_ctx_unlock(cpu, nr, ctx);
  e.irq_enable();
}

}  // namespace reperf::core
