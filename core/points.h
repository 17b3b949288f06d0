// The scheduling points of all versions by name (core/points.def).
#pragma once

#include <span>
#include <string_view>

namespace reperf::core {

struct SchedulingPoint {
  std::string_view name;    // "install:before-lock"
  std::string_view yields;  // yield points of scheduling.md section 15, "-": none of them
};

[[nodiscard]] std::span<const SchedulingPoint> scheduling_points();
[[nodiscard]] bool is_scheduling_point(std::string_view name);

}  // namespace reperf::core
