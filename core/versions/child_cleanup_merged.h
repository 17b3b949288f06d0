// Version 5, `child-cleanup-merged` (label M1 of lifetime.md, with the state of M2).
//
// Patch: "perf: Synchronously clean up child events", as merged on 29 January 2016:
// c6e5b73242d2d9172ea880483bc4ba7ffca0cfb2, Alexander Shishkin and Peter Zijlstra; state DEAD from
// a69b0ca4ac3bf5427b571f11cbf33f0a32b728d5. On top of: tombstone. Version 4 is the same as posted,
// with the races that this form closed.
//
// What was wrong: an event whose file was closed lived on as long as it had copies, counting and
// using hardware; copies of events without owner were collected late, by a work item, and their
// counts lost.
//
// What changes: closing an event removes it and its copies at once; the last reference only frees.
//   LIFE-71, 73  replace LIFE-13, 64 and 79 to 85: the removal; a closed event is DEAD
//   LIFE-40      orphaned means DEAD, not "the owner is gone"
//   LIFE-44      fork tests the original and links the copy in one section
//   LIFE-20      the owner is set before the install
//   SCH-17       exit sets EXIT under ctx->lock, for copies too
//   SCH-96       D11: an event that has ended is not enabled
//
// Known follow-ups: LIFE-56, a read between the fold and the unlink of a copy counts it twice
// (cured in v5.13); E9 of lifetime.md.
#pragma once

#include "core/versions/tombstone.h"

namespace reperf::core {

class ChildCleanupMerged : public Tombstone {
 public:
  using Tombstone::Tombstone;
  Path<> perf_release(EventId event) override;

 protected:
  Path<> put_event(EventId event) override;
  [[nodiscard]] bool is_orphaned_event(const perf_event& top) const override;
  void check_orphan(EventId, CtxId) override {}
  Path<EventId> inherit_event(EventId parent, CtxId parent_ctx, EventId leader, TaskId child,
                              CtxId child_ctx) override;
  void before_install(EventId event, TaskId owner) override { set_owner(event, owner); }
  void after_install(EventId, TaskId) override {}

  void exit_update_time(CtxId) override {}
  void exit_event(EventId event, CtxId ctx) override;
  Path<> __perf_event_exit_task(EventId event, CtxId ctx) override;
  // Values go to the original, and the copy leaves it: two steps (LIFE-56).
  virtual Path<> fold_and_unlink(EventId child);

  [[nodiscard]] bool stays_as_it_is(const perf_event& event) const override;
  bool enable_event(EventCall call, Cpu cpu) override;
};

}  // namespace reperf::core
