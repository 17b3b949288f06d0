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
  // Whoever was throttled starts anew, whether or not it fits (SCH-32).
  if (x.hw.interrupts == kMaxInterrupts) unthrottle(event, Rule::SCH_122);
  perf_pmu_disable(x.pmu, cpu);
  if (pmu_add(event, cpu) != 0) {
    if (e.observed()) {
      e.emit(Fact{.kind = FactKind::event_fail, .rule = Rule::SCH_11, .event = event, .ctx = ctx});
    }
    perf_pmu_enable(x.pmu, cpu);
    return -EAGAIN;
  }
  x.oncpu = cpu;
  set_state(event, PERF_EVENT_STATE_ACTIVE, Rule::SCH_10);
  times_in(event);
  if (!is_software_event(x)) ++cpuctx.active_oncpu;
  if (c.nr_active++ == 0) perf_event_ctx_activate(ctx, cpu);
  if (x.attr.frequency()) ++c.nr_freq;
  if (x.attr.exclusive()) cpuctx.exclusive = true;
  perf_pmu_enable(x.pmu, cpu);
  check_orphan(event, ctx);
  return 0;
}

void Base::state_out(EventId event) {
  const bool off = std::exchange(ev(event).pending_disable, false);
  set_state(event, off ? PERF_EVENT_STATE_OFF : PERF_EVENT_STATE_INACTIVE,
            off ? Rule::SCH_12 : Rule::SCH_11);
}

// The state comes first: a limit that is reached inside pmu->del() stays pending (SCH-33).
void Base::stop_and_del(EventId event, Cpu cpu) {
  state_out(event);
  times_out(event);
  pmu_del(event, cpu);
  ev(event).oncpu = kNoCpu;
}

void Base::perf_event_ctx_activate(CtxId ctx, Cpu cpu) {
  perf_event_context& c = cx(ctx);
  warn_on(c.active_on != kNoCpu, "W-activate-list", Rule::SCH_121, ctx);
  if (c.active_on != kNoCpu) perf_event_ctx_deactivate(ctx);
  c.active_on = cpu;
  w.cpu(cpu).active_ctx_list.push_back(ctx);
}

void Base::perf_event_ctx_deactivate(CtxId ctx) {
  const Cpu cpu = std::exchange(cx(ctx).active_on, kNoCpu);
  warn_on(cpu == kNoCpu, "W-activate-list", Rule::SCH_121, ctx);
  if (cpu == kNoCpu) return;
  std::vector<CtxId>& list = w.cpu(cpu).active_ctx_list;
  list.erase(std::find(list.begin(), list.end(), ctx));
}

void Base::event_sched_out(EventId event, CtxId ctx, Cpu cpu) {
  perf_event& x = ev(event);
  warn_on(!(x.ctx == ctx), "W-out-ctx", Rule::SCH_33, ctx);
  if (x.state == PERF_EVENT_STATE_INACTIVE && !event_filter_match(x, cpu)) {
    times_skip(event, perf_event_time(x));  // enabled goes on, running does not
  }
  if (x.state != PERF_EVENT_STATE_ACTIVE) return;
  stop_and_del(event, cpu);
  perf_cpu_context& cpuctx = cpuctx_of(ctx, cpu);
  if (!is_software_event(x)) --cpuctx.active_oncpu;
  if (--cx(ctx).nr_active == 0) perf_event_ctx_deactivate(ctx);
  if (x.attr.frequency()) --cx(ctx).nr_freq;
  if (x.attr.exclusive() || cpuctx.active_oncpu == 0) cpuctx.exclusive = false;
  check_orphan(event, ctx);
}

// All or nothing: a member that does not fit takes the whole group off again (SCH-31).
int Base::group_sched_in(EventId leader, CtxId ctx, Cpu cpu) {
  if (ev(leader).state == PERF_EVENT_STATE_OFF) return 0;
  pmu_start_txn(cpu);
  if (event_sched_in(leader, ctx, cpu) == 0) {
    const std::vector<EventId>& siblings = ev(leader).sibling_list;
    const auto failed = std::find_if(siblings.begin(), siblings.end(), [&](EventId sibling) {
      return event_sched_in(sibling, ctx, cpu) != 0;
    });
    if (failed == siblings.end()) {
      if (pmu_commit_txn(cpu) == 0) return 0;
      e.emit(Fact{.kind = FactKind::txn_fail, .rule = Rule::SCH_31, .event = leader, .ctx = ctx});
    }
    for (auto it = siblings.begin(); it != failed; ++it) event_sched_out(*it, ctx, cpu);
    for (auto it = failed; it != siblings.end(); ++it) times_skip(*it, cx(ctx).time);
    event_sched_out(leader, ctx, cpu);
  }
  pmu_cancel_txn(cpu);
  perf_mux_hrtimer_restart(cpu, cx(ctx).nr);
  e.emit(Fact{.kind = FactKind::txn_cancel, .rule = Rule::SCH_31, .event = leader, .ctx = ctx});
  return -EAGAIN;
}

void Base::group_sched_out(EventId leader, CtxId ctx, Cpu cpu) {
  const bool was_active = ev(leader).state == PERF_EVENT_STATE_ACTIVE;
  event_sched_out(leader, ctx, cpu);
  for (const EventId sibling : ev(leader).sibling_list) event_sched_out(sibling, ctx, cpu);
  if (was_active && ev(leader).attr.exclusive()) cpuctx_of(ctx, cpu).exclusive = false;
}

}  // namespace reperf::core
