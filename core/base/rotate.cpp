// Multiplexing: a timer for each class and CPU lets flexible groups take turns at the counters
// (SCH-113, SCH-114, Y9). Software classes have none. Locks: KL and CL of the task context, in an
// interrupt of the CPU.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

// When the timer fires next: it keeps to multiples of its period, whenever it is armed.
Ns Base::mux_hrtimer_forward(Cpu cpu, perf_event_task_context nr) const {
  const Ns interval = w.cpuctx(cpu, nr).hrtimer_interval;
  return (w.now / interval + 1) * interval;
}

// A group did not fit. Locks: KL, on that CPU.
void Base::perf_mux_hrtimer_restart(Cpu cpu, perf_event_task_context nr) {
  perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
  if (cpuctx.hrtimer_interval == 0 || cpuctx.hrtimer_active) return;
  cpuctx.hrtimer_active = true;
  const Ns due = mux_hrtimer_forward(cpu, nr);
  queue_item(due, WorkKind::mux_hrtimer, cpuctx.ctx, "mux-hrtimer");
  e.emit(Fact{.kind = FactKind::hrtimer_start,
              .rule = Rule::SCH_113,
              .cpu = cpu,
              .ctx = cpuctx.ctx,
              .a = static_cast<std::int64_t>(due)});
}

Path<> Base::perf_mux_hrtimer_handler(Cpu cpu, perf_event_task_context nr) {
  perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
  bool rotated = false;
  Ns due = 0;
  // An interrupt that comes late makes up for one period only; one that is held, for the next.
  do {
    due = mux_hrtimer_forward(cpu, nr);
    // What a CPU that went down has left nobody counts with.
    rotated = w.cpu(cpu).online && co_await perf_rotate_context(cpu, nr);
  } while (rotated && w.now >= due);
  if (rotated) {
    queue_item(due, WorkKind::mux_hrtimer, cpuctx.ctx, "mux-hrtimer");
    co_return;
  }
  cpuctx.hrtimer_active = false;
  e.emit(
      Fact{.kind = FactKind::hrtimer_stop, .rule = Rule::SCH_113, .cpu = cpu, .ctx = cpuctx.ctx});
}

// Whether it rotated. The need is seen without a lock, and what is OFF or passed over counts as
// somebody who waits (SCH-114).
Path<bool> Base::perf_rotate_context(Cpu cpu, perf_event_task_context nr) {
  const CtxId ctx = w.cpuctx(cpu, nr).ctx;
  const CtxId task_ctx = w.cpuctx(cpu, nr).task_ctx;
  const auto somebody_waits = [this](CtxId id) {
    return id && cx(id).nr_events != 0 && cx(id).nr_events != cx(id).nr_active;
  };
  if (!somebody_waits(ctx) && !somebody_waits(task_ctx)) co_return false;
  co_await e.point("rotate:before-lock");
  co_await perf_ctx_lock(cpu, nr, task_ctx);
  e.emit(Fact{.kind = FactKind::ctx_rotate,
              .rule = Rule::SCH_114,
              .cpu = cpu,
              .ctx = ctx,
              .ctx2 = task_ctx});
  ctx_sched_out(ctx, cpu, EVENT_FLEXIBLE);
  if (task_ctx) ctx_sched_out(task_ctx, cpu, EVENT_FLEXIBLE);
  rotate_ctx(ctx);
  if (task_ctx) rotate_ctx(task_ctx);
  perf_event_sched_in(cpu, nr, task_ctx);
  perf_ctx_unlock(cpu, nr, task_ctx);
  co_return true;
}

// Not while a fork walks the list without the lock (SCH-70).
void Base::rotate_ctx(CtxId ctx) {
  std::vector<EventId>& groups = cx(ctx).flexible_groups;
  if (cx(ctx).rotate_disable || groups.size() < 2) return;
  std::rotate(groups.begin(), groups.begin() + 1, groups.end());
}

}  // namespace reperf::core
