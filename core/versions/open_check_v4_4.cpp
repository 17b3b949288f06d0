// Validation order of perf_event_open() in Linux 4.4 (ABI-61), numbered as there.
#include <cerrno>

#include "core/versions/open_check.h"

namespace reperf::core {

namespace {

constexpr OpenCheck::Limits kLimits{112, 27, 19, 4, 14, false};

// Step 9 sets a result that a valid mask of step 10 overwrites.
bool stack_and_registers(OpenCheck& c) {
  int error = 0;
  if ((c.attr.sample_type & PERF_SAMPLE_STACK_USER) != 0 &&
      (c.attr.sample_stack_user >= 65535 || c.attr.sample_stack_user % 8 != 0)) {
    error = EINVAL;
  }
  if ((c.attr.sample_type & PERF_SAMPLE_REGS_INTR) != 0) {
    error = c.regs_valid(c.attr.sample_regs_intr) ? 0 : EINVAL;
  }
  return c.fail_if(error != 0, error);
}

bool target_task(OpenCheck& c, const World& w, TaskId caller, const OpenArgs& a) {
  if (a.pid == -1 || (a.flags & PERF_FLAG_PID_CGROUP) != 0) return false;
  if (c.fail_if(a.pid < 0, ESRCH)) return true;
  c.target = a.pid == 0 ? caller : w.find_task(static_cast<Tid>(a.pid));
  if (!c.target) {
    c.verdict.permit(ESRCH);
    c.target_unknown = true;
    if (c.fail_if(w.known_dead(static_cast<Tid>(a.pid)), ESRCH)) return true;
  }
  // Right here, not later (ABI-196).
  if (!c.surely_may_trace()) c.verdict.permit(EACCES);
  if (!c.grouped() || c.leader() == nullptr) return false;
  return c.fail_if(c.leader()->attr.inherit() != c.attr.inherit(), EINVAL);
}

}  // namespace

OpenVerdict check_open_v4_4(const World& w, TaskId caller, const OpenArgs& a) {
  OpenCheck c{w, caller, a};
  c.perfmon_exists = false;
  c.software_configs = 11;
  const bool cgroup = (a.flags & PERF_FLAG_PID_CGROUP) != 0;
  if (c.fail_if((a.flags & ~std::uint64_t{15}) != 0, EINVAL)) return c.verdict;  // 1
  if (!a.attr_known) return c.verdict;
  if (c.size_and_reserved(kLimits) || c.branch_stack(kLimits) || c.user_registers() ||
      stack_and_registers(c) ||
      c.fail_if(!c.attr.has(AttrBit::exclude_kernel) && !c.allowed_kernel(), EACCES) ||
      c.frequency() || c.fail_if(cgroup && (a.pid == -1 || a.cpu == -1), EINVAL)) {
    return c.verdict;
  }
  c.verdict.permit(EMFILE);                                                      // 20
  if (c.fail_if(a.group_fd != -1 && !a.group_is_perf, EBADF)) return c.verdict;  // 21
  if (target_task(c, w, caller, a)) return c.verdict;                            // 22, 23
  const bool task = c.wants_task() && !cgroup;
  if (c.fail_if(!w.cpu_valid(a.cpu) && !(task && a.cpu == -1), EINVAL) ||  // 24
      c.fail_if(c.attr.inherit() && (c.attr.read_format & PERF_FORMAT_GROUP) != 0, EINVAL)) {
    return c.verdict;
  }
  if (c.cgroup() || c.pmu_lookup() || c.clock()) return c.verdict;
  if (c.fail_if(!task && !c.allowed_cpu(), EACCES) ||
      c.fail_if(!task && !w.cpu(a.cpu).online, ENODEV) ||
      c.fail_if(task && c.target && w.tasks[c.target].exiting, ESRCH) || c.group_rules()) {
    return c.verdict;
  }
  if ((a.flags & PERF_FLAG_FD_OUTPUT) != 0 && a.group_fd != -1) c.verdict.permit(EINVAL);
  c.group_size();
  return c.verdict;
}

}  // namespace reperf::core
