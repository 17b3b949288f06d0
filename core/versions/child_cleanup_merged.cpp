#include "core/versions/child_cleanup_merged.h"

#include "core/versions/series.h"

namespace reperf::core {

bool ChildCleanupMerged::is_orphaned_event(const perf_event& top) const {
  return top.state <= PERF_EVENT_STATE_DEAD;
}

// Only frees: whoever closes has done the rest (LIFE-71).
Path<> ChildCleanupMerged::put_event(EventId event) {
  const int left = --ev(event).refcount;
  e.emit(Fact{.kind = FactKind::event_put, .rule = Rule::LIFE_71, .event = event, .a = left});
  if (left == 0) _free_event(event);
  co_return;
}

Path<> ChildCleanupMerged::perf_release(EventId event) {
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
Path<EventId> ChildCleanupMerged::inherit_event(EventId parent, CtxId, EventId leader, TaskId,
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

// The state is final before the lock is dropped.
void ChildCleanupMerged::exit_event(EventId event, CtxId ctx) {
  Tombstone::exit_event(event, ctx);
  set_state(event, PERF_EVENT_STATE_EXIT, Rule::SCH_17);
}

Path<> ChildCleanupMerged::__perf_event_exit_task(EventId event, CtxId ctx) {
  const EventId parent = ev(event).parent;
  co_await e.point("exit:before-event");
  co_await lock_ctx(ctx);
  exit_event(event, ctx);
  unlock_ctx(ctx);
  if (!parent) co_return;
  co_await fold_and_unlink(event);
  free_event(event);
  co_await put_event(parent);
}

Path<> ChildCleanupMerged::fold_and_unlink(EventId child) {
  const EventId parent = ev(child).parent;
  sync_child_event(child);
  co_await e.point("exit:before-unlink-child");
  co_await lock_children(parent);
  unlink_child(child);
  unlock_children(parent);
}

// D11
bool ChildCleanupMerged::stays_as_it_is(const perf_event& event) const {
  return event.state < PERF_EVENT_STATE_ERROR || Tombstone::stays_as_it_is(event);
}

bool ChildCleanupMerged::enable_event(EventCall call, Cpu cpu) {
  // ERROR was lifted at the entry: the event has gone there once more.
  return ev(call.event).state > PERF_EVENT_STATE_ERROR && Tombstone::enable_event(call, cpu);
}

std::unique_ptr<Base> make_child_cleanup_merged(World& world, Engine& engine) {
  return std::make_unique<ChildCleanupMerged>(world, engine);
}

}  // namespace reperf::core
