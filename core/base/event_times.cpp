// Time accounting of contexts and events, the scheme of three time stamps (SCH-41 to SCH-50).
//
// X(e), the time an event's stamps are measured in, is its context's accumulated time, for a cgroup
// event the time of its cgroup on its CPU. Totals are
// derived from the stamps whenever they are updated; they are not accumulators (SCH-44).
// Locks: CL of the event's context for everything here.
#include "core/base/base.h"

namespace reperf::core {

void Base::update_context_time(CtxId ctx) {
  perf_event_context& c = cx(ctx);
  c.time += w.now - c.timestamp;
  c.timestamp = w.now;
}

Ns Base::perf_event_time(const perf_event& event) {
  if (event.cgrp != kNoCgroup) {
    return w.cgroups[static_cast<std::size_t>(event.cgrp)]
        .info[static_cast<std::size_t>(event.cpu)]
        .time;
  }
  return w.contexts.alive(event.ctx) ? cx(event.ctx).time : 0;
}

void Base::update_event_times(EventId event) {
  perf_event& x = ev(event);
  if (x.state < PERF_EVENT_STATE_INACTIVE) return;
  if (w.events.alive(x.group_leader) && ev(x.group_leader).state < PERF_EVENT_STATE_INACTIVE) {
    return;
  }
  const perf_event_context& c = cx(x.ctx);
  Ns enabled_until = x.tstamp_stopped;
  if (x.cgrp != kNoCgroup) {
    enabled_until = perf_event_time(x);
  } else if (c.is_active != 0) {
    enabled_until = c.time;
  }
  x.total_time_enabled = enabled_until - x.tstamp_enabled;
  const Ns running_until =
      x.state == PERF_EVENT_STATE_INACTIVE ? x.tstamp_stopped : perf_event_time(x);
  x.total_time_running = running_until - x.tstamp_running;
}

void Base::update_group_times(EventId leader) {
  update_event_times(leader);
  for (const EventId sibling : ev(leader).sibling_list) update_event_times(sibling);
}

// SCH-42, the rows of its table.
void Base::start_times(EventId event) {
  perf_event& x = ev(event);
  const Ns time = perf_event_time(x);
  x.tstamp_enabled = time;
  x.tstamp_running = time;
  x.tstamp_stopped = time;
}

void Base::mark_times_enabled(EventId event) {
  perf_event& x = ev(event);
  x.tstamp_enabled = perf_event_time(x) - x.total_time_enabled;
}

void Base::times_in(EventId event) {
  perf_event& x = ev(event);
  x.tstamp_running += perf_event_time(x) - x.tstamp_stopped;
}

void Base::times_out(EventId event) {
  perf_event& x = ev(event);
  x.tstamp_stopped = perf_event_time(x);
}

void Base::times_skip(EventId event, Ns now) {
  perf_event& x = ev(event);
  x.tstamp_running += now - x.tstamp_stopped;
  x.tstamp_stopped = now;
}

}  // namespace reperf::core
