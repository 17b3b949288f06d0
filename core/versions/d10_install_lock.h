// Delta D10 of scheduling.md, part of `context-time`.
//
// Patch: "perf: Close install vs. exit race", Peter Zijlstra, February 2016.
//
// What was wrong: the install's IPI looked at ctx->task before it had the context's lock.
//
// What changes:
//   SCH-85  the IPI of SCH-83 takes the lock first; nobody can see the difference from outside
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D10InstallLock : public Below {
 public:
  using Below::Below;

 protected:
  Path<int> __perf_install_in_context(Base::EventCall call) override {
    return this->d10_install(call);
  }
};

}  // namespace reperf::core
