// Delta D9 of scheduling.md, part of `context-time`. Needs D7.
//
// Patch: "perf: Fix scaling vs. perf_event_enable_on_exec()", Peter Zijlstra, February 2016.
//
// What was wrong: exec enabled events with whatever context time was known last, which they have as
// enabled time without running (SD-8).
//
// What changes:
//   SCH-101  exec stops context time first
//
// Known follow-ups: when exec enables nothing, time stands still for the rest of the slice (SD-6,
// cured by SCH-133).
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D9ExecTime : public Below {
 public:
  using Below::Below;

 protected:
  void exec_update_time(CtxId ctx) override {
    this->ctx_sched_out(ctx, this->smp_processor_id(), EVENT_TIME);
  }
};

}  // namespace reperf::core
