// The machine part of a log's header (recorder.md 10).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traces/record.h"

namespace reperf::record {

// Fills release, version, machine, cpus, hz, pmus and sysctls. What cannot be learned stays
// empty or 0; nothing here fails.
void describe_machine(log::Header& header);

// ---- pure parts, for tests

// CONFIG_HZ of a kernel configuration, 0 when it does not say.
std::uint32_t parse_config_hz(std::string_view config);
// "/proc/sys/kernel" holds these: perf_event_paranoid, perf_cpu_time_max_percent, ...
bool is_perf_sysctl(std::string_view name);
// A decimal number with blanks around it.
bool parse_number(std::string_view text, std::int64_t& value);

}  // namespace reperf::record
