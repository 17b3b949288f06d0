#include "core/rules.h"

#include <array>

namespace reperf::core {

namespace {

constexpr RuleText kRules[] = {
#define RULE(id, name, sentence) {Rule::id, name, sentence},
#include "core/rules.def"
#undef RULE
};

}  // namespace

std::string_view rule_name(Rule rule) {
  if (rule == Rule::none) return "-";
  return kRules[static_cast<std::size_t>(rule) - 1].name;
}

std::span<const RuleText> all_rules() { return kRules; }

}  // namespace reperf::core
