// What perf_event_open() refuses, row by row of the ABI's table of measured answers (V-1 to V-99,
// 6.18) as far as a log can decide them, with calls that are wrong twice; and 4.4 (ABI-61).
#include "core/versions/open_check.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kRoot = ~std::uint64_t{0};
constexpr std::uint64_t kNobody = 0;
constexpr std::uint64_t kPerfmon = std::uint64_t{1} << CAP_PERFMON;
constexpr std::uint64_t kSysAdmin = std::uint64_t{1} << CAP_SYS_ADMIN;
constexpr std::int32_t kOther = 20;  // another process
constexpr std::int32_t kMissing = 777;
constexpr std::int32_t kZombie = 30;

// One call, built step by step; by default a software event of the caller.
struct Shape {
  perf_event_attr attr = switches();
  std::int32_t pid = 0;
  std::int32_t cpu = -1;
  std::int32_t group_fd = -1;
  EventId group;
  std::uint64_t flags = 0;
  std::uint64_t caps = kRoot;
  bool init_ns = true;
  int nonzero_byte = -1;
};

struct World618 : Machine {
  World618() : Machine("linux-6.18") {
    model.world().sysctls["perf_event_paranoid"] = 2;
    model.world().sysctls["perf_event_max_stack"] = 127;
    run(0, 10);
    run(1, kOther);
    model.sched_process_fork(0, 10, kZombie, kZombie, "zombie");
    run(2, kZombie);
    model.sched_process_exit(2, kZombie);
    leader = open(0, 10, switches(), 0);
    sibling = open(0, 10, switches(), 0, kNoCpu, leader);
    cpu_leader = open(0, 10, switches(bit(AttrBit::inherit)), -1, 0);
  }
  EventId leader;
  EventId sibling;
  EventId cpu_leader;
};

class OpenCheckTest : public ::testing::Test {
 protected:
  using Check = OpenVerdict (*)(const World&, TaskId, const OpenArgs&);
  using Fault = std::function<void(Shape&)>;

  OpenVerdict ask(Check check, const Shape& s) {
    OpenArgs args = open_args(s.attr, s.pid, s.cpu);
    args.group_fd = s.group ? 3 : s.group_fd;
    args.group = s.group;
    args.group_is_perf = static_cast<bool>(s.group);
    args.flags = s.flags;
    args.cap_effective = s.caps;
    args.init_user_ns = s.init_ns;
    if (s.nonzero_byte >= 0) {
      args.attr_bytes[static_cast<std::size_t>(s.nonzero_byte)] = std::byte{1};
    }
    return check(m.model.world(), m.model.world().find_task(10), args);
  }
  void expect(const char* row, int error, const std::vector<Fault>& faults) {
    Shape shape;
    for (const Fault& fault : faults) fault(shape);
    EXPECT_EQ(ask(check_, shape).error, error) << row;
  }

  World618 m;
  Check check_ = check_open_v6_18;
};

using Fault = std::function<void(Shape&)>;

Fault type(std::uint32_t t, std::uint64_t config = 0) {
  return [=](Shape& s) { s.attr.type = t, s.attr.config = config; };
}
Fault set(AttrBit b) {
  return [=](Shape& s) { s.attr.flags |= bit(b); };
}
Fault sample(std::uint64_t bits) {
  return [=](Shape& s) { s.attr.sample_type |= bits; };
}
Fault target(std::int32_t pid, std::int32_t cpu = -1) {
  return [=](Shape& s) { s.pid = pid, s.cpu = cpu; };
}
Fault group(EventId event) {
  return [=](Shape& s) { s.group = event; };
}
Fault flag(std::uint64_t bits) {
  return [=](Shape& s) { s.flags |= bits; };
}
Fault clock(std::int32_t id) {
  return [=](Shape& s) { s.attr.flags |= bit(AttrBit::use_clockid), s.attr.clockid = id; };
}
Fault branches(std::uint64_t mask) {
  return [=](Shape& s) {
    s.attr.sample_type |= PERF_SAMPLE_BRANCH_STACK, s.attr.branch_sample_type = mask;
  };
}
Fault caps(std::uint64_t c) {
  return [=](Shape& s) { s.caps = c; };
}
const Fault kBadFd = [](Shape& s) { s.group_fd = 9999; };
const Fault kUserOnly = set(AttrBit::exclude_kernel);
const Fault kNoType = type(99);
const Fault kReserved2 = [](Shape& s) { s.attr.reserved_2 = 1; };
const Fault kFastFreq = [](Shape& s) {
  s.attr.flags |= bit(AttrBit::freq), s.attr.sample_period = 100001;
};
const Fault kDeepStack = [](Shape& s) {
  s.attr.sample_type |= PERF_SAMPLE_CALLCHAIN, s.attr.sample_max_stack = 128;
};

