// perf_remove_from_context() (SCH-92). Locks: CM, then CL.
#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_remove_from_context(EventId event, bool detach_group) {
  co_await event_function_call(
      "__perf_remove_from_context", &Base::__perf_remove_from_context,
      &Base::___perf_remove_from_context,
      EventCall{.event = event, .ctx = ev(event).ctx, .detach_group = detach_group});
}

Path<int> Base::__perf_remove_from_context(EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  const Cpu cpu = smp_processor_id();
  co_await lock_ctx(ctx);
  event_sched_out(call.event, ctx, cpu);
  if (call.detach_group) perf_group_detach(call.event);
  list_del_event(call.event, ctx);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (cx(ctx).nr_events == 0 && cpuctx.task_ctx == ctx) {
    set_is_active(ctx, 0, Rule::SCH_92);
    cpuctx.task_ctx = CtxId{};
  }
  unlock_ctx(ctx);
  co_return 0;
}

void Base::___perf_remove_from_context(EventCall call) {
  if (call.detach_group) perf_group_detach(call.event);
  list_del_event(call.event, ev(call.event).ctx);
}

}  // namespace reperf::core
