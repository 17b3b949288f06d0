// Version 3, `tombstone` (delta D2 of scheduling.md; label V1 of lifetime.md).
//
// Patch: "perf: Fix perf_event_exit_task() race", Peter Zijlstra, January 2016;
// 63b6da39bb38e8f1a1ef3180d32a39d6baf9da84. On top of: event-function.
//
// What was wrong: nothing told that the task of a context had exited. An install that had found
// the context before added its event afterwards, and when the task was still current the dead
// context went on its CPU for ever (SD-2).
//
// What changes: `task` of a dead context is TASK_TOMBSTONE, and exit holds ctx->mutex throughout.
//   SCH-112  replaces SCH-104: exit pins the context and takes its mutex before it dies
//   SCH-88   new: install and exit exclude each other; open finds the tombstone and says ESRCH
//   SCH-76   cross-calls into a dead context return at once, nothing done
//   SCH-67   a swap stores ctx->task first: who finds a context through its task finds it there
//   LIFE-9   enabling an event whose target has exited does nothing any more (SD-9)
//
// The specifications differ here: lifetime.md has the mutex over the whole exit (LIFE-52) and the
// ESRCH (LIFE-21) only from later patches on; the series puts both here.
//
// Known follow-ups: removing an event from a dead context does nothing either, its group included,
// so that a group outlives its leader with a pointer to freed memory (LIFE-55, cured in v4.10).
#pragma once

#include "core/versions/event_function.h"

namespace reperf::core {

class Tombstone : public EventFunction {
 public:
  using EventFunction::EventFunction;

 protected:
  [[nodiscard]] bool is_dead(CtxId ctx) const override { return w.contexts[ctx].tombstone; }
  [[nodiscard]] int may_install(CtxId ctx) const override;
  Path<> perf_event_exit_task_context(TaskId task, perf_event_task_context nr) override;
  void exit_event(EventId event, CtxId ctx) override;
  Path<> swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx) override;

  bool install_too_late(CtxId ctx) override;  // W-install-tombstone
  // The task's context, referenced and pinned: it cannot be traded away. None: there is none.
  Path<CtxId> perf_pin_task_context(TaskId task, perf_event_task_context nr);
};

}  // namespace reperf::core
