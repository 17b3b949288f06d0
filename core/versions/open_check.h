// What perf_event_open() refuses, and in which order: the first failing step decides the errno.
//
// Truth is three-valued (PRED-3): what a log does not tell (descriptor limits, whether an unknown
// pid exists, what a driver thinks) permits its errno and lets the checks go on.
#pragma once

#include "core/open_args.h"
#include "core/world.h"

namespace reperf::core {

// Capabilities as bit numbers of CapEff.
inline constexpr unsigned CAP_SYS_PTRACE = 19;
inline constexpr unsigned CAP_SYS_ADMIN = 21;
inline constexpr unsigned CAP_PERFMON = 38;

// The steps that all kernels share, each returning true when it has decided the verdict.
class OpenCheck {
 public:
  OpenCheck(const World& world, TaskId caller, const OpenArgs& args);

  OpenVerdict verdict;
  perf_event_attr attr;

  // Decides the verdict when `fails`.
  bool fail_if(bool fails, int errno_value) {
    if (fails) verdict.error = errno_value;
    return fails;
  }

  // Limits that differ between kernels.
  struct Limits {
    std::uint32_t attr_size;  // the kernel's own
    unsigned flag_bits;       // known bits of the flag word
    unsigned sample_type_bits;
    unsigned read_format_bits;
    unsigned branch_bits;
    bool reserved_2_checked;
  };
  bool size_and_reserved(const Limits& limits);  // steps 2 to 5
  bool branch_stack(const Limits& limits);       // steps 6 and 7
  bool user_registers();                         // step 8
  bool frequency();                              // step 16
  bool pmu_lookup();                             // step 28
  bool clock();                                  // step 37
  bool group_rules();                            // step 43
  bool group_size();                             // step 45
  bool cgroup();                                 // step 32

  [[nodiscard]] bool capable(unsigned cap) const {
    return args_.init_user_ns && ((args_.cap_effective >> cap) & 1U) != 0;
  }
  [[nodiscard]] bool perfmon() const {
    return capable(CAP_SYS_ADMIN) || (perfmon_exists && capable(CAP_PERFMON));
  }
  [[nodiscard]] std::int64_t paranoid() const { return w_.sysctl("perf_event_paranoid", 2); }
  [[nodiscard]] bool allowed_kernel() const { return paranoid() <= 1 || perfmon(); }
  [[nodiscard]] bool allowed_cpu() const { return paranoid() <= 0 || perfmon(); }
  [[nodiscard]] bool wants_task() const { return args_.pid != -1; }
  [[nodiscard]] bool grouped() const {
    return args_.group_fd != -1 && (args_.flags & PERF_FLAG_FD_NO_GROUP) == 0;
  }
  [[nodiscard]] const perf_event* leader() const {
    return w_.events.alive(args_.group) ? &w_.events[args_.group] : nullptr;
  }
  [[nodiscard]] bool regs_valid(std::uint64_t mask) const;
  // ptrace read access to the target, as far as it is known: 1 yes, 0 not known.
  [[nodiscard]] bool surely_may_trace() const;

  TaskId target;                // once looked up
  bool target_unknown = false;  // a tid that the log has not named
  const pmu* chosen = nullptr;
  bool perfmon_exists = true;  // CAP_PERFMON (5.8)
  std::uint64_t software_configs = kSwIds;

 private:
  const World& w_;
  TaskId caller_;
  const OpenArgs& args_;
};

// 4.4 (ABI-61), for the versions of 2016 and 2017.
[[nodiscard]] OpenVerdict check_open_v4_4(const World& world, TaskId caller, const OpenArgs& args);
// 6.18.44 (ABI-11 to ABI-58).
[[nodiscard]] OpenVerdict check_open_v6_18(const World& world, TaskId caller, const OpenArgs& args);

}  // namespace reperf::core
