// fork: what a new task inherits (LIFE section 6, steps F1 to F9; SCH-70, SCH-107, SCH-108).
// Locks: CM(parent context); XM(top) and CL inside it.
#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_event_init_task(TaskId parent, TaskId child) {
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    if (tk(parent).perf_event_ctxp[static_cast<std::size_t>(nr)]) {
      co_await perf_event_init_context(parent, child, nr);
    }
  }
}

Path<> Base::perf_event_init_context(TaskId parent, TaskId child, perf_event_task_context nr) {
  const auto slot = static_cast<std::size_t>(nr);
  const CtxId ctx = tk(parent).perf_event_ctxp[slot];
  co_await lock_ctx(ctx);
  get_ctx(ctx);
  ++cx(ctx).pin_count;
  unlock_ctx(ctx);
  co_await e.point("fork:before-mutex");
  co_await lock_mutex(ctx);

  bool inherited_all = true;
  const std::vector<EventId> pinned = cx(ctx).pinned_groups;
  for (const EventId leader : pinned) {
    if (!co_await inherit_task_group(leader, ctx, child, nr)) inherited_all = false;
  }
  co_await lock_ctx(ctx);
  cx(ctx).rotate_disable = true;
  unlock_ctx(ctx);
  const std::vector<EventId> flexible = cx(ctx).flexible_groups;
  for (const EventId leader : flexible) {
    if (!co_await inherit_task_group(leader, ctx, child, nr)) inherited_all = false;
  }
  co_await lock_ctx(ctx);
  cx(ctx).rotate_disable = false;
  const CtxId child_ctx = tk(child).perf_event_ctxp[slot];
  if (child_ctx && inherited_all) {
    // A clone of the root context, however long the line of forks is (SCH-70).
    const CtxId root = cx(ctx).parent_ctx ? cx(ctx).parent_ctx : ctx;
    cx(child_ctx).parent_ctx = root;
    cx(child_ctx).parent_gen = cx(ctx).parent_ctx ? cx(ctx).parent_gen : cx(ctx).generation;
    get_ctx(root);
  }
  --cx(ctx).pin_count;
  unlock_ctx(ctx);
  unlock_mutex(ctx);
  put_ctx(ctx);
}

// Whether the group could be inherited. One without `inherit` ends the clone relation.
Path<bool> Base::inherit_task_group(EventId leader, CtxId parent_ctx, TaskId child,
                                    perf_event_task_context nr) {
  const perf_event_attr& attr = ev(leader).attr;
  const task_struct& c = tk(child);
  if (!attr.inherit()) co_return false;
  // inherit_thread: only threads of the process get a copy (ABI-132).
  if (attr.has(AttrBit::inherit_thread) && c.tid == c.pid) co_return false;
  const auto slot = static_cast<std::size_t>(nr);
  if (!c.perf_event_ctxp[slot]) {
    const CtxId fresh = alloc_perf_context(nr, child);
    tk(child).perf_event_ctxp[slot] = fresh;
  }
  co_await inherit_group(leader, parent_ctx, child, tk(child).perf_event_ctxp[slot]);
  co_return true;
}

Path<> Base::inherit_group(EventId leader, CtxId parent_ctx, TaskId child, CtxId child_ctx) {
  const EventId copy = co_await inherit_event(leader, parent_ctx, EventId{}, child, child_ctx);
  // A refused leader leaves its siblings as single events (LIFE-41).
  const std::vector<EventId> siblings = ev(leader).sibling_list;
  for (const EventId sibling : siblings) {
    co_await inherit_event(sibling, parent_ctx, copy, child, child_ctx);
  }
}

bool Base::refuse_orphan(EventId copy) {
  const perf_event& top = ev(ev(copy).parent);
  if (!is_orphaned_event(top) && top.refcount != 0) return false;
  free_event(copy);
  return true;
}

void Base::set_up_copy(EventId copy, CtxId child_ctx, bool enabled) {
  perf_event& x = ev(copy);
  perf_event& top = ev(x.parent);
  ++top.refcount;
  get_ctx(child_ctx);
  x.ctx = child_ctx;
  x.id = top.id;
  if (x.attr.frequency()) {  // what the original has found out already
    x.hw.sample_period = top.hw.sample_period;
    x.hw.last_period = x.hw.sample_period;
    x.hw.period_left = static_cast<std::int64_t>(x.hw.sample_period);
  }
  // SCH-9: follows the state of the event it is copied from, not attr.disabled.
  x.state = enabled ? PERF_EVENT_STATE_INACTIVE : PERF_EVENT_STATE_OFF;
  x.attach_state = top.attach_state & PERF_ATTACH_TASK;
}

// The copy links to the original, also when `parent` is a copy itself (LIFE-38). None when the
// original is orphaned: that is no error (LIFE-41). The test and the link are two sections
// (LIFE-44).
Path<EventId> Base::inherit_event(EventId parent, CtxId, EventId leader, TaskId, CtxId child_ctx) {
  const bool enabled = ev(parent).state >= PERF_EVENT_STATE_INACTIVE;
  const EventId top = ev(parent).parent ? ev(parent).parent : parent;
  const EventId copy =
      perf_event_alloc(ev(parent).attr, ev(parent).pmu, ev(parent).cpu, leader, top);
  co_await e.point("inherit:before-orphan-check");
  if (refuse_orphan(copy)) co_return EventId{};
  set_up_copy(copy, child_ctx, enabled);
  co_await lock_ctx(child_ctx);
  add_event_to_ctx(copy, child_ctx);
  unlock_ctx(child_ctx);
  co_await e.point("inherit:before-link");
  co_await lock_children(top);
  ev(top).child_list.push_back(copy);
  unlock_children(top);
  co_return copy;
}

}  // namespace reperf::core
