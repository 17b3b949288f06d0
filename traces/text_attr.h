// perf_event_attr in the text form: the keys between the braces.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "traces/record.h"
#include "traces/text_lexer.h"
#include "traces/text_names.h"

namespace reperf::log {

enum class AttrStyle : std::uint8_t {
  type,    // a PMU type by name or number
  config,  // by the type: a software or hardware event, a cache triple, hexadecimal
  size,
  number,
  signed_name,  // a name of `names` or a signed number
  hex,
  bits,   // of `names`
  flags,  // bare keys
};

// The second name of a field that is a union.
enum class AttrAlias : std::uint8_t { none, freq, watermark, breakpoint };

struct AttrField {
  std::string_view key;
  std::size_t offset;
  std::size_t width;
  AttrStyle style = AttrStyle::number;
  const Names* names = nullptr;
  AttrAlias alias = AttrAlias::none;  // when the field goes by `alias_key`
  std::string_view alias_key = {};
};

// In the order in which they are printed. Together they cover bytes 0 to 135 without a hole.
extern const std::span<const AttrField> kAttrFields;

inline constexpr std::size_t kAttrBytesDefault = 136;
inline constexpr std::uint64_t kAttrFlagFreq = 1ULL << 10;
inline constexpr std::uint64_t kAttrFlagWatermark = 1ULL << 14;
inline constexpr unsigned kAttrPreciseShift = 15;
inline constexpr std::uint32_t kTypeBreakpoint = 5;

// How many bytes an attr with this size field has when nothing else is said.
[[nodiscard]] std::size_t attr_bytes_for(std::uint64_t size);
// How many of the first `bytes` bytes belong to fields that lie within them completely.
[[nodiscard]] std::size_t attr_covered(std::size_t bytes);

// `item` is the value in braces, or the word none.
Fault parse_attr(const Item& item, Arena& arena, Bytes& out);

}  // namespace reperf::log
