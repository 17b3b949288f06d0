// Version 6, `context-time` (label V3p of scheduling.md): the deltas D4 to D10.
//
// Patches: seven of Peter Zijlstra's from February 2016, each in a file of its own (d4_*.h to
// d10_*.h), with what was wrong and which rules it changes. On top of: child-cleanup-merged.
//
// Each can be had alone, as `child-cleanup-merged+D4`, or left out, as `context-time-D7`, to see
// which one an effect is due to. D8 and D9 need D7: alone they bring it along, and without it they
// are missing too.
#pragma once

#include "core/versions/d10_install_lock.h"
#include "core/versions/d4_install_time.h"
#include "core/versions/d5_key_sync.h"
#include "core/versions/d6_state_after_del.h"
#include "core/versions/d7_event_time.h"
#include "core/versions/d8_enable_time.h"
#include "core/versions/d9_exec_time.h"

namespace reperf::core {

using ContextTime = D10InstallLock<
    D9ExecTime<D8EnableTime<D7EventTime<D6StateAfterDel<D5KeySync<D4InstallTime<DeltaBodies>>>>>>>;

}  // namespace reperf::core
