// Software events of the scheduler: where they are counted (ABI-146 to ABI-149).
#include "core/base/base.h"

namespace reperf::core {

// Both are raised with kernel-mode registers: exclude_kernel hides them (ABI-147).
bool Base::counts_sw(const perf_event& event, std::uint64_t config) const {
  return event.state == PERF_EVENT_STATE_ACTIVE && event.attr.config == config && event.pmu >= 0 &&
         w.pmus[static_cast<std::size_t>(event.pmu)].model == PmuModel::software &&
         !event.attr.has(AttrBit::exclude_kernel);
}

// One occurrence on `cpu`, for every event that is on that CPU: the running task's and the CPU's.
void Base::perf_sw_event_sched(Cpu cpu, perf_sw_ids id) {
  if (w.perf_swevent_enabled[id] == 0) return;
  const auto count = [&](CtxId ctx) {
    if (!ctx || cx(ctx).nr_active == 0) return;
    for (const EventId event : cx(ctx).event_list) {
      if (!counts_sw(ev(event), id)) continue;
      ++ev(event).count;
      if (e.observed()) {
        e.emit(Fact{.kind = FactKind::event_count, .rule = Rule::ABI_147, .event = event, .a = 1});
      }
    }
  };
  // Software events may sit in a hardware context too, as members of a hardware group (SCH-7).
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    const perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
    count(cpuctx.ctx);
    count(cpuctx.task_ctx);
  }
}

}  // namespace reperf::core
