// The scheduler's hooks: what perf does in a context switch (Y8, SCH-53 to SCH-57), and the swap
// of equivalent contexts (SCH-64 to SCH-72).
//
// Lock order: rq->lock (interrupts off, not modelled as an object), KL, CL, second CL of a swap.
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

Path<> Base::context_switch(Cpu cpu, TaskId prev, TaskId next) {
  cpu_struct& c = w.cpu(cpu);
  // SCH-53 (1): from here on task_curr(next) is true though prev's events are still on.
  c.curr = next;
  tk(prev).on_cpu = false;
  task_struct& n = tk(next);
  n.on_cpu = true;
  n.cpu = cpu;
  n.has_run = true;
  n.seen_running = true;
  e.emit(Fact{.kind = FactKind::task_switch, .rule = Rule::SCH_53, .task = prev, .task2 = next});
  co_await e.point("switch:curr");
  // Counted for the task that leaves and for the CPU, before the key is looked at (SCH-55).
  perf_sw_event_sched(cpu, PERF_COUNT_SW_CONTEXT_SWITCHES);
  // Each hook reads the key itself (SCH-54).
  co_await e.point("switch:key-out");
  if (w.sched_hooks_live) co_await perf_event_task_sched_out(cpu, prev, next);
  co_await e.point("switch:between");
  e.continue_as(next);
  co_await e.point("switch:key-in");
  if (w.sched_hooks_live) co_await perf_event_task_sched_in(cpu, prev, next);
  count_migration(cpu, next);
}

void Base::count_migration(Cpu cpu, TaskId next) {
  if (!std::exchange(tk(next).sched_migrated, false)) return;
  perf_sw_event_sched(cpu, PERF_COUNT_SW_CPU_MIGRATIONS);
}

Path<> Base::silent_switch(Cpu cpu, TaskId prev, TaskId next) {
  w.cpu(cpu).curr = next;
  tk(prev).on_cpu = false;
  tk(next).on_cpu = true;
  tk(next).cpu = cpu;
  tk(next).has_run = true;
  tk(next).seen_running = true;
  if (w.sched_hooks_live) {
    co_await perf_event_task_sched_out(cpu, prev, next);
    e.continue_as(next);
    co_await perf_event_task_sched_in(cpu, prev, next);
  }
  // That it came is certain, so is what its coming counts.
  count_migration(cpu, next);
}

// ABI-149: the mark is set only while some migrations event exists.
void Base::set_task_cpu(TaskId task, Cpu dest) {
  task_struct& t = tk(task);
  if (t.cpu == dest) return;
  const Cpu before = t.cpu;
  t.cpu = dest;
  if (w.perf_swevent_enabled[PERF_COUNT_SW_CPU_MIGRATIONS] > 0) t.sched_migrated = true;
  e.emit(Fact{.kind = FactKind::task_moved,
              .rule = Rule::ABI_149,
              .cpu = dest,
              .task = task,
              .a = before,
              .b = dest});
}

Path<> Base::perf_event_task_sched_out(Cpu cpu, TaskId prev, TaskId next) {
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    if (tk(prev).perf_event_ctxp[static_cast<std::size_t>(nr)]) {
      co_await perf_event_context_sched_out(cpu, prev, nr, next);
    }
  }
  // Last on the way out, first on the way in (SCH-55, SCH-56).
  if (w.cpu(cpu).perf_cgroup_events != 0 && tk(prev).cgroup != tk(next).cgroup) {
    co_await e.point("switch:before-cgroup-out");
    co_await perf_cgroup_switch(cpu, prev, true, false);
  }
}

Path<> Base::perf_event_task_sched_in(Cpu cpu, TaskId prev, TaskId next) {
  if (w.cpu(cpu).perf_cgroup_events != 0 && tk(prev).cgroup != tk(next).cgroup) {
    co_await e.point("switch:before-cgroup-in");
    co_await perf_cgroup_switch(cpu, next, false, true);
  }
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    const CtxId ctx = tk(next).perf_event_ctxp[static_cast<std::size_t>(nr)];
    if (ctx) co_await perf_event_context_sched_in(cpu, ctx);
  }
}

bool Base::context_equiv(CtxId ctx1, CtxId ctx2) {
  const perf_event_context& a = cx(ctx1);
  const perf_event_context& b = cx(ctx2);
  if (a.pin_count != 0 || b.pin_count != 0) return false;
  if (ctx1 == b.parent_ctx && a.generation == b.parent_gen) return true;
  if (a.parent_ctx == ctx2 && a.parent_gen == b.generation) return true;
  return a.parent_ctx && a.parent_ctx == b.parent_ctx && a.parent_gen == b.parent_gen;
}

