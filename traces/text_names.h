// The names that stand for numbers in the text form. Values are those of the Linux ABI.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "traces/record.h"

namespace reperf::log {

struct Name {
  std::string_view name;
  std::uint64_t value;
};
using Names = std::span<const Name>;

// Empty / nullptr when there is none.
[[nodiscard]] std::string_view name_of(Names names, std::uint64_t value);
[[nodiscard]] const Name* find_name(Names names, std::string_view name);

// "; did you mean 'software'?" when one of the names is near, else "; known: a, b, c".
[[nodiscard]] std::string suggestion(Names names, std::string_view wrong);

// perf_event_attr
extern const Names kPmuTypes;
extern const Names kHardwareConfigs;
extern const Names kSoftwareConfigs;
extern const Names kCaches;        // hw_cache config bits 0..7
extern const Names kCacheOps;      // bits 8..15
extern const Names kCacheResults;  // bits 16..23
extern const Names kSampleTypes;   // as all bits below: the value is the bit
extern const Names kReadFormats;
extern const Names kAttrFlags;  // without precise_ip, which has two bits
extern const Names kBranchTypes;
extern const Names kBreakpointTypes;
extern const Names kAuxActions;
extern const Names kClockIds;

// calls
extern const Names kOpenFlags;
extern const Names kIoctls;
extern const Names kErrnos;
extern const Names kCapabilities;
inline constexpr std::uint64_t kCapabilitiesAll = (1ULL << 41) - 1;

// records
extern const Names kKindNames;
extern const Names kTaskStates;   // without 0, which is R
extern const Names kEventStates;  // as the low 8 bits
extern const Names kAttrSources;
extern const Names kReleaseBys;
extern const Names kFilterClasses;
extern const Names kPrctlOps;
extern const Names kLossCauses;
extern const Names kFinishReasons;
extern const Names kOrigins;
extern const Names kScopes;

}  // namespace reperf::log
