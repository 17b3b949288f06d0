// Events that existed before a recording began.
#include "core/base/base.h"

namespace reperf::core {

EventId Base::adopt_event(const AdoptedEvent& a) {
  const EventId event = perf_event_alloc(a.attr, find_pmu(a.attr), a.cpu, a.leader, a.parent);
  perf_event& x = ev(event);
  x.id = a.id;
  x.count = a.count;
  x.child_count = a.child_count;
  x.child_total_time_enabled = a.child_time_enabled;
  x.child_total_time_running = a.child_time_running;
  const perf_event_task_context nr =
      x.pmu >= 0 ? w.pmus[static_cast<std::size_t>(x.pmu)].task_ctx_nr : perf_sw_context;
  CtxId ctx = w.cpuctx(w.cpu_valid(a.cpu) ? a.cpu : 0, nr).ctx;
  if (a.task) {
    x.attach_state |= PERF_ATTACH_TASK;
    CtxId& slot = tk(a.task).perf_event_ctxp[static_cast<std::size_t>(nr)];
    if (!slot) slot = alloc_perf_context(nr, a.task);
    ctx = slot;
  }
  account_event(event);
  x.ctx = ctx;
  get_ctx(ctx);
  x.owner = a.owner;
  if (w.tasks.alive(a.owner)) tk(a.owner).perf_event_list.push_back(event);
  if (a.parent) {
    ev(a.parent).child_list.push_back(event);
    ++ev(a.parent).refcount;
  }
  if (a.state <= PERF_EVENT_STATE_EXIT) {
    x.state = PERF_EVENT_STATE_EXIT;
    x.total_time_enabled = a.time_enabled;
    x.total_time_running = a.time_running;
    return event;
  }
  const auto state = static_cast<perf_event_state>(a.state);
  x.state = state == PERF_EVENT_STATE_ACTIVE ? PERF_EVENT_STATE_INACTIVE : state;
  add_event_to_ctx(event, ctx);
  x.total_time_enabled = a.time_enabled;
  x.total_time_running = a.time_running;
  x.tstamp_enabled -= a.time_enabled;
  x.tstamp_running -= a.time_running;
  return event;
}

// Whether or not the scheduler hooks are live: events of CPUs do not need them (SCH-58).
Path<> Base::start_contexts(Cpu cpu) {
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    const CtxId task_ctx = tk(w.cpu(cpu).curr).perf_event_ctxp[static_cast<std::size_t>(nr)];
    co_await perf_ctx_lock(cpu, nr, task_ctx);
    ctx_resched(cpu, nr, task_ctx);
    perf_ctx_unlock(cpu, nr, task_ctx);
  }
}

}  // namespace reperf::core
