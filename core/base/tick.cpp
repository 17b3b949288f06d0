// perf_event_task_tick() (SCH-121): throttled events go on, and the periods of events that are to
// overflow with a frequency are adjusted (SCH-123). Locks: CL, interrupts off.
#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

namespace {

// A factor of a product that has to fit into 64 bits, and how many bits it has. The kernel counts
// the bits once and then takes one off for each halving.
struct Factor {
  std::uint64_t value;
  int bits;
  explicit Factor(std::uint64_t v) : value(v), bits(64 - std::countl_zero(v)) {}
};

void halve_longer(Factor& a, Factor& b) {
  Factor& longer = a.bits > b.bits ? a : b;
  longer.value >>= 1;
  --longer.bits;
}

bool too_long(const Factor& a, const Factor& b) { return a.bits + b.bits > 64; }

// How many counts apart overflows have to be for `freq` of them a second, when `nsec` brought
// `count`: count * 1e9 / (nsec * freq). Where a product is too long, precision goes, on both sides
// of the fraction alike.
std::uint64_t calculate_period(Ns nsec, std::uint64_t count, std::uint64_t freq) {
  Factor n{nsec};
  Factor f{freq};
  Factor c{count};
  Factor second{1'000'000'000};
  while (too_long(c, second) && too_long(n, f)) {
    halve_longer(n, f);
    halve_longer(second, c);
  }
  std::uint64_t dividend = 0;
  std::uint64_t divisor = 0;
  if (too_long(c, second)) {
    divisor = n.value * f.value;
    while (too_long(c, second)) {
      halve_longer(c, second);
      divisor >>= 1;
    }
    dividend = c.value * second.value;
  } else {
    dividend = c.value * second.value;
    while (too_long(n, f)) {
      halve_longer(n, f);
      dividend >>= 1;
    }
    divisor = n.value * f.value;
  }
  return divisor == 0 ? dividend : dividend / divisor;
}

}  // namespace

void Base::set_period(EventId event, std::uint64_t period, Rule rule) {
  hw_perf_event& hw = ev(event).hw;
  const std::uint64_t before = std::exchange(hw.sample_period, period);
  if (before == period) return;
  e.emit(Fact{.kind = FactKind::event_period,
              .rule = rule,
              .event = event,
              .a = static_cast<std::int64_t>(before),
              .b = static_cast<std::int64_t>(period)});
}

// An eighth of the way, rounded up; never to 0. `disable`: the event counts meanwhile.
void Base::perf_adjust_period(EventId event, Ns nsec, std::uint64_t count, bool disable) {
  hw_perf_event& hw = ev(event).hw;
  const std::uint64_t aim = calculate_period(nsec, count, ev(event).attr.sample_period);
  const std::int64_t delta = (static_cast<std::int64_t>(aim - hw.sample_period) + 7) / 8;
  const std::uint64_t period = hw.sample_period + static_cast<std::uint64_t>(delta);
  set_period(event, std::max<std::uint64_t>(period, 1), Rule::SCH_123);
  // What is left of a period that was much longer would delay the next overflow too much.
  if (hw.period_left > 0 && static_cast<std::uint64_t>(hw.period_left) > 8 * hw.sample_period) {
    if (disable) pmu_stop(event);
    hw.period_left = 0;
    if (disable) pmu_start(event);
  }
}

void Base::perf_adjust_freq_unthr_event(EventId event) {
  perf_event& x = ev(event);
  if (x.hw.interrupts == kMaxInterrupts) {
    unthrottle(event, Rule::SCH_121);
    pmu_start(event);
  }
  if (!x.attr.frequency()) return;
  pmu_stop(event);
  const std::uint64_t counted = x.count - std::exchange(x.hw.freq_count_stamp, x.count);
  // RESET takes the count back behind the stamp: that is no progress.
  if (static_cast<std::int64_t>(counted) > 0) {
    perf_adjust_period(event, 1'000'000'000 / w.hz, counted, false);
  }
  pmu_start(event);
}

Path<> Base::perf_adjust_freq_unthr_context(CtxId ctx, bool needs_unthr) {
  if (cx(ctx).nr_freq == 0 && !needs_unthr) co_return;
  const Cpu cpu = smp_processor_id();
  const PmuIndex pmu = pmu_of_class(cx(ctx).nr);
  co_await lock_ctx(ctx);
  perf_pmu_disable(pmu, cpu);
  const std::vector<EventId>& events = cx(ctx).event_list;
  for (auto it = events.rbegin(); it != events.rend(); ++it) {  // the kernel's list, newest first
    const perf_event& x = ev(*it);
    if (x.state != PERF_EVENT_STATE_ACTIVE || !event_filter_match(x, cpu)) continue;
    perf_pmu_disable(x.pmu, cpu);
    perf_adjust_freq_unthr_event(*it);
    perf_pmu_enable(x.pmu, cpu);
  }
  perf_pmu_enable(pmu, cpu);
  unlock_ctx(ctx);
}

Path<> Base::perf_event_task_tick(Cpu cpu) {
  cpu_struct& c = w.cpu(cpu);
  ++c.perf_throttled_seq;
  const bool throttled = std::exchange(c.perf_throttled_count, 0) != 0;
  // The list is this CPU's own; with interrupts off nobody changes it.
  const std::vector<CtxId> contexts = c.active_ctx_list;
  for (auto it = contexts.rbegin(); it != contexts.rend(); ++it) {
    if (w.contexts.alive(*it)) co_await perf_adjust_freq_unthr_context(*it, throttled);
  }
}

}  // namespace reperf::core