TEST_F(OpenCheckTest, SizeAndReservedBits) {
  const auto size = [](std::uint32_t n, int byte = -1) -> Fault {
    return [=](Shape& s) { s.attr.size = n, s.nonzero_byte = byte; };
  };
  const auto bits = [](unsigned n) -> Fault {
    return [=](Shape& s) { s.attr.flags |= std::uint64_t{1} << n; };
  };
  expect("V-1", EINVAL, {flag(0x10), size(4)});
  expect("V-4", E2BIG, {size(4)});
  expect("V-5", E2BIG, {size(63)});
  expect("V-8", 0, {size(0)});
  expect("V-9", 0, {size(64)});
  expect("V-9", 0, {size(65)});
  expect("V-10", E2BIG, {size(144, 143)});
  expect("V-11", E2BIG, {size(144, 136), bits(63)});
  expect("V-12", 0, {size(136, 128)});
  for (const unsigned n : {38U, 39U, 63U}) expect("V-16", EINVAL, {bits(n)});
  expect("V-17", EINVAL, {kReserved2});
  expect("V-17", EINVAL, {[](Shape& s) { s.attr.aux_action = 8; }});
  expect("V-18", EINVAL, {sample(1U << 25)});
  expect("V-18", EINVAL, {[](Shape& s) { s.attr.read_format = 32; }});
}

TEST_F(OpenCheckTest, Sampling) {
  const auto stack = [](std::uint32_t n) -> Fault {
    return [=](Shape& s) {
      s.attr.sample_type |= PERF_SAMPLE_STACK_USER, s.attr.sample_stack_user = n;
    };
  };
  const auto regs = [](std::uint64_t mask) -> Fault {
    return [=](Shape& s) {
      s.attr.sample_type |= PERF_SAMPLE_REGS_USER, s.attr.sample_regs_user = mask;
    };
  };
  expect("V-19", EINVAL, {branches(1U << 20 | 8)});
  expect("V-20", EOPNOTSUPP, {branches(1U << 19)});
  expect("V-21", EINVAL, {branches(1)});
  expect("V-22", EINVAL, {regs(0)});
  expect("V-23", EOPNOTSUPP, {regs(std::uint64_t{1} << 40)});
  expect("V-24", EINVAL, {stack(65535)});
  expect("V-24", EINVAL, {stack(12)});
  expect("V-24", 0, {stack(65528)});
  expect("V-25", EINVAL, {sample(PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT)});
  expect("V-26", EINVAL, {set(AttrBit::inherit_thread)});
  expect("V-26", EINVAL, {set(AttrBit::enable_on_exec), set(AttrBit::remove_on_exec)});
  expect("V-26", EINVAL, {set(AttrBit::sigtrap)});
  expect("V-27", 0, {set(AttrBit::sigtrap), set(AttrBit::remove_on_exec)});
  expect("V-27", EINVAL, {set(AttrBit::sigtrap), set(AttrBit::remove_on_exec), target(-1, 0)});
  expect("V-28", EINVAL, {[](Shape& s) { s.attr.sample_period = std::uint64_t{1} << 63; }});
  expect("V-29", 0, {kFastFreq, [](Shape& s) { --s.attr.sample_period; }});
  expect("V-29", EINVAL, {kFastFreq});
  expect("V-29", EINVAL, {kFastFreq, kBadFd});
  expect("V-53", EINVAL, {[](Shape& s) { s.attr.aux_action = 6; }});
  expect("V-53", EOPNOTSUPP, {[](Shape& s) { s.attr.aux_action = 1; }});
  expect("V-54", EINVAL, {[](Shape& s) { s.attr.aux_action = 2; }});
  expect("V-54", EINVAL, {[](Shape& s) { s.attr.aux_sample_size = 8; }});
}

