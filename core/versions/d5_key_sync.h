// Delta D5 of scheduling.md, part of `context-time`.
//
// Patch: "perf: Fix race between event install and jump_labels", Peter Zijlstra, February 2016.
//
// What was wrong: whoever found the key counted did not wait until the hooks were live, and a
// switch in flight could have passed them: a task ran its whole slice without its events (S000-6).
//
// What changes:
//   SCH-63  replaces SCH-62: under perf_sched_mutex the hooks go live, every switch in flight ends,
//           and only then the event is counted
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D5KeySync : public Below {
 public:
  using Below::Below;

 protected:
  Path<> first_sched_event() override { return this->d5_first_sched_event(); }
};

}  // namespace reperf::core
