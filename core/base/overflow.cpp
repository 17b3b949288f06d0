// A sampling event overflows: throttling, the limit, and the irq_work that disables (SCH-120,
// SCH-123, SCH-95). Locks: none in the handler, which may be an NMI; CL in the irq_work.
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

namespace {

// perf_event_max_sample_rate is a number a second.
std::uint64_t max_samples_per_tick(const World& w) {
  const auto rate = static_cast<std::uint64_t>(w.sysctl("perf_event_max_sample_rate", 100'000));
  return (rate + w.hz - 1) / w.hz;
}

}  // namespace

Path<> Base::pmu_interrupt(EventId event, Cpu cpu) {
  const perf_event& x = ev(event);
  // Self-IPIs wait for the end of the handler.
  e.irq_disable();
  if (x.state == PERF_EVENT_STATE_ACTIVE && x.oncpu == cpu && !x.hw.stopped) {
    perf_event_overflow(event, cpu);
  }
  e.irq_enable();
  co_return;
}

void Base::perf_event_overflow(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  hw_perf_event& hw = x.hw;
  cpu_struct& c = w.cpu(cpu);
  if (!x.attr.sampling()) return;  // its counter is only as wide as it is
  hw.last_period = hw.sample_period;
  hw.period_left = static_cast<std::int64_t>(hw.sample_period);
  bool stop = false;
  bool limit_reached = false;
  if (hw.interrupts_seq != c.perf_throttled_seq) {
    hw.interrupts_seq = c.perf_throttled_seq;
    hw.interrupts = 1;
  } else {
    ++hw.interrupts;
    stop = hw.interrupts >= max_samples_per_tick(w);
  }
  e.emit(Fact{.kind = FactKind::event_overflow,
              .rule = Rule::SCH_120,
              .event = event,
              .a = static_cast<std::int64_t>(hw.interrupts)});
  if (stop) {
    ++c.perf_throttled_count;
    hw.interrupts = kMaxInterrupts;
    e.emit(Fact{.kind = FactKind::event_throttle, .rule = Rule::SCH_120, .event = event});
  }
  if (x.attr.frequency()) {
    const Ns tick = 1'000'000'000 / w.hz;
    const Ns delta = w.now - std::exchange(hw.freq_time_stamp, w.now);
    if (delta > 0 && delta < 2 * tick) perf_adjust_period(event, delta, hw.last_period, true);
  }
  // Like an atomic counter: REFRESH may have made it negative, and it wraps.
  if (x.event_limit != 0) {
    x.event_limit = static_cast<std::int32_t>(static_cast<std::uint32_t>(x.event_limit) - 1);
    limit_reached = x.event_limit == 0;
  }
  if (limit_reached) {
    stop = true;
    x.pending_disable = true;
    e.emit(Fact{.kind = FactKind::event_hup, .rule = Rule::SCH_123, .event = event});
    queue_irq_work(event, cpu);
  }
  if (stop) pmu_stop(event);
}

void Base::unthrottle(EventId event, Rule rule) {
  ev(event).hw.interrupts = 0;
  e.emit(Fact{.kind = FactKind::event_unthrottle, .rule = rule, .event = event});
}

// A self-IPI: runs when interrupts are on again, on behalf of whoever is current then.
void Base::queue_irq_work(EventId event, Cpu cpu) {
  if (std::exchange(ev(event).pending, true)) return;
  e.emit(Fact{.kind = FactKind::irq_work_queue,
              .rule = Rule::SCH_95,
              .event = event,
              .text = "perf_pending_event"});
  e.start("irq_work", RunContext::irq, w.cpu(cpu).curr, cpu, perf_pending_event(event));
}

// Base: the body of a disable is called here, so that it is dropped when the context is no longer
// current (SCH-95).
Path<> Base::perf_pending_event(EventId event) {
  if (!w.events.alive(event)) co_return;
  e.emit(Fact{.kind = FactKind::irq_work_run,
              .rule = Rule::SCH_95,
              .event = event,
              .text = "perf_pending_event"});
  co_await e.point("perf_pending_event:begin");
  if (!w.events.alive(event)) co_return;
  ev(event).pending = false;
  if (!std::exchange(ev(event).pending_disable, false)) co_return;
  const int ret = co_await __perf_event_disable(EventCall{.event = event, .ctx = ev(event).ctx});
  e.emit(Fact{.kind = FactKind::irq_work_return,
              .rule = Rule::SCH_95,
              .event = event,
              .a = ret,
              .text = "__perf_event_disable"});
  check_local_call(event, ret);
}

}  // namespace reperf::core
