// exit: a task's contexts die, its events end or are folded into their originals (LIFE section 8,
// steps X1 to X9, column V0; SCH-104 to SCH-106). Locks: CL alone, then CM, XM inside it.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_event_exit_task(TaskId task) {
  e.emit(Fact{.kind = FactKind::task_exit, .rule = Rule::LIFE_32, .task = task});
  tk(task).exiting = true;
  // The owner list goes first (LIFE-34).
  co_await lock_task(task);
  for (const EventId event : tk(task).perf_event_list) {
    ev(event).owner = TaskId{};
    e.emit(
        Fact{.kind = FactKind::owner_clear, .rule = Rule::LIFE_34, .task = task, .event = event});
  }
  tk(task).perf_event_list.clear();
  unlock_task(task);
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    if (tk(task).perf_event_ctxp[static_cast<std::size_t>(nr)]) {
      co_await perf_event_exit_task_context(task, nr);
    }
  }
}

Path<> Base::perf_event_exit_task_context(TaskId task, perf_event_task_context nr) {
  const auto slot = static_cast<std::size_t>(nr);
  co_await e.point("exit:before-unlink");
  // Interrupts are off from here: the context cannot be traded away before it is locked.
  e.irq_disable();
  const CtxId ctx = tk(task).perf_event_ctxp[slot];
  // One section: off the PMU, off the task, no clone any more (X2).
  co_await lock_ctx(ctx);
  task_ctx_sched_out(ctx, smp_processor_id());
  tk(task).perf_event_ctxp[slot] = CtxId{};
  unclone_ctx(ctx);
  exit_update_time(ctx);
  unlock_ctx(ctx);
  e.irq_enable();
  e.emit(Fact{.kind = FactKind::ctx_dead, .rule = Rule::LIFE_52, .task = task, .ctx = ctx});
  // The context is dead and its mutex free (LIFE-52).
  co_await e.point("exit:before-mutex");
  co_await lock_mutex(ctx);
  const std::vector<EventId> events = cx(ctx).event_list;
  for (const EventId event : events) {
    if (w.events.alive(event)) co_await __perf_event_exit_task(event, ctx);
  }
  unlock_mutex(ctx);
  put_ctx(ctx);  // the task's reference
}

Path<> Base::__perf_event_exit_task(EventId event, CtxId) {
  const EventId parent = ev(event).parent;
  // Top-level events keep their group (LIFE-54).
  co_await perf_remove_from_context(event, static_cast<bool>(parent));
  if (!parent) {
    set_state(event, PERF_EVENT_STATE_EXIT, Rule::SCH_17);
    co_return;
  }
  sync_child_event(event);
  co_await e.point("exit:before-unlink-child");
  co_await lock_children(parent);
  unlink_child(event);
  unlock_children(parent);
  co_await put_event(parent);
  free_event(event);
}

void Base::sync_child_event(EventId child) {
  const perf_event& x = ev(child);
  perf_event& top = ev(x.parent);
  top.child_count += perf_event_count(x);
  top.child_total_time_enabled += x.total_time_enabled;
  top.child_total_time_running += x.total_time_running;
  e.emit(Fact{.kind = FactKind::event_fold,
              .rule = Rule::SCH_105,
              .event = x.parent,
              .event2 = child,
              .a = static_cast<std::int64_t>(perf_event_count(x)),
              .b = static_cast<std::int64_t>(x.total_time_enabled)});
}

// Locks: XM of the original.
void Base::unlink_child(EventId child) {
  std::vector<EventId>& list = ev(ev(child).parent).child_list;
  list.erase(std::remove(list.begin(), list.end(), child), list.end());
}

}  // namespace reperf::core
