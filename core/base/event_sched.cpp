// One event or group onto and off the PMU (SCH-26 to SCH-35).
// Locks: KL and CL, on the CPU concerned, interrupts off: all of this is atomic.
#include <algorithm>
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

bool Base::event_filter_match(const perf_event& event, Cpu cpu) const {
  if (event.cpu != kNoCpu && event.cpu != cpu) return false;
  return event.cgrp == kNoCgroup || perf_cgroup_match(event, cpu);
}

bool Base::group_can_go_on(EventId leader, Cpu cpu, bool can_add_hw) {
  const perf_event& x = ev(leader);
  if (x.group_software) return true;
  const perf_cpu_context& cpuctx = w.cpuctx(cpu, cx(x.ctx).nr);
  if (cpuctx.exclusive) return false;
  if (x.attr.exclusive() && cpuctx.active_oncpu > 0) return false;
  return can_add_hw;
}

int Base::event_sched_in(EventId event, CtxId ctx, Cpu cpu) {
  perf_event& x = ev(event);
  if (x.state <= PERF_EVENT_STATE_OFF) return 0;
  perf_event_context& c = cx(ctx);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (pmu_add(event, cpu) != 0) {
    if (e.observed()) {
      e.emit(Fact{.kind = FactKind::event_fail, .rule = Rule::SCH_11, .event = event, .ctx = ctx});
    }
    return -EAGAIN;
  }
  x.oncpu = cpu;
  set_state(event, PERF_EVENT_STATE_ACTIVE, Rule::SCH_10);
  times_in(event);
  if (!is_software_event(x)) ++cpuctx.active_oncpu;
  ++c.nr_active;
  if (x.attr.exclusive()) cpuctx.exclusive = true;
  check_orphan(event, ctx);
  return 0;
}

// The state goes first, so that what pmu->del finds out comes too late (SCH-33).
void Base::stop_event(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  const bool off = std::exchange(x.pending_disable, false);
  set_state(event, off ? PERF_EVENT_STATE_OFF : PERF_EVENT_STATE_INACTIVE,
            off ? Rule::SCH_12 : Rule::SCH_11);
  times_out(event);
  pmu_del(event, cpu);
  x.oncpu = kNoCpu;
}

void Base::event_sched_out(EventId event, CtxId ctx, Cpu cpu) {
  perf_event& x = ev(event);
  warn_on(!(x.ctx == ctx), "W-out-ctx", Rule::SCH_33, ctx);
  if (x.state == PERF_EVENT_STATE_INACTIVE && !event_filter_match(x, cpu)) {
    times_skip(event, perf_event_time(x));  // enabled goes on, running does not
  }
  if (x.state != PERF_EVENT_STATE_ACTIVE) return;
  stop_event(event, cpu);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (!is_software_event(x)) --cpuctx.active_oncpu;
  --cx(ctx).nr_active;
  if (x.attr.exclusive() || cpuctx.active_oncpu == 0) cpuctx.exclusive = false;
  check_orphan(event, ctx);
}

// All or nothing: a member that does not fit takes the whole group off again (SCH-31).
int Base::group_sched_in(EventId leader, CtxId ctx, Cpu cpu) {
  if (ev(leader).state == PERF_EVENT_STATE_OFF) return 0;
  if (event_sched_in(leader, ctx, cpu) != 0) {
    perf_mux_hrtimer_restart(cpu, cx(ctx).nr);
    return -EAGAIN;
  }
  const std::vector<EventId>& siblings = ev(leader).sibling_list;
  const auto failed = std::find_if(siblings.begin(), siblings.end(), [&](EventId sibling) {
    return event_sched_in(sibling, ctx, cpu) != 0;
  });
  if (failed == siblings.end()) return 0;
  for (auto it = siblings.begin(); it != failed; ++it) event_sched_out(*it, ctx, cpu);
  for (auto it = failed; it != siblings.end(); ++it) times_skip(*it, cx(ctx).time);
  event_sched_out(leader, ctx, cpu);
  perf_mux_hrtimer_restart(cpu, cx(ctx).nr);
  return -EAGAIN;
}

void Base::group_sched_out(EventId leader, CtxId ctx, Cpu cpu) {
  const bool was_active = ev(leader).state == PERF_EVENT_STATE_ACTIVE;
  event_sched_out(leader, ctx, cpu);
  for (const EventId sibling : ev(leader).sibling_list) event_sched_out(sibling, ctx, cpu);
  if (was_active && ev(leader).attr.exclusive()) cpuctx_of(ctx, cpu).exclusive = false;
}

}  // namespace reperf::core
