// Delta D6 of scheduling.md, part of `context-time`.
//
// Patch: "perf: Cure event->pending_disable race", Peter Zijlstra, February 2016;
// 28a967c3a2f9.
//
// What was wrong: an event that reached its limit while the PMU took it off asked to be disabled
// after that had been looked at, and ran again in the next slice (SD-3).
//
// What changes:
//   SCH-33  scheduling out writes the state behind pmu->del
#pragma once

#include "core/versions/delta_bodies.h"

namespace reperf::core {

template <class Below>
class D6StateAfterDel : public Below {
 public:
  using Below::Below;

 protected:
  void stop_and_del(EventId event, Cpu cpu) override { this->d6_stop_and_del(event, cpu); }
};

}  // namespace reperf::core
