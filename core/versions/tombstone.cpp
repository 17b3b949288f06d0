#include "core/versions/tombstone.h"

#include <utility>

#include "core/versions/series.h"

namespace reperf::core {

// Locks: CM
int Tombstone::may_install(CtxId ctx) const { return w.contexts[ctx].tombstone ? -ESRCH : 0; }

// Locks: CL
bool Tombstone::install_too_late(CtxId ctx) {
  warn_on(cx(ctx).tombstone, "W-install-tombstone", Rule::SCH_88, ctx);
  return cx(ctx).tombstone;
}

Path<CtxId> Tombstone::perf_pin_task_context(TaskId task, perf_event_task_context nr) {
  const auto slot = static_cast<std::size_t>(nr);
  while (true) {
    const CtxId ctx = tk(task).perf_event_ctxp[slot];
    if (!ctx) co_return ctx;
    co_await lock_ctx(ctx);
    const bool same = tk(task).perf_event_ctxp[slot] == ctx;
    if (same) {
      ++cx(ctx).pin_count;
      get_ctx(ctx);
    }
    unlock_ctx(ctx);
    if (same) co_return ctx;
  }
}

// SCH-112
Path<> Tombstone::perf_event_exit_task_context(TaskId task, perf_event_task_context nr) {
  co_await e.point("exit:before-unlink");
  const CtxId ctx = co_await perf_pin_task_context(task, nr);
  if (!ctx) co_return;
  co_await e.point("exit:before-mutex");
  co_await lock_mutex(ctx);
  co_await lock_ctx(ctx);
  task_ctx_sched_out(ctx, smp_processor_id());
  tk(task).perf_event_ctxp[static_cast<std::size_t>(nr)] = CtxId{};
  put_ctx(ctx);  // the task's reference; the pin keeps another
  cx(ctx).tombstone = true;
  unclone_ctx(ctx);
  exit_update_time(ctx);
  unlock_ctx(ctx);
  e.emit(Fact{.kind = FactKind::ctx_dead, .rule = Rule::SCH_112, .task = task, .ctx = ctx});
  const std::vector<EventId> events = cx(ctx).event_list;
  for (const EventId event : events) {
    if (w.events.alive(event)) co_await __perf_event_exit_task(event, ctx);
  }
  --cx(ctx).pin_count;
  unlock_mutex(ctx);
  put_ctx(ctx);
}

void Tombstone::exit_event(EventId event, CtxId ctx) {
  warn_on(cx(ctx).is_active != 0, "W-exit-active", Rule::SCH_112, ctx);
  EventFunction::exit_event(event, ctx);
}

// SCH-67
Path<> Tombstone::swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx) {
  std::swap(cx(ctx).task, cx(next_ctx).task);
  co_await e.point("swap:between-stores");
  swap_ctxp(task, next, cx(ctx).nr);
}

std::unique_ptr<Base> make_tombstone(World& world, Engine& engine) {
  return std::make_unique<Tombstone>(world, engine);
}

}  // namespace reperf::core
