// One record from the items of its line. text_fields.h says which keys a kind has.
#pragma once

#include <string_view>

#include "traces/record.h"
#include "traces/text_items.h"
#include "traces/text_lexer.h"

namespace reperf::log {

// Precondition: `items` has been read from the line, and its name is that of `kind`.
Fault parse_payload(Kind kind, Items& items, Arena& arena, Payload& out);

}  // namespace reperf::log
