// `base` as a complete version: the core of January 2016 with the checks of its time.
#pragma once

#include "core/base/base.h"
#include "core/versions/open_check.h"

namespace reperf::core {

class BaseVersion : public Base {
 public:
  using Base::Base;
  OpenVerdict check_open(TaskId caller, const OpenArgs& args) override {
    return check_open_v4_4(w, caller, args);
  }
};

}  // namespace reperf::core
