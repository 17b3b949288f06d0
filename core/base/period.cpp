// ioctl PERIOD: another period or frequency for one event (SCH-102). Locks: CM, then CL.
#include "core/base/base.h"

namespace reperf::core {

int Base::check_period(const perf_event& event, std::uint64_t value) const {
  if (!event.attr.sampling()) return -EINVAL;
  const std::int64_t limit = w.sysctl("perf_event_max_sample_rate", 100'000);
  if (event.attr.frequency() && value > static_cast<std::uint64_t>(limit)) return -EINVAL;
  return 0;
}

Path<> Base::perf_event_period(EventId event, std::uint64_t value) {
  co_await event_function_call("__perf_event_period", &Base::__perf_event_period,
                               &Base::___perf_event_period,
                               EventCall{.event = event, .ctx = ev(event).ctx, .value = value});
}

// Base does not look whether the event's context is the one that runs here (SCH-79).
Path<int> Base::__perf_event_period(EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  co_await lock_ctx(ctx);
  change_period(call, smp_processor_id());
  unlock_ctx(ctx);
  co_return 0;
}

void Base::change_period(EventCall call, Cpu cpu) {
  const PmuIndex pmu = pmu_of_class(cx(ev(call.event).ctx).nr);
  const bool active = ev(call.event).state == PERF_EVENT_STATE_ACTIVE;
  if (active) {
    perf_pmu_disable(pmu, cpu);
    pmu_stop(call.event);
  }
  ___perf_event_period(call);
  if (active) {
    pmu_start(call.event);
    perf_pmu_enable(pmu, cpu);
  }
}

// What was left of the old period is forgotten. A frequency keeps the period that it has found.
void Base::___perf_event_period(EventCall call) {
  perf_event& x = ev(call.event);
  x.attr.sample_period = call.value;
  if (!x.attr.frequency()) set_period(call.event, call.value, Rule::SCH_102);
  x.hw.period_left = 0;
}

}  // namespace reperf::core
