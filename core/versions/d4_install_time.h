// Delta D4 of scheduling.md, part of `context-time`.
//
// Patch: "perf: Only update context time when active", Peter Zijlstra, February 2016.
//
// What was wrong: an install moved the time of a sleeping context on, so that its other events
// seemed to have been enabled during the sleep (S000-5).
//
// What changes:
//   SCH-84  in SCH-83: context and cgroup time are updated only while the context is active
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D4InstallTime : public Below {
 public:
  using Below::Below;

 protected:
  void install_update_time(CtxId ctx, EventId event) override {
    if (this->cx(ctx).is_active != 0) Below::install_update_time(ctx, event);
  }
};

}  // namespace reperf::core