// The event lists are walked in parallel; what is exchanged are the counts (SCH-44, SCH-71).
void Base::perf_event_sync_stat(CtxId ctx, CtxId next_ctx) {
  if (cx(ctx).nr_stat == 0) return;
  update_context_time(ctx);
  const std::vector<EventId>& out = cx(ctx).event_list;
  const std::vector<EventId>& in = cx(next_ctx).event_list;
  for (std::size_t i = out.size(), j = in.size(); i > 0 && j > 0; --i, --j) {
    perf_event& x = ev(out[i - 1]);
    perf_event& y = ev(in[j - 1]);
    if (!x.attr.has(AttrBit::inherit_stat)) continue;
    if (x.state == PERF_EVENT_STATE_ACTIVE) pmu_read(out[i - 1]);
    update_event_times(out[i - 1]);
    std::swap(x.count, y.count);
    std::swap(x.total_time_enabled, y.total_time_enabled);
    std::swap(x.total_time_running, y.total_time_running);
  }
}

// SCH-67: the order of the two stores is seen by whoever reads without the locks.
Path<> Base::swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx) {
  swap_ctxp(task, next, cx(ctx).nr);
  co_await e.point("swap:between-stores");
  std::swap(cx(ctx).task, cx(next_ctx).task);
}

void Base::swap_ctxp(TaskId task, TaskId next, perf_event_task_context nr) {
  const auto slot = static_cast<std::size_t>(nr);
  std::swap(tk(task).perf_event_ctxp[slot], tk(next).perf_event_ctxp[slot]);
}

// Locks: CL of both.
Path<> Base::swap_contexts(TaskId task, TaskId next, perf_event_task_context nr) {
  const auto slot = static_cast<std::size_t>(nr);
  const CtxId ctx = tk(task).perf_event_ctxp[slot];
  const CtxId next_ctx = tk(next).perf_event_ctxp[slot];
  co_await swap_stores(task, next, ctx, next_ctx);
  e.emit(Fact{.kind = FactKind::ctx_swap,
              .rule = Rule::SCH_66,
              .task = task,
              .task2 = next,
              .ctx = ctx,
              .ctx2 = next_ctx});
  perf_event_sync_stat(ctx, next_ctx);
}

// SCH-57: the test for a swap and the sched out are two lock sections.
Path<> Base::perf_event_context_sched_out(Cpu cpu, TaskId task, perf_event_task_context nr,
                                          TaskId next) {
  const auto slot = static_cast<std::size_t>(nr);
  const CtxId ctx = tk(task).perf_event_ctxp[slot];
  if (!w.cpuctx(cpu, nr).task_ctx) co_return;

  co_await e.point("switch:clone-test");
  const CtxId next_ctx = tk(next).perf_event_ctxp[slot];
  if (next_ctx) {
    const CtxId parent = cx(ctx).parent_ctx;
    const CtxId next_parent = cx(next_ctx).parent_ctx;
    const bool related = (parent || next_parent) &&
                         (next_parent == ctx || next_ctx == parent || next_parent == parent);
    if (related) {
      co_await e.point("switch:before-swap");
      co_await lock_ctx(ctx);
      co_await lock_ctx(next_ctx);
      const bool swapped = context_equiv(ctx, next_ctx);
      if (swapped) co_await swap_contexts(task, next, nr);
      unlock_ctx(next_ctx);
      unlock_ctx(ctx);
      // The context stays active here, now as next's: no sched out (SCH-66).
      if (swapped) co_return;
    }
  }
  co_await e.point("switch:before-out");
  co_await lock_ctx(ctx);
  task_ctx_sched_out(ctx, cpu);
  unlock_ctx(ctx);
}

Path<> Base::perf_event_context_sched_in(Cpu cpu, CtxId ctx) {
  const perf_event_task_context nr = cx(ctx).nr;
  if (w.cpuctx(cpu, nr).task_ctx == ctx) co_return;
  co_await e.point("switch:before-in");
  co_await perf_ctx_lock(cpu, nr, ctx);
  // CPU flexible events make room for pinned ones of the task.
  ctx_sched_out(w.cpuctx(cpu, nr).ctx, cpu, EVENT_FLEXIBLE);
  perf_event_sched_in(cpu, nr, ctx);
  perf_ctx_unlock(cpu, nr, ctx);
}

}  // namespace reperf::core
