#include "traces/text_items.h"

#include <fmt/format.h>

#include <algorithm>

namespace reperf::log {

Item* Items::take(std::string_view key) {
  asked_.push_back({key, 0});
  const auto found = std::ranges::find(items_, key, &Item::key);
  if (found == items_.end()) return nullptr;
  found->used = true;
  return &*found;
}

const Item* Items::value(std::string_view key, Fault& fault) {
  const Item* item = take(key);
  if (item == nullptr || item->form != ValueForm::none) return item;
  if (!fault) fault = {item->key_column, fmt::format("'{}' needs a value", key)};
  return nullptr;
}

const Item* Items::flag(std::string_view key, Fault& fault) {
  const Item* item = take(key);
  if (item == nullptr || item->form == ValueForm::none) return item;
  if (!fault) fault = {item->column, fmt::format("'{}' takes no value", key)};
  return nullptr;
}

bool Items::has(std::string_view key) const {
  return std::ranges::find(items_, key, &Item::key) != items_.end();
}

void Items::missing(std::string_view key, Fault& fault) const {
  if (!fault) fault = {column_, fmt::format("{} needs '{}='", what_, key)};
}

Fault Items::finish() const {
  for (const Item& item : items_) {
    if (item.used) continue;
    if (has(item.key) && std::ranges::find(asked_, item.key, &Name::name) != asked_.end()) {
      return {item.key_column, fmt::format("'{}' a second time", item.key)};
    }
    if (asked_.empty()) {
      return {item.key_column, fmt::format("unknown key '{}': {} has no keys", item.key, what_)};
    }
    return {item.key_column,
            fmt::format("unknown key '{}' of {}{}", item.key, what_, suggestion(asked_, item.key))};
  }
  return {};
}

}  // namespace reperf::log
