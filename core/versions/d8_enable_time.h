// Delta D8 of scheduling.md, part of `context-time`. Needs D7.
//
// Patch: "perf: Fix scaling vs. perf_event_enable()", Peter Zijlstra, February 2016.
//
// What was wrong: context time went on between the enable's update and the scheduling, which the
// event has as enabled time without running (SD-7); a sleeping context was updated as well.
//
// What changes:
//   SCH-98  enable stops the time of an active context first; scheduling restarts it, or the enable
//           itself when nothing is to be scheduled
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D8EnableTime : public Below {
 public:
  using Below::Below;

 protected:
  void enable_time_out(CtxId ctx, Cpu cpu) override {
    if (this->cx(ctx).is_active != 0) this->ctx_sched_out(ctx, cpu, EVENT_TIME);
  }
  void enable_time_in(CtxId ctx, Cpu cpu) override { this->ctx_sched_in(ctx, cpu, EVENT_TIME); }
};

}  // namespace reperf::core
