// What a machine must offer before recording makes sense.
#pragma once

#include <string>
#include <string_view>

#include "traces/result.h"

namespace reperf::record {

// Where the kernel's type information is; REPERF_BTF in the environment overrides it (tests).
std::string btf_path();

// Checks privilege, type information and lockdown; the error says in one line what is missing
// and what to do. Whether the kernel accepts the programs is only known when they are loaded.
Result<void> check_prerequisites();

// ---- pure parts, for tests

// CapEff of /proc/self/status; 0 when there is no such line.
unsigned long long effective_capabilities(std::string_view status);
// Enough to load tracing programs and to read perf state.
bool capabilities_suffice(unsigned long long effective);
// The mode in brackets of /sys/kernel/security/lockdown, "" when there is none.
std::string_view lockdown_mode(std::string_view text);

}  // namespace reperf::record
