#include "core/versions/linux_6_18.h"

#include <algorithm>
#include <utility>

#include "core/versions/series.h"

namespace reperf::core {

// SCH-136: the effective state is the leader's when that is OFF or worse.
void Linux618::update_event_times(EventId event) {
  perf_event& x = ev(event);
  const Ns time = perf_event_time(x);
  const Ns delta = time - x.tstamp_stopped;
  perf_event_state state = x.state;
  if (w.events.alive(x.group_leader)) {
    const perf_event_state leader = ev(x.group_leader).state;
    if (leader <= PERF_EVENT_STATE_OFF) state = leader;
  }
  if (state >= PERF_EVENT_STATE_INACTIVE) x.total_time_enabled += delta;
  if (state >= PERF_EVENT_STATE_ACTIVE) x.total_time_running += delta;
  x.tstamp_stopped = time;  // the only stamp that is left
}

void Linux618::start_times(EventId event) { ev(event).tstamp_stopped = perf_event_time(ev(event)); }

void Linux618::set_state(EventId event, perf_event_state state, Rule rule) {
  perf_event& x = ev(event);
  if (x.state == state) return;
  if (w.contexts.alive(x.ctx)) {
    update_event_times(event);
    const bool crosses_off =
        (x.state < PERF_EVENT_STATE_INACTIVE) != (state < PERF_EVENT_STATE_INACTIVE);
    if (crosses_off) {
      for (const EventId sibling : x.sibling_list) update_event_times(sibling);
    }
  }
  TaskCtxSched::set_state(event, state, rule);
}

// SCH-67: here ctx->task comes first.
Path<> Linux618::swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx) {
  std::swap(cx(ctx).task, cx(next_ctx).task);
  co_await e.point("swap:between-stores");
  swap_ctxp(task, next, cx(ctx).nr);
}

void Linux618::exec_update_time(CtxId ctx) {
  if (cx(ctx).is_active != 0) update_context_time(ctx);
}

// SCH-134: a context that was not scheduled has no time to catch up with.
void Linux618::ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) {
  if (cx(ctx).is_active == 0) cx(ctx).timestamp = w.now;
  TaskCtxSched::ctx_sched_out(ctx, cpu, type);
}

// SCH-130, SCH-138
Path<> Linux618::perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) {
  ev(event).ctx = ctx;
  if (ev(event).cpu != kNoCpu) ev(event).cpu = cpu;
  const perf_event& x = ev(event);
  const bool off =
      x.state <= PERF_EVENT_STATE_OFF || ev(x.group_leader).state <= PERF_EVENT_STATE_OFF;
  const EventCall call{.event = event, .ctx = ctx};
  co_await e.point("install:before-lock");
  if (off && cx(ctx).nr_events != 0) {
    co_await lock_ctx(ctx);
    add_event_to_ctx(event, ctx);
    unlock_ctx(ctx);
    co_return;
  }
  if (!cx(ctx).task) {
    co_await cpu_function_call(cpu, "__perf_install_in_context", install_body(), call);
    co_return;
  }
  while (true) {
    const TaskId task = cx(ctx).task;
    const int ret =
        co_await task_function_call(task, "__perf_install_in_context", install_body(), call);
    if (ret == 0) co_return;
    co_await lock_ctx(ctx);
    const bool running = tk(cx(ctx).task).on_cpu;
    if (!running) add_event_to_ctx(event, ctx);
    unlock_ctx(ctx);
    if (!running) co_return;
    co_await e.spin("install:retry", {.task = task});
  }
}

// The event is added in the section that schedules it, with context time up to date.
Path<int> Linux618::__perf_install_in_context(EventCall call) {
  const CtxId ctx = call.ctx;
  const Cpu cpu = smp_processor_id();
  const perf_event_task_context nr = cx(ctx).nr;
  const bool task_event = static_cast<bool>(cx(ctx).task);
  if (task_event && !(cx(ctx).task == w.cpu(cpu).curr)) co_return -ESRCH;
  const CtxId task_ctx = task_event ? ctx : w.cpuctx(cpu, nr).task_ctx;
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  if (cx(ctx).is_active != 0) update_context_time(ctx);
  add_event_to_ctx(call.event, ctx);
  ctx_resched(cpu, nr, task_ctx);
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return 0;
}

