// The little that reports need to write JSON.
#pragma once

#include <string>
#include <string_view>

namespace reperf::replay {

// Appends `text` as a JSON string, quotes included.
void json_string(std::string& out, std::string_view text);

}  // namespace reperf::replay
