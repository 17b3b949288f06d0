// The rules of the specification that the core follows, as far as code refers to them. One table,
// rules.def: identifier, name as people write it, one sentence in our words.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace reperf::core {

enum class Rule : std::uint16_t {
  none,
#define RULE(id, name, sentence) id,
#include "core/rules.def"
#undef RULE
};

struct RuleText {
  Rule rule;
  std::string_view name;  // "SCH-87"
  std::string_view sentence;
};

[[nodiscard]] std::string_view rule_name(Rule rule);  // "-" for none
[[nodiscard]] std::span<const RuleText> all_rules();

}  // namespace reperf::core
