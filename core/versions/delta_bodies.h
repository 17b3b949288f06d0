// What the deltas of `context-time` put in place of older bodies, once for all their combinations.
//
// Each delta is a template d<N>_*.h over the version below it, so that it can be had alone or left
// out (docs/adding-a-version.md). The functions here are reached through those templates only.
#pragma once

#include "core/versions/child_cleanup_merged.h"

namespace reperf::core {

class DeltaBodies : public ChildCleanupMerged {
 public:
  using ChildCleanupMerged::ChildCleanupMerged;

 protected:
  Path<> d5_first_sched_event();
  void d6_stop_and_del(EventId event, Cpu cpu);
  void d7_ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type);
  void d7_ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type);
  Path<int> d10_install(EventCall call);
};

}  // namespace reperf::core
