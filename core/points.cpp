#include "core/points.h"

#include <algorithm>
#include <array>

namespace reperf::core {

namespace {

constexpr std::array kPoints = {
#define POINT(name, yields) SchedulingPoint{name, yields},
#include "core/points.def"
#undef POINT
};

}  // namespace

std::span<const SchedulingPoint> scheduling_points() { return kPoints; }

bool is_scheduling_point(std::string_view name) {
  return std::any_of(kPoints.begin(), kPoints.end(),
                     [name](const SchedulingPoint& point) { return point.name == name; });
}

}  // namespace reperf::core