TEST_F(OpenCheckTest, TargetAndPmu) {
  expect("V-30", EINVAL, {flag(PERF_FLAG_PID_CGROUP), target(-1, 0)});
  expect("V-30", EINVAL, {flag(PERF_FLAG_PID_CGROUP), target(5, -1)});
  expect("V-33", EBADF, {kBadFd, target(kMissing)});
  expect("V-34", EBADF, {[](Shape& s) { s.group_fd = -2; }});
  expect("V-36", ESRCH, {target(-2)});
  expect("V-37", EINVAL, {group(m.leader), set(AttrBit::inherit), kNoType});
  expect("V-38", ENOENT,
         {group(m.leader), set(AttrBit::inherit), kNoType, flag(PERF_FLAG_FD_NO_GROUP)});
  expect("V-39", 0, {group(m.cpu_leader), target(-1, 0)});
  expect("V-40", EINVAL, {target(0, 9999), kNoType});
  expect("V-40", EINVAL, {target(0, -2)});
  expect("V-40", EINVAL, {target(-1, -1)});
  expect("V-41", ENOENT, {kNoType});
  expect("V-42", EINVAL, {set(AttrBit::inherit), sample(PERF_SAMPLE_READ), kNoType});
  expect("V-42", ENOENT,
         {set(AttrBit::inherit), sample(PERF_SAMPLE_READ | PERF_SAMPLE_TID), kNoType});
  expect("V-45", 0, {type(PERF_TYPE_SOFTWARE, 11)});
  expect("V-45", ENOENT, {type(PERF_TYPE_SOFTWARE, 12)});
  expect("V-45", ENOENT, {type(PERF_TYPE_SOFTWARE, std::uint64_t{1} << 32)});
  expect("V-46", EOPNOTSUPP, {type(PERF_TYPE_SOFTWARE, 12), branches(8)});
  expect("V-47", 0, {type(6, 0)});
  expect("V-47", 0, {type(7, 1)});
  expect("V-47", ENOENT, {type(7, 0)});
  expect("V-52", EOPNOTSUPP, {set(AttrBit::aux_output)});
  expect("V-58", EOVERFLOW, {kDeepStack});
  expect("V-59", EOVERFLOW, {kDeepStack, clock(99)});
  expect("V-60", EINVAL, {clock(99)});
  expect("V-60", 0, {clock(0)});
  expect("V-61", ESRCH, {target(kZombie)});
  expect("V-61", ENOENT, {target(kZombie), kNoType});
  expect("V-61", EINVAL, {target(kZombie), clock(99)});
  expect("V-61", ESRCH, {target(kZombie), set(AttrBit::pinned), group(m.leader)});
}

TEST_F(OpenCheckTest, NotInTheLogIsNotDecided) {
  Shape missing;
  missing.pid = kMissing;
  const OpenVerdict v = ask(check_open_v6_18, missing);
  EXPECT_EQ(v.error, 0);
  EXPECT_TRUE(v.permits(ESRCH));
  EXPECT_TRUE(v.permits(EMFILE));
  EXPECT_FALSE(v.permits(EINVAL));
  Shape cgroup;
  cgroup.flags = PERF_FLAG_PID_CGROUP;
  cgroup.pid = 5;
  cgroup.cpu = 0;
  kDeepStack(cgroup);
  EXPECT_TRUE(ask(check_open_v6_18, cgroup).permits(EBADF)) << "V-57";
}

TEST_F(OpenCheckTest, Groups) {
  expect("V-62", EINVAL, {group(m.sibling)});
  expect("V-62", 0, {group(m.sibling), flag(PERF_FLAG_FD_NO_GROUP)});
  expect("V-63", EINVAL, {group(m.leader), target(0, 1)});
  expect("V-63", EINVAL, {group(m.leader), target(kOther)});
  expect("V-63", EINVAL, {group(m.leader), target(-1, 0)});
  expect("V-64", EINVAL, {group(m.leader), set(AttrBit::pinned)});
  expect("V-64", EINVAL, {group(m.leader), set(AttrBit::exclusive)});
  expect("V-64", 0, {set(AttrBit::exclusive)});
  expect("V-65", EINVAL, {group(m.leader), clock(1)});
}

// ABI-83: 681 siblings under a leader with GROUP, ID and LOST, and not one more.
TEST_F(OpenCheckTest, TheGroupMustBeReadable) {
  const perf_event_attr wide = switches(0, PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_LOST);
  const EventId leader = m.open(0, 10, wide, 0);
  int siblings = 0;
  while (siblings < 1000 && m.open(0, 10, switches(), 0, kNoCpu, leader)) ++siblings;
  EXPECT_EQ(siblings, 681) << "V-69";
  expect("V-69", E2BIG, {group(leader)});
  expect("V-70", EINVAL, {group(leader), set(AttrBit::pinned)});
}

