// The end of an event: perf_release() is put_event() (LIFE-13, LIFE-64, steps P0 to P5), and
// orphaned children are collected later by a work item (LIFE-79 to LIFE-85).
// Locks: PEM(owner), then CM; never called with either held by the same run, but see LIFE-13.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_release(EventId event) { co_await put_event(event); }

Path<> Base::perf_remove_from_owner(EventId event) {
  const TaskId owner = ev(event).owner;
  if (!w.tasks.alive(owner)) co_return;
  ++tk(owner).usage;
  co_await lock_task(owner);
  if (ev(event).owner == owner) {
    std::vector<EventId>& list = tk(owner).perf_event_list;
    list.erase(std::remove(list.begin(), list.end(), event), list.end());
  }
  unlock_task(owner);
  put_task(owner);
}

Path<> Base::put_event(EventId event) {
  const int left = --ev(event).refcount;
  e.emit(Fact{.kind = FactKind::event_put, .rule = Rule::LIFE_13, .event = event, .a = left});
  if (left != 0) co_return;
  co_await e.point("put_event:last");
  if (!ev(event).parent) co_await perf_remove_from_owner(event);
  const CtxId ctx = co_await perf_event_ctx_lock(event);
  co_await perf_remove_from_context(event, true);
  unlock_mutex(ctx);
  put_ctx(ctx);
  _free_event(event);
}

void Base::free_event(EventId event) {
  if (ev(event).refcount != 1) {
    finding("unexpected-event-refcount", Rule::LIFE_12, event);
    return;  // the kernel warns and leaks it on purpose
  }
  ev(event).refcount = 0;
  _free_event(event);
}

// LIFE-18, as far as others can see it.
void Base::_free_event(EventId event) {
  perf_event& x = ev(event);
  unaccount_event(event);
  if (x.cgrp != kNoCgroup) --w.cpu(x.cpu).perf_cgroup_events;
  if (x.pmu >= 0 && w.pmus[static_cast<std::size_t>(x.pmu)].model == PmuModel::software &&
      x.attr.config < kSwIds) {
    --w.perf_swevent_enabled[x.attr.config];
  }
  const CtxId ctx = x.ctx;
  if ((x.attach_state & PERF_ATTACH_CONTEXT) != 0 && w.contexts.alive(ctx)) {
    // The kernel's list now has freed memory on it (INV-5); the model tells, and takes it off.
    finding("freed-while-on-context", Rule::LIFE_18, event);
    if (x.state == PERF_EVENT_STATE_ACTIVE) {
      if (--cx(ctx).nr_active == 0) perf_event_ctx_deactivate(ctx);
      if (x.attr.frequency()) --cx(ctx).nr_freq;
    }
    perf_group_detach(event);
    list_del_event(event, ctx);
  }
  const bool has_group = !x.is_leader(event) || !x.sibling_list.empty();
  if ((x.attach_state & PERF_ATTACH_GROUP) != 0 && has_group && w.contexts.alive(ctx)) {
    // The group goes on with a pointer to freed memory: told, and detached, as above (LIFE-55).
    finding("freed-while-in-group", Rule::LIFE_55, event);
    perf_group_detach(event);
  }
  e.emit(Fact{.kind = FactKind::event_free,
              .rule = Rule::LIFE_18,
              .event = event,
              .event2 = x.parent,
              .ctx = ctx});
  w.events.destroy(event);
  if (w.contexts.alive(ctx)) put_ctx(ctx);
}

// "The owner has exited" is taken for "nobody can use it" (LIFE-40, defect D4).
bool Base::is_orphaned_event(const perf_event& top) const {
  return !top.owner && !top.kernel_event;
}

// Locks: CL. Looked at only when the child is scheduled (LIFE-80).
void Base::check_orphan(EventId child, CtxId ctx) {
  const perf_event& x = ev(child);
  if (!x.parent || !w.events.alive(x.parent) || !is_orphaned_event(ev(x.parent))) return;
  perf_event_context& c = cx(ctx);
  if (!c.task || c.orphans_remove_sched) return;
  c.orphans_remove_sched = true;
  get_ctx(ctx);
  // The timer fires when jiffies has moved on by one (LIFE-81).
  const Ns jiffy = 1'000'000'000 / w.hz;
  queue_work((w.now / jiffy + 1) * jiffy, WorkKind::orphans_remove, ctx, "orphans-remove",
             Rule::LIFE_80);
}

// LIFE-82: nothing is folded and nobody is woken (LIFE-83).
Path<> Base::orphans_remove_work(CtxId ctx) {
  co_await lock_mutex(ctx);
  const std::vector<EventId> events = cx(ctx).event_list;
  for (const EventId child : events) {
    if (!w.events.alive(child)) continue;
    const EventId parent = ev(child).parent;
    if (!parent || !is_orphaned_event(ev(parent))) continue;
    co_await perf_remove_from_context(child, true);
    co_await lock_children(parent);
    unlink_child(child);
    unlock_children(parent);
    free_event(child);
    co_await put_event(parent);
  }
  co_await lock_ctx(ctx);
  cx(ctx).orphans_remove_sched = false;
  unlock_ctx(ctx);
  unlock_mutex(ctx);
  put_ctx(ctx);
}

void Base::queue_item(Ns when, WorkKind kind, CtxId ctx, const char* name) {
  const Work item{when, ++w.work_serial, kind, ctx, name};
  w.work.insert(std::upper_bound(w.work.begin(), w.work.end(), item,
                                 [](const Work& a, const Work& b) { return a.when < b.when; }),
                item);
}

void Base::queue_work(Ns when, WorkKind kind, CtxId ctx, const char* name, Rule rule) {
  queue_item(when, kind, ctx, name);
  e.emit(Fact{.kind = FactKind::work_queue,
              .rule = rule,
              .ctx = ctx,
              .a = static_cast<std::int64_t>(when),
              .text = name});
}

Path<> Base::run_work(Work work) {
  switch (work.kind) {
    case WorkKind::key_off:
      e.emit(Fact{.kind = FactKind::work_run, .rule = Rule::SCH_60, .text = "key-off"});
      key_off_work();
      break;
    case WorkKind::orphans_remove:
      e.emit(Fact{.kind = FactKind::work_run,
                  .rule = Rule::LIFE_82,
                  .ctx = work.ctx,
                  .text = "orphans-remove"});
      co_await orphans_remove_work(work.ctx);
      break;
    case WorkKind::mux_hrtimer:
      break;  // an interrupt: the model starts perf_mux_hrtimer_handler()
  }
}

}  // namespace reperf::core
