// Delta D7 of scheduling.md, part of `context-time`.
//
// Patch: "perf: Fix ctx time tracking by introducing EVENT_TIME", Peter Zijlstra, February 2016;
// 3cbaa59069677920186dcf502632ca1df4329f80.
//
// What was wrong: context time was updated or restamped with every part of a context that went in
// or out, so that it lost what lay between (SCH-45), and nothing could stop it alone.
//
// What changes: context time runs exactly while EVENT_TIME is set.
//   SCH-38  replaces SCH-37: out drops TIME with the last of PINNED and FLEXIBLE, and updates time
//           only when it drops it
//   SCH-46  with SCH-40: in sets TIME, and stamps only when it was not set
//   SCH-48  reads bring time up to date whether or not it runs (base does)
//
// Known follow-ups: SCH-47, a part of a context that goes out sees a stale time (SD-4, cured by
// SCH-134).
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D7EventTime : public Below {
 public:
  using Below::Below;

 protected:
  void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) override {
    this->d7_ctx_sched_out(ctx, cpu, type);
  }
  void ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type) override {
    this->d7_ctx_sched_in(ctx, cpu, type);
  }
};

}  // namespace reperf::core