TEST_F(OpenCheckTest, Privileges) {
  const Fault nobody = caps(kNobody);
  expect("V-77", EACCES, {nobody});
  expect("V-77", 0, {nobody, kUserOnly});
  expect("V-77", EACCES, {nobody, kUserOnly, target(-1, 0)});
  expect("V-78", EINVAL, {nobody, kReserved2});
  expect("V-78", EACCES, {nobody, kFastFreq});
  expect("V-78", EACCES, {nobody, kBadFd});
  expect("V-79", EACCES, {nobody, kUserOnly, set(AttrBit::namespaces)});
  expect("V-79", EACCES, {nobody, kUserOnly, set(AttrBit::namespaces), kFastFreq});
  expect("V-80", EACCES, {nobody, kUserOnly, sample(PERF_SAMPLE_PHYS_ADDR)});
  expect("V-80", EINVAL, {nobody, kUserOnly, sample(PERF_SAMPLE_PHYS_ADDR), kFastFreq});
  expect("V-81", EACCES, {nobody, kUserOnly, branches(2 | 8)});
  expect("V-81", EACCES, {nobody, kUserOnly, branches(2 | 8), sample(PERF_SAMPLE_REGS_USER)});
  expect("V-82", EACCES, {nobody, kUserOnly, branches(8)});
  expect("V-82", EOPNOTSUPP, {nobody, kUserOnly, set(AttrBit::exclude_hv), branches(8)});
  expect("V-83", EINVAL, {nobody, kUserOnly, target(kOther, 9999)});
  expect("V-83", ENOENT, {nobody, kUserOnly, target(kOther), kNoType});
  expect("V-84", ENOENT, {nobody, kUserOnly, target(-1, 0), kNoType});
  expect("V-84", EACCES, {nobody, kUserOnly, target(-1, 0), group(m.leader)});
  expect("V-89", 0, {caps(kPerfmon)});
  expect("V-89", 0, {caps(kPerfmon), target(-1, 0)});
  expect("V-93", 0, {caps(kSysAdmin)});
  expect("V-94", EACCES, {[](Shape& s) { s.init_ns = false; }});
  expect("V-94", 0, {[](Shape& s) { s.init_ns = false; }, kUserOnly});
  Shape other;
  other.caps = kNobody;
  other.pid = kOther;
  kUserOnly(other);
  EXPECT_TRUE(ask(check_open_v6_18, other).permits(EACCES)) << "V-77: ptrace access is not known";
}

TEST_F(OpenCheckTest, ParanoidLevels) {
  const auto level = [this](std::int64_t n) { m.model.world().sysctls["perf_event_paranoid"] = n; };
  const Fault nobody = caps(kNobody);
  level(1);
  expect("V-95", 0, {nobody});
  expect("V-95", EACCES, {nobody, target(-1, 0)});
  level(0);
  expect("V-96", 0, {nobody, target(-1, 0)});
  expect("V-96", EACCES, {nobody, set(AttrBit::namespaces)});
  level(4);
  expect("V-98", EACCES, {nobody});
  expect("V-98", 0, {nobody, kUserOnly});
}

// ABI-61
TEST_F(OpenCheckTest, Linux44) {
  check_ = check_open_v4_4;
  const auto regs_and_stack = [](std::uint64_t mask) -> Fault {
    return [=](Shape& s) {
      s.attr.sample_type |= PERF_SAMPLE_STACK_USER | PERF_SAMPLE_REGS_INTR;
      s.attr.sample_stack_user = 12;
      s.attr.sample_regs_intr = mask;
    };
  };
  const Fault old_size = [](Shape& s) { s.attr.size = 112; };
  const auto expect44 = [&](const char* what, int error, std::vector<Fault> faults) {
    faults.insert(faults.begin(), old_size);
    expect(what, error, faults);
  };
  expect44("plain", 0, {});
  expect("size", E2BIG, {[](Shape& s) { s.attr.size = 136, s.nonzero_byte = 120; }});
  expect44("only flag bits are reserved", 0, {kReserved2});
  expect44("flag bit 27", EINVAL, {[](Shape& s) { s.attr.flags |= 1U << 27; }});
  expect44("read_format LOST", EINVAL, {[](Shape& s) { s.attr.read_format = 16; }});
  expect44("a valid mask hides a bad stack", 0, {regs_and_stack(1)});
  expect44("an invalid one does not", EINVAL, {regs_and_stack(0)});
  expect44("no ENODEV for a dead group", EINVAL, {group(m.sibling)});
  expect44("inherit with FORMAT_GROUP", EINVAL,
           {set(AttrBit::inherit), [](Shape& s) { s.attr.read_format = PERF_FORMAT_GROUP; }});
  expect44(
      "... before the PMU", EINVAL,
      {set(AttrBit::inherit), [](Shape& s) { s.attr.read_format = PERF_FORMAT_GROUP; }, kNoType});
  expect44("no cgroup switches", ENOENT, {type(PERF_TYPE_SOFTWARE, 11)});
  expect44("clock after the PMU", ENOENT, {kNoType, clock(99)});
  expect44("clock", EINVAL, {clock(99)});
  expect44("clock before permission", EINVAL, {caps(kNobody), kUserOnly, target(-1, 0), clock(99)});
  expect44("CAP_PERFMON is unknown", EACCES, {caps(kPerfmon)});
  expect44("CAP_SYS_ADMIN is not", 0, {caps(kSysAdmin)});
  Shape other;
  old_size(other);
  other.pid = kOther;
  other.caps = kNobody;
  kUserOnly(other);
  kNoType(other);
  EXPECT_TRUE(ask(check_open_v4_4, other).permits(EACCES)) << "ptrace comes before the PMU";
}

}  // namespace
}  // namespace reperf::core
