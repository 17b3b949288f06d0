// The header of a log in the text form: lines that begin with a word instead of a time.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "traces/record.h"
#include "traces/text_items.h"

namespace reperf::log {

// Collects the header of one text.
class HeaderParser {
 public:
  [[nodiscard]] static bool is_header_line(std::string_view word);
  // Precondition: is_header_line(word); `items` has been read from the rest of the line.
  Fault parse(std::string_view word, Items& items, Header& header);

 private:
  std::set<std::string> seen_;  // keys of lines that may be there several times
};

}  // namespace reperf::log
