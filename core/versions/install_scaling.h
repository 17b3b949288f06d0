// Version 7, `install-scaling` (label V3 of scheduling.md).
//
// Patch: "perf: Fix scaling vs. perf_install_in_context()" (seed 003), Peter Zijlstra, 24 February
// 2016; a096309bc4677f60caa8e93fcc613a55073c51d4. On top of: context-time.
//
// What was wrong: the opener added the event and an IPI scheduled it. Context time went on between
// the two, so that enabled time was ahead of running time for ever although the event was never
// multiplexed; cgroup time was taken on the opener's CPU.
//
// What changes: the IPI adds the event in the section that schedules it, with time stopped.
//   SCH-86  replaces SCH-83 and SCH-84: the IPI goes to the task's CPU, running or not, and again
//           until the task is found there
//   SCH-87  replaces SCH-85: add and reschedule in one section; a task that sleeps gets the add
//   only SCH-89  no hole between add and first schedule
//
// Known follow-ups: SCH-90, a target that sleeps on an offline CPU is asked for ever, with the
// hotplug lock held (S003-4, cured by SCH-130).
#pragma once

#include "core/versions/context_time.h"

namespace reperf::core {

class InstallScaling : public ContextTime {
 public:
  using ContextTime::ContextTime;

 protected:
  Path<> perf_install_in_context(CtxId ctx, EventId event, Cpu cpu) override;
  Path<int> __perf_install_in_context(EventCall call) override;
};

}  // namespace reperf::core
