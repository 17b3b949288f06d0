// Events that existed before a recording began.
#include "core/base/base.h"

namespace reperf::core {

// Its entry in the snapshot is still to come: off every context, as if its target had exited.
EventId Base::adopt_shell() {
  const EventId event = w.events.create();
  perf_event& x = ev(event);
  x.group_leader = event;
  x.refcount = 1;
  x.state = PERF_EVENT_STATE_EXIT;
  return event;
}

// The context that an adopted event belongs to; one whose target is gone gets a dead one.
CtxId Base::adopted_context(const AdoptedEvent& a, perf_event_task_context nr) {
  if (a.task) {
    CtxId& slot = tk(a.task).perf_event_ctxp[static_cast<std::size_t>(nr)];
    if (!slot) slot = alloc_perf_context(nr, a.task);
    get_ctx(slot);
    return slot;
  }
  if (w.cpu_valid(a.cpu)) {
    const CtxId ctx = w.cpuctx(a.cpu, nr).ctx;
    get_ctx(ctx);
    return ctx;
  }
  const TaskId gone = w.tasks.create();
  tk(gone).exiting = true;
  const CtxId dead = alloc_perf_context(nr, gone);
  put_task(gone);  // the context keeps it, the event keeps the context
  return dead;
}

void Base::adopt_event(EventId event, const AdoptedEvent& a) {
  perf_event& x = ev(event);
  init_event(event, a.attr, find_pmu(a.attr), a.cpu, a.leader, a.parent);
  x.id = a.id;
  x.count = a.count;
  x.child_count = a.child_count;
  x.child_total_time_enabled = a.child_time_enabled;
  x.child_total_time_running = a.child_time_running;
  const perf_event_task_context nr =
      x.pmu >= 0 ? w.pmus[static_cast<std::size_t>(x.pmu)].task_ctx_nr : perf_sw_context;
  // One whose target is gone was a task's event, and its copies still need the hooks (SCH-58).
  if (a.task || !w.cpu_valid(a.cpu)) x.attach_state |= PERF_ATTACH_TASK;
  if (needs_sched_hooks(x)) {
    x.account_done = true;
    if (w.perf_sched_events++ == 0) turn_hooks_on();
  }
  x.ctx = adopted_context(a, nr);
  x.owner = a.owner;
  if (w.tasks.alive(a.owner)) tk(a.owner).perf_event_list.push_back(event);
  if (a.parent) {
    ev(a.parent).child_list.push_back(event);
    ++ev(a.parent).refcount;
  }
  const bool on_context = a.task || w.cpu_valid(a.cpu);
  if (a.state <= PERF_EVENT_STATE_EXIT || !on_context) {
    x.state = PERF_EVENT_STATE_EXIT;
    x.total_time_enabled = a.time_enabled;
    x.total_time_running = a.time_running;
    return;
  }
  const auto state = static_cast<perf_event_state>(a.state);
  x.state = state == PERF_EVENT_STATE_ACTIVE ? PERF_EVENT_STATE_INACTIVE : state;
  add_event_to_ctx(event, x.ctx);
  x.total_time_enabled = a.time_enabled;
  x.total_time_running = a.time_running;
  x.tstamp_enabled -= a.time_enabled;
  x.tstamp_running -= a.time_running;
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
