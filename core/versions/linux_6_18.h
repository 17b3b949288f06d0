// Version 15, `linux-6.18`: what today's kernel does, as far as software events show it.
//
// On top of: task-ctx-sched. The versions between (2 to 14) are not in this program yet; of what
// they change, this one has what user space can see of software events without groups that
// compete for counters. What it lacks is named in series.cpp and printed by `reperf versions`.
//
//   ABI-11 to ABI-58  validation order of perf_event_open()
//   SCH-130, SCH-138  install retries until it hits; an OFF event joins without an IPI
//   SCH-134           context time stands still while a context is not scheduled
//   SCH-136           time totals accumulate at every change of state
//   LIFE-71, LIFE-73  closing an event takes its copies with it and leaves it DEAD
//   LIFE-44           a copy is tested and linked in one section: release sees it or it sees DEAD
//   LIFE-9            an event in EXIT cannot be enabled
//   ABI-93            a period with bit 63 is refused
//
// Checked against 6.18.44.
#pragma once

#include "core/versions/task_ctx_sched.h"

namespace reperf::core {

class Linux618 : public TaskCtxSched {
 public:
  using TaskCtxSched::TaskCtxSched;
  OpenVerdict check_open(TaskId caller, const OpenArgs& args) override {
    return check_open_v6_18(w, caller, args);
  }
  Path<> perf_release(EventId event) override;

 protected:
  void set_state(EventId event, perf_event_state state, Rule rule) override;
  void update_event_times(EventId event) override;
  void start_times(EventId event) override;
  // Totals are brought up to date by set_state(): nothing is left to do at these points.
  void mark_times_enabled(EventId) override {}
  void times_in(EventId) override {}
  void times_out(EventId) override {}
  void times_skip(EventId, Ns) override {}
  Path<> swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx) override;
  void exec_update_time(CtxId ctx) override;
  void exit_update_time(CtxId) override {}
  void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) override;

  Path<> perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) override;
  Path<int> __perf_install_in_context(EventCall call) override;
  Path<> _perf_event_enable(EventId event) override;
  [[nodiscard]] int check_period(const perf_event& event, std::uint64_t value) const override;
  Path<> put_event(EventId event) override;
  [[nodiscard]] bool is_orphaned_event(const perf_event& top) const override;
  void check_orphan(EventId, CtxId) override {}
  Path<EventId> inherit_event(EventId parent, CtxId parent_ctx, EventId leader, TaskId child,
                              CtxId child_ctx) override;
  Path<> __perf_event_exit_task(EventId event, CtxId ctx) override;
};

}  // namespace reperf::core
