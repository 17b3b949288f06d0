// Version 2, `event-function` (delta D1 of scheduling.md).
//
// Patch: "perf: Collapse and fix event_function_call() users", Peter Zijlstra, January 2016.
// On top of: task-ctx-sched.
//
// What was wrong: remove, enable and disable had a body for a context that runs and another for one
// that does not, and the former did not look whether the CPU that the IPI hit still runs the
// context it was sent for. After a swap of equivalent contexts the event was taken off a CPU where
// it never was (SD-1).
//
// What changes: one body for both cases; the IPI verifies its target under the locks.
//   SCH-76  replaces SCH-75: one body, called on the target or under ctx->lock
//   SCH-77  new: event_function() sends the caller round again when another task runs
//   SCH-94  replaces SCH-92 and SCH-93 in remove: the deactivation is part of the one body
//   LIFE-52 exit: takes events off under ctx->lock alone, its context being off already ("perf:
//           Specialize perf_event_exit_task()", the patch before); the warnings of SCH-77 would
//           fire at every exit otherwise
//   SCH-95  disable: the body of a running context serves a sleeping one too (defect SD-5)
//   SCH-78  new: a disable from irq_work goes the same way, and warns when it does not hit
//   SCH-102 PERIOD: likewise, so that a swap does not mislead it (SCH-79)
//   SCH-97  enable: likewise, context time included, as read at
//           63b6da39bb38e8f1a1ef3180d32a39d6baf9da84 (D8 made it conditional)
//
// Known follow-ups: disable and enable move the time of a sleeping context on, which shows up as
// enabled time of its other events (enable: cured by D8; disable: after v4.14).
#pragma once

#include "core/versions/task_ctx_sched.h"

namespace reperf::core {

class EventFunction : public TaskCtxSched {
 public:
  using TaskCtxSched::TaskCtxSched;

 protected:
  // The one body. `cpu` is kNoCpu on the inactive path, where the kernel passes no cpuctx. True:
  // the context is to be scheduled anew, which only enable asks for. Locks: KL and CL on the
  // target, or CL alone.
  using EventFn = bool (EventFunction::*)(EventCall call, Cpu cpu);
  // `active` runs `body` through event_function() on the target.
  Path<> event_function_call(const char* name, ActiveFn active, EventFn body, EventCall call);
  // Whether the context's task has exited, which ends every call: nobody can tell yet.
  [[nodiscard]] virtual bool is_dead(CtxId) const { return false; }
  Path<int> event_function(EventFn body, EventCall call);
  // What it says when another task runs.
  [[nodiscard]] virtual int wrong_task() const { return -EAGAIN; }

  Path<> perf_remove_from_context(EventId event, bool detach_group) override;
  Path<int> __perf_remove_from_context(EventCall call) override;
  virtual bool remove_event(EventCall call, Cpu cpu);

  Path<> _perf_event_enable(EventId event) override;
  Path<int> __perf_event_enable(EventCall call) override;
  virtual bool enable_event(EventCall call, Cpu cpu);
  // SCH-96: what ENABLE leaves alone.
  [[nodiscard]] virtual bool stays_as_it_is(const perf_event& event) const;
  // Context time around an enable; the latter when nothing is scheduled anew.
  virtual void enable_time_out(CtxId ctx, Cpu cpu);
  virtual void enable_time_in(CtxId, Cpu) {}

  Path<> _perf_event_disable(EventId event) override;
  Path<int> __perf_event_disable(EventCall call) override;
  bool disable_event(EventCall call, Cpu cpu);
  virtual void disable_update_time(CtxId ctx) { update_context_time(ctx); }
  void check_local_call(EventId event, int ret) override;

  Path<> perf_event_period(EventId event, std::uint64_t value) override;
  Path<int> __perf_event_period(EventCall call) override;
  bool period_event(EventCall call, Cpu cpu);

  Path<> __perf_event_exit_task(EventId event, CtxId ctx) override;
  // Locks: CL. What an exit does to an event while it is on its context.
  virtual void exit_event(EventId event, CtxId ctx);

 private:
  // Where a body schedules out: on the inactive path, where the caller is.
  Cpu sched_out_cpu(EventId event, Cpu cpu);
};

}  // namespace reperf::core
