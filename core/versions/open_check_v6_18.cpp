// Validation order of perf_event_open() in Linux 6.18.44 (ABI-11 to ABI-58). The comments number
// the steps as that table does.
#include <cerrno>

#include "core/versions/open_check.h"

namespace reperf::core {

namespace {

constexpr OpenCheck::Limits kLimits{136, 38, 25, 5, 20, true};
constexpr std::uint32_t kAuxStartPaused = 1, kAuxPause = 2, kAuxResume = 4;

bool sample_layout(OpenCheck& c) {
  const perf_event_attr& a = c.attr;
  const std::uint64_t weights = PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT;
  return c.user_registers() ||                                       // 8
         c.fail_if((a.sample_type & PERF_SAMPLE_STACK_USER) != 0 &&  // 9
                       (a.sample_stack_user >= 65535 || a.sample_stack_user % 8 != 0),
                   EINVAL) ||
         c.fail_if((a.sample_type & PERF_SAMPLE_REGS_INTR) != 0 &&  // 10
                       !c.regs_valid(a.sample_regs_intr),
                   EINVAL) ||
         c.fail_if((a.sample_type & weights) == weights, EINVAL) ||  // 12
         c.fail_if(a.has(AttrBit::inherit_thread) && !a.inherit(), EINVAL) ||
         c.fail_if(a.has(AttrBit::remove_on_exec) && a.has(AttrBit::enable_on_exec), EINVAL) ||
         c.fail_if(a.has(AttrBit::sigtrap) && !a.has(AttrBit::remove_on_exec), EINVAL);
}

bool privileges(OpenCheck& c) {
  const perf_event_attr& a = c.attr;
  return c.fail_if(!a.has(AttrBit::exclude_kernel) && !c.allowed_kernel(), EACCES) ||  // 14
         c.fail_if(a.has(AttrBit::namespaces) && !c.perfmon(), EACCES) ||              // 15
         c.frequency() ||                                                              // 16
         c.fail_if((a.sample_type & PERF_SAMPLE_PHYS_ADDR) != 0 && !c.allowed_kernel(),
                   EACCES);  // 17
}

// Steps 21 to 25.
bool group_and_target(OpenCheck& c, const World& w, TaskId caller, const OpenArgs& a) {
  if (a.group_fd != -1) {
    if (c.fail_if(!a.group_is_perf, EBADF)) return true;
    const perf_event* l = c.leader();
    if (l == nullptr) {
      c.verdict.permit(ENODEV);
    } else if (c.fail_if(l->state <= PERF_EVENT_STATE_EXIT, ENODEV)) {  // ABI-1 (i)
      return true;
    }
  }
  const bool task = c.wants_task() && (a.flags & PERF_FLAG_PID_CGROUP) == 0;
  if (task) {
    if (c.fail_if(a.pid < 0, ESRCH)) return true;
    c.target = a.pid == 0 ? caller : w.find_task(static_cast<Tid>(a.pid));
    if (!c.target) {
      c.verdict.permit(ESRCH);
      c.target_unknown = true;
    }
    if (c.grouped() && c.leader() != nullptr &&
        c.fail_if(c.leader()->attr.inherit() != c.attr.inherit(), EINVAL)) {
      return true;
    }
  }
  return c.fail_if(!w.cpu_valid(a.cpu) && !(task && a.cpu == -1), EINVAL) ||
         c.fail_if(c.attr.has(AttrBit::sigtrap) && !task, EINVAL);
}

bool after_pmu(OpenCheck& c, const World& w) {
  const perf_event_attr& a = c.attr;
  const bool wide_regs =
      ((a.sample_type & PERF_SAMPLE_REGS_USER) != 0 && (a.sample_regs_user >> 32) != 0) ||
      ((a.sample_type & PERF_SAMPLE_REGS_INTR) != 0 && (a.sample_regs_intr >> 32) != 0);
  const bool both = (a.aux_action & kAuxPause) != 0 && (a.aux_action & kAuxResume) != 0;
  if (c.fail_if(wide_regs, EOPNOTSUPP) ||                   // 29
      c.fail_if(a.has(AttrBit::aux_output), EOPNOTSUPP) ||  // 31
      c.fail_if(both, EINVAL) || c.fail_if((a.aux_action & kAuxStartPaused) != 0, EOPNOTSUPP)) {
    return true;
  }
  if (c.cgroup()) return true;                         // 32
  if ((a.sample_type & PERF_SAMPLE_CALLCHAIN) != 0) {  // 34
    const std::int64_t depth = w.sysctl("perf_event_max_stack", 127);
    if (c.fail_if(a.sample_max_stack > depth, EOVERFLOW)) return true;
  }
  return c.clock();
}

}  // namespace

OpenVerdict check_open_v6_18(const World& w, TaskId caller, const OpenArgs& a) {
  OpenCheck c{w, caller, a};
  const bool cgroup = (a.flags & PERF_FLAG_PID_CGROUP) != 0;
  if (c.fail_if((a.flags & ~std::uint64_t{15}) != 0, EINVAL)) return c.verdict;  // 1
  if (!a.attr_known) return c.verdict;
  if (c.size_and_reserved(kLimits) || c.branch_stack(kLimits) || sample_layout(c) ||
      privileges(c) || c.fail_if(cgroup && (a.pid == -1 || a.cpu == -1), EINVAL)) {  // 19
    return c.verdict;
  }
  c.verdict.permit(EMFILE);  // 20
  if (group_and_target(c, w, caller, a)) return c.verdict;
  if (c.fail_if(c.attr.inherit() && (c.attr.sample_type & PERF_SAMPLE_READ) != 0 &&
                    (c.attr.sample_type & PERF_SAMPLE_TID) == 0,
                EINVAL) ||  // 27
      c.pmu_lookup() ||
      after_pmu(c, w)) {
    return c.verdict;
  }
  const bool task = c.wants_task() && !cgroup;
  if (task && !c.surely_may_trace()) c.verdict.permit(EACCES);  // 39
  const bool gone = task && a.pid != 0 &&
                    ((c.target && w.tasks[c.target].exiting) ||
                     (c.target_unknown && w.known_dead(static_cast<Tid>(a.pid))));
  if (c.fail_if(!task && !c.allowed_cpu(), EACCES) || c.fail_if(gone, ESRCH) ||  // 40
      c.fail_if(!task && !w.cpu(a.cpu).online, ENODEV) ||                        // 42
      c.group_rules()) {                                                         // 43
    return c.verdict;
  }
  if ((a.flags & PERF_FLAG_FD_OUTPUT) != 0 && a.group_fd != -1) c.verdict.permit(EINVAL);  // 44
  if (c.group_size()) return c.verdict;                                                    // 45
  c.fail_if((c.attr.aux_action & (kAuxPause | kAuxResume)) != 0 || c.attr.aux_sample_size != 0,
            EINVAL);  // 46
  return c.verdict;
}

}  // namespace reperf::core
