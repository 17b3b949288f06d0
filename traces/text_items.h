// The items of one line (or of one attr) by key, and what is wrong with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "traces/text_lexer.h"
#include "traces/text_names.h"

namespace reperf::log {

// Every function that takes a Fault leaves an earlier one as it is.
class Items {
 public:
  // `what` and `column` are for messages: whose keys these are, and where a missing one belongs.
  Items(std::string_view what, std::uint32_t column) : what_(what), column_(column) {}

  Fault read(Lexer lexer) { return lexer.items(items_); }

  // nullptr: not there.
  const Item* value(std::string_view key, Fault& fault);  // key=value
  const Item* flag(std::string_view key, Fault& fault);   // key
  [[nodiscard]] bool has(std::string_view key) const;
  void missing(std::string_view key, Fault& fault) const;

  // Keys that nobody asked for, or that are there twice.
  [[nodiscard]] Fault finish() const;

  [[nodiscard]] std::vector<Item>& all() { return items_; }

 private:
  Item* take(std::string_view key);

  std::string_view what_;
  std::uint32_t column_;
  std::vector<Item> items_;
  std::vector<Name> asked_;
};

}  // namespace reperf::log
