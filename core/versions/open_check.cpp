#include "core/versions/open_check.h"

#include <algorithm>
#include <cerrno>

namespace reperf::core {

namespace {

constexpr std::uint64_t kPageSize = 4096;

bool bits_above(std::uint64_t value, unsigned known) { return (value >> known) != 0; }

}  // namespace

OpenCheck::OpenCheck(const World& world, TaskId caller, const OpenArgs& args)
    : attr(decode_attr(args.attr_span())), w_(world), caller_(caller), args_(args) {
  if (!args.attr_known) verdict.vague = true;
}

bool OpenCheck::size_and_reserved(const Limits& limits) {
  const std::size_t length = args_.attr_span().size();
  std::uint64_t size = attr.size == 0 ? PERF_ATTR_SIZE_VER0 : attr.size;
  // A log has as many bytes as the size says: so few that the size itself is not among them.
  if (length != 0 && length < 2 * sizeof(std::uint32_t)) size = length;
  if (fail_if(size < PERF_ATTR_SIZE_VER0 || size > kPageSize, E2BIG)) return true;
  const auto bytes = args_.attr_span();
  if (bytes.size() > limits.attr_size) {
    const auto tail = bytes.subspan(limits.attr_size);
    const bool nonzero =
        std::any_of(tail.begin(), tail.end(), [](std::byte b) { return b != std::byte{0}; });
    if (fail_if(nonzero, E2BIG)) return true;
  }
  if (size > bytes.size()) {  // the rest was not captured
    verdict.permit(E2BIG);
    verdict.permit(EFAULT);
  }
  const bool reserved =
      bits_above(attr.flags, limits.flag_bits) ||
      (limits.reserved_2_checked && (attr.reserved_2 != 0 || bits_above(attr.aux_action, 3)));
  return fail_if(reserved, EINVAL) ||
         fail_if(bits_above(attr.sample_type, limits.sample_type_bits), EINVAL) ||
         fail_if(bits_above(attr.read_format, limits.read_format_bits), EINVAL);
}

bool OpenCheck::branch_stack(const Limits& limits) {
  if ((attr.sample_type & PERF_SAMPLE_BRANCH_STACK) == 0) return false;
  constexpr std::uint64_t kUser = 1, kKernel = 2, kHv = 4, kPrivileges = 7;
  std::uint64_t mask = attr.branch_sample_type;
  if (fail_if(bits_above(mask, limits.branch_bits), EINVAL)) return true;
  if (fail_if((mask & ~kPrivileges) == 0, EINVAL)) return true;
  if ((mask & kPrivileges) == 0) {
    if (!attr.has(AttrBit::exclude_user)) mask |= kUser;
    if (!attr.has(AttrBit::exclude_kernel)) mask |= kKernel;
    if (!attr.has(AttrBit::exclude_hv)) mask |= kHv;
  }
  return fail_if((mask & (kKernel | kHv)) != 0 && !allowed_kernel(), EACCES);
}

// x86-64: DS, ES, FS and GS cannot be sampled, bits 24 to 31 are nobody's.
bool OpenCheck::regs_valid(std::uint64_t mask) const {
  constexpr std::uint64_t kRefused = 0xf000ULL | 0xff000000ULL;
  return mask != 0 && (mask & kRefused) == 0;
}

bool OpenCheck::user_registers() {
  return (attr.sample_type & PERF_SAMPLE_REGS_USER) != 0 &&
         fail_if(!regs_valid(attr.sample_regs_user), EINVAL);
}

bool OpenCheck::frequency() {
  if (!attr.has(AttrBit::freq)) return fail_if((attr.sample_period >> 63) != 0, EINVAL);
  const std::int64_t rate = w_.sysctl("perf_event_max_sample_rate", -1);
  if (rate < 0) {
    verdict.permit(EINVAL);
    return false;
  }
  return fail_if(attr.sample_period > static_cast<std::uint64_t>(rate), EINVAL);
}

bool OpenCheck::surely_may_trace() const {
  if (perfmon_exists && perfmon()) return true;
  if (capable(CAP_SYS_PTRACE)) return true;
  if (!w_.tasks.alive(target) || !w_.tasks.alive(caller_)) return false;
  return w_.tasks[target].pid == w_.tasks[caller_].pid;
}

// ABI-62 to ABI-64. Other PMUs have checks of their own: their verdict is the machine's.
bool OpenCheck::pmu_lookup() {
  if (w_.pmus.empty()) {
    verdict.vague = true;
    return false;
  }
  const auto by = [this](auto&& matches) {
    const auto it = std::find_if(w_.pmus.begin(), w_.pmus.end(), matches);
    return it == w_.pmus.end() ? nullptr : &*it;
  };
  const bool branches = (attr.sample_type & PERF_SAMPLE_BRANCH_STACK) != 0;
  if (attr.type == PERF_TYPE_SOFTWARE) {
    if (fail_if(branches, EOPNOTSUPP)) return true;
    if (attr.config <= PERF_COUNT_SW_TASK_CLOCK) {
      const PmuModel clock =
          attr.config == PERF_COUNT_SW_CPU_CLOCK ? PmuModel::cpu_clock : PmuModel::task_clock;
      chosen = by([&](const pmu& p) { return p.model == clock; });
    } else {
      if (fail_if(attr.config >= software_configs, ENOENT)) return true;
      chosen = by([](const pmu& p) { return p.model == PmuModel::software; });
    }
    return fail_if(chosen == nullptr, ENOENT);
  }
  const bool hardware = attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE;
  const std::uint32_t type = hardware ? std::uint32_t{PERF_TYPE_RAW} : attr.type;
  chosen = by([&](const pmu& p) { return p.type == type; });
  if (fail_if(chosen == nullptr, ENOENT)) return true;
  switch (chosen->model) {
    case PmuModel::cpu_clock:
    case PmuModel::task_clock: {
      const std::uint64_t own = chosen->model == PmuModel::cpu_clock ? 0 : 1;
      if (fail_if(attr.config != own, ENOENT)) return true;
      return fail_if(branches, EOPNOTSUPP);
    }
    case PmuModel::opaque:
      verdict.vague = true;
      return false;
    case PmuModel::software:
    case PmuModel::counting:
      return false;
  }
  return false;
}

// ABI-47
bool OpenCheck::clock() {
  if (!attr.has(AttrBit::use_clockid)) return false;
  constexpr std::int32_t kRealtime = 0, kMonotonic = 1, kMonotonicRaw = 4, kBoottime = 7, kTai = 11;
  const std::int32_t id = attr.clockid;
  if (id == kMonotonic || id == kMonotonicRaw) return false;
  if (fail_if(id != kRealtime && id != kBoottime && id != kTai, EINVAL)) return true;
  // These need a PMU without NMIs.
  if (chosen != nullptr && chosen->model == PmuModel::counting) verdict.permit(EINVAL);
  return false;
}

bool OpenCheck::group_rules() {
  if (!grouped()) return false;
  const perf_event* l = leader();
  if (l == nullptr) {
    verdict.vague = true;  // a group that the model does not know
    return false;
  }
  const bool other_clock = l->attr.has(AttrBit::use_clockid) != attr.has(AttrBit::use_clockid) ||
                           (attr.has(AttrBit::use_clockid) && l->attr.clockid != attr.clockid);
  const bool other_task =
      w_.contexts.alive(l->ctx) && !(w_.contexts[l->ctx].task == target) && !target_unknown;
  return fail_if(!(l->group_leader == args_.group), EINVAL) || fail_if(other_clock, EINVAL) ||
         fail_if(l->cpu != args_.cpu, EINVAL) || fail_if(other_task, EINVAL) ||
         fail_if(attr.exclusive() || attr.pinned(), EINVAL);
}

// ABI-82: a member that names a cgroup must name its leader's.
bool OpenCheck::cgroup() {
  if ((args_.flags & PERF_FLAG_PID_CGROUP) == 0) return false;
  const CgroupIndex cgroup = args_.cgroup == 0 ? kNoCgroup : w_.find_cgroup(args_.cgroup);
  if (cgroup == kNoCgroup) verdict.vague = true;  // the log does not tell which one
  const perf_event* l = grouped() ? leader() : nullptr;
  return cgroup != kNoCgroup && l != nullptr && fail_if(l->cgrp != cgroup, EINVAL);
}

// ABI-83: what each member's own read format would give, with the new member, must stay in 16 KiB.
bool OpenCheck::group_size() {
  const perf_event* l = grouped() ? leader() : nullptr;
  const std::size_t members = l == nullptr ? 2 : l->sibling_list.size() + 2;
  const auto fits = [members](std::uint64_t format) {
    const bool group = (format & PERF_FORMAT_GROUP) != 0;
    std::uint64_t words = group ? 1 : 0;
    if ((format & PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) ++words;
    if ((format & PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) ++words;
    std::uint64_t each = 1;
    if ((format & PERF_FORMAT_ID) != 0) ++each;
    if ((format & PERF_FORMAT_LOST) != 0) ++each;
    return 8 * (words + (group ? members : 1) * each) <= 16384;
  };
  if (fail_if(!fits(attr.read_format), E2BIG)) return true;
  if (l == nullptr) return false;
  if (fail_if(!fits(l->attr.read_format), E2BIG)) return true;
  return fail_if(std::any_of(l->sibling_list.begin(), l->sibling_list.end(),
                             [&](EventId s) { return !fits(w_.events[s].attr.read_format); }),
                 E2BIG);
}

}  // namespace reperf::core
