// Version 1, `task-ctx-sched` (label V1 of scheduling.md).
//
// Patch: "perf: Fix task context scheduling", Peter Zijlstra, 11 January 2016 (RFC 10/12);
// 39a4364076921511e212bc42f94fbf062c989576. On top of: base.
//
// What was wrong: the scheduler hooks kept `is_active` of every task context, empty ones included.
// When the last event goes, the hooks are turned off in mid-slice and the flag of whoever runs
// then stays set for ever: installing on that task later loops without end, or the new event is
// never scheduled.
//
// What changes: contexts without events are never active.
//   SCH-37  replaces SCH-36: an empty context is not scheduled out, it was never in
//   SCH-40  replaces SCH-39: an empty context is not scheduled in
//   SCH-83  replaces SCH-81: install adds under the lock, then sends one IPI that may miss
//   SCH-93  replaces SCH-92: removing the last event deactivates the context, CPU contexts too
//
// Known follow-ups: the unconditional time update of a sleeping context (S000-5, cured by D4), the
// time between add and schedule (cured by install-scaling).
#pragma once

#include "core/versions/base_version.h"

namespace reperf::core {

class TaskCtxSched : public BaseVersion {
 public:
  using BaseVersion::BaseVersion;

 protected:
  void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) override;
  void ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) override;
  Path<> perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) override;
  Path<int> __perf_install_in_context(EventCall call) override;
  // Locks: CL. Whether the context is dead, so that nothing may be added: nobody can tell yet.
  virtual bool install_too_late(CtxId) { return false; }
  // Locks: CL. Before the event is added by its opener.
  virtual void install_update_time(CtxId ctx, EventId event);
  Path<int> __perf_remove_from_context(EventCall call) override;
};

}  // namespace reperf::core