Path<> Linux618::_perf_event_enable(EventId event) {
  if (ev(event).state < PERF_EVENT_STATE_ERROR) co_return;
  co_await TaskCtxSched::_perf_event_enable(event);
}

int Linux618::check_period(const perf_event& event, std::uint64_t value) const {
  const int error = TaskCtxSched::check_period(event, value);
  if (error != 0) return error;
  return !event.attr.frequency() && (value >> 63U) != 0 ? -EINVAL : 0;
}

bool Linux618::is_orphaned_event(const perf_event& top) const {
  return top.state <= PERF_EVENT_STATE_DEAD;
}

// Only frees: whoever closes has done the rest (LIFE-71).
Path<> Linux618::put_event(EventId event) {
  const int left = --ev(event).refcount;
  e.emit(Fact{.kind = FactKind::event_put, .rule = Rule::LIFE_71, .event = event, .a = left});
  if (left == 0) _free_event(event);
  co_return;
}

Path<> Linux618::perf_release(EventId event) {
  co_await perf_remove_from_owner(event);
  ev(event).owner = TaskId{};
  const CtxId ctx = co_await perf_event_ctx_lock(event);
  co_await perf_remove_from_context(event, true);
  co_await lock_ctx(ctx);
  set_state(event, PERF_EVENT_STATE_DEAD, Rule::LIFE_73);
  unlock_ctx(ctx);
  unlock_mutex(ctx);
  put_ctx(ctx);
  while (true) {
    co_await lock_children(event);
    const bool empty = ev(event).child_list.empty();
    const EventId child = empty ? EventId{} : ev(event).child_list.front();
    const CtxId child_ctx = empty ? CtxId{} : ev(child).ctx;
    if (!empty) get_ctx(child_ctx);
    unlock_children(event);
    if (empty) break;
    // CM comes before XM, so that a child may exit in between: look again (LIFE-71).
    co_await e.point("release:before-child");
    co_await lock_mutex(child_ctx);
    co_await lock_children(event);
    const std::vector<EventId>& children = ev(event).child_list;
    if (!children.empty() && children.front() == child) {
      co_await perf_remove_from_context(child, true);
      unlink_child(child);
      free_event(child);
      co_await put_event(event);
    }
    unlock_children(event);
    unlock_mutex(child_ctx);
    put_ctx(child_ctx);
  }
  co_await put_event(event);
}

// LIFE-44: one section of XM from the test to the link.
Path<EventId> Linux618::inherit_event(EventId parent, CtxId, EventId leader, TaskId,
                                      CtxId child_ctx) {
  const bool enabled = ev(parent).state >= PERF_EVENT_STATE_INACTIVE;
  const EventId top = ev(parent).parent ? ev(parent).parent : parent;
  const EventId copy =
      perf_event_alloc(ev(parent).attr, ev(parent).pmu, ev(parent).cpu, leader, top);
  co_await e.point("inherit:before-orphan-check");
  co_await lock_children(top);
  if (refuse_orphan(copy)) {
    unlock_children(top);
    co_return EventId{};
  }
  set_up_copy(copy, child_ctx, enabled);
  co_await lock_ctx(child_ctx);
  add_event_to_ctx(copy, child_ctx);
  unlock_ctx(child_ctx);
  ev(top).child_list.push_back(copy);
  unlock_children(top);
  co_return copy;
}

// The state is final before the lock is dropped; a copy is folded, unlinked and freed.
Path<> Linux618::__perf_event_exit_task(EventId event, CtxId ctx) {
  const EventId parent = ev(event).parent;
  co_await lock_ctx(ctx);
  if (parent) perf_group_detach(event);
  list_del_event(event, ctx);
  set_state(event, PERF_EVENT_STATE_EXIT, Rule::SCH_17);
  unlock_ctx(ctx);
  if (!parent) co_return;
  co_await e.point("exit:before-unlink-child");
  co_await lock_children(parent);
  sync_child_event(event);
  unlink_child(event);
  unlock_children(parent);
  free_event(event);
  co_await put_event(parent);
}

std::unique_ptr<Base> make_linux_6_18(World& world, Engine& engine) {
  return std::make_unique<Linux618>(world, engine);
}

}  // namespace reperf::core
