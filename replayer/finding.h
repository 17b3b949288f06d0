// What a finding is about, in words: who waits for whom, and in which cycle.
#pragma once

#include <string>

#include "core/engine.h"

namespace reperf::replay {

// Appends " in perf_event_open at POINT..." to a livelock, a deadlock or another finding of a path
// that is in flight; nothing when it is not.
void append_finding(std::string& out, const core::Fact& fact, const core::Engine& engine,
                    const core::World& world);

}  // namespace reperf::replay
