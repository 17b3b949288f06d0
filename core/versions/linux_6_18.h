// Version 15, `linux-6.18`: what today's kernel does, as far as software events show it.
//
// On top of: install-scaling. The versions between (8 to 14) are not in this program yet; of what
// they change, this one has what user space can see of software events without groups that
// compete for counters. What it lacks is named in series.cpp and printed by `reperf versions`.
//
//   ABI-11 to ABI-58  validation order of perf_event_open()
//   SCH-128           cross-calls interrupt the task's CPU whether or not it runs
//   SCH-130, SCH-138  install retries until it hits; an OFF event joins without an IPI
//   SCH-133           removing an event from a dead context looks after its group
//   SCH-134           context time is updated whenever it ran, not only when it stops
//   SCH-136           time totals accumulate at every change of state
//   ABI-93            a period with bit 63 is refused
//   SCH-143           install, enable and exec freeze context time for their lock section
//   LIFE-92           open looks again, with both mutexes held, whether the group still has to move
//   LIFE-56           an exiting copy is folded and unlinked in one section
//
// Checked against 6.18.44.
#pragma once

#include "core/versions/install_scaling.h"

namespace reperf::core {

class Linux618 : public InstallScaling {
 public:
  using InstallScaling::InstallScaling;
  OpenVerdict check_open(TaskId caller, const OpenArgs& args) override {
    return check_open_v6_18(w, caller, args);
  }

 protected:
  void set_state(EventId event, perf_event_state state, Rule rule) override;
  void update_event_times(EventId event) override;
  void start_times(EventId event) override;
  // Totals are brought up to date by set_state(): nothing is left to do at these points.
  void mark_times_enabled(EventId) override {}
  void times_in(EventId) override {}
  void times_out(EventId) override {}
  void times_skip(EventId, Ns) override {}

  // SCH-143. Locks: KL and CL, until perf_ctx_unlock().
  void ctx_time_freeze(CtxId ctx);
  void perf_ctx_unlock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) override;
  void exec_update_time(CtxId ctx) override { ctx_time_freeze(ctx); }
  void enable_time_out(CtxId ctx, Cpu) override { ctx_time_freeze(ctx); }
  void enable_time_in(CtxId, Cpu) override {}
  void disable_update_time(CtxId ctx) override;
  void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) override;
  void ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) override;

  Path<int> task_function_call(TaskId task, const char* name, ActiveFn fn, EventCall call) override;
  Path<int> remote_function(TaskId task, Cpu cpu, ActiveFn fn, EventCall call) override;
  [[nodiscard]] int wrong_task() const override { return -ESRCH; }
  Path<> perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) override;
  Path<int> __perf_install_in_context(EventCall call) override;
  Path<int> lock_for_install(EventId leader, bool moves, CtxId ctx, CtxId* gctx) override;
  Path<> perf_remove_from_context(EventId event, bool detach_group) override;
  bool remove_event(EventCall call, Cpu cpu) override;
  Path<> remove_from_dead_context(EventId event, bool detach_group);
  Path<> fold_and_unlink(EventId child) override;
  [[nodiscard]] int check_period(const perf_event& event, std::uint64_t value) const override;
};

}  // namespace reperf::core
