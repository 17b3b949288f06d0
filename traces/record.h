// The records of a log, as plain values.
//
// A log is a header (where and how it was made) followed by records in one total order. On a
// live recording that order is the position in the shared ring buffer, never the time stamp:
// stamps of different CPUs may disagree with it by some microseconds (recorder.md, section 6).
//
// Three kinds of records, and directives:
//   stimulus     something that drives the perf core: a call entering, a context switch, ...
//   observation  what the machine answered: return values, the bytes of a read()
//   provenance   the state when the recording began, and every loss
//   directive    only in scenarios written by hand: hold a kernel path, queue IPIs, defer work
//
// Units: times are nanoseconds of the machine's CLOCK_MONOTONIC minus Header::clock_base, so a
// log starts near 0. CPUs and thread ids are the kernel's numbers in the initial namespaces.
// Events are named by perf_event.id (unique for one boot, the same for an event and its
// inherited copies), never by descriptor number.
//
// All payloads are trivially copyable. Views (std::string_view, std::span) in a record that came
// from a Reader or a TextParser point into that object and are valid until its next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace reperf::log {

using Ns = std::uint64_t;
using Bytes = std::span<const std::byte>;

inline constexpr std::uint16_t kNoCpu = 0xffff;  // "no CPU", for ids where the kernel says -1

// Stored in logs: values are never reused or renumbered. Names in the text form are the
// enumerators' names.
enum class Kind : std::uint8_t {
  // stimuli
  sched_switch = 1,
  sched_migrate_task = 2,
  sched_process_fork = 3,
  sched_process_exec = 4,
  sched_process_exit = 5,
  perf_event_open = 6,
  ioctl = 7,
  read = 8,
  close = 9,
  release = 10,
  prctl = 11,
  cpu_down = 12,
  cpu_up = 13,
  cgroup_mkdir = 14,
  cgroup_attach_task = 15,
  overflow = 16,
  tick = 17,
  kernel_counter = 18,
  // observations
  perf_event_open_ret = 32,
  ioctl_ret = 33,
  read_ret = 34,
  close_ret = 35,
  prctl_ret = 36,
  kernel_counter_ret = 37,
  // provenance
  snapshot_begin = 64,
  snapshot_cpu = 65,
  snapshot_task = 66,
  snapshot_event = 67,
  snapshot_end = 68,
  filtered = 69,
  lost = 70,
  finish = 71,
  // directives
  hold = 96,
  resume = 97,
  queue = 98,
  deliver = 99,
  defer = 100,
  run_work = 101,
};

// ---------------------------------------------------------------- stimuli

// A context switch on Record::cpu, seen at the sched_switch tracepoint: before the switch, with
// interrupts off. Record::tid is the task that leaves (0: the idle task of that CPU).
struct SchedSwitch {
  std::uint32_t next_tid = 0;
  std::uint16_t prev_state = 0;  // the tracepoint's prev_state bits (TASK_INTERRUPTIBLE = 1, ...)
  bool preempt = false;
  friend bool operator==(const SchedSwitch&, const SchedSwitch&) = default;
};

// set_task_cpu(): `task` gets another CPU. Record::tid is whoever does it (the waker, a stopper).
struct SchedMigrateTask {
  std::uint32_t task = 0;
  std::uint16_t orig_cpu = 0;
  std::uint16_t dest_cpu = 0;
  friend bool operator==(const SchedMigrateTask&, const SchedMigrateTask&) = default;
};

// Record::tid forked `child`. Inheritance of events is complete at this point. It is a thread
// of the same process when child_pid is the parent's pid (thread group id).
struct SchedProcessFork {
  std::uint32_t child = 0;
  std::uint32_t child_pid = 0;
  std::uint32_t parent_pid = 0;
  std::string_view comm;  // of the child
  friend bool operator==(const SchedProcessFork&, const SchedProcessFork&) = default;
};

// Record::tid executes a new program; the point is right after perf_event_exec().
struct SchedProcessExec {
  std::string_view comm;  // the new one
  friend bool operator==(const SchedProcessExec&, const SchedProcessExec&) = default;
};

// Record::tid exits; the point is where perf_event_exit_task() takes its events away.
struct SchedProcessExit {
  friend bool operator==(const SchedProcessExit&, const SchedProcessExit&) = default;
};

// How the recorder got hold of the caller's perf_event_attr.
enum class AttrSource : std::uint8_t {
  enter = 0,    // copied when the call began
  exit = 1,     // the page was not present then: copied when the call ended
  missing = 2,  // not readable at all (the kernel saw EFAULT, or lost it)
};

// Credentials that decide an errno, of Record::tid.
struct Credentials {
  std::uint32_t euid = 0;
  std::uint64_t cap_effective = 0;  // CapEff bits
  bool init_user_ns = true;         // capabilities count only in the initial user namespace
  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// perf_event_open() entering. Arguments as the caller gave them.
struct PerfEventOpen {
  Bytes attr;  // as many bytes as attr.size says (64 when 0), at most 256; empty when missing
  AttrSource attr_source = AttrSource::enter;
  std::int32_t pid = 0;
  std::int32_t cpu = -1;
  std::int32_t group_fd = -1;
  std::uint64_t group_event = 0;  // event id behind group_fd, 0: not a perf descriptor
  std::uint64_t flags = 0;        // PERF_FLAG_*
  std::uint64_t cgroup = 0;       // cgroup id behind pid, with PERF_FLAG_PID_CGROUP; 0: not known
  Credentials cred;
};

// ioctl() on a perf descriptor entering.
struct Ioctl {
  std::uint64_t event = 0;
  std::uint32_t cmd = 0;
  std::uint64_t arg = 0;
  std::uint64_t value = 0;  // what `arg` points to (PERIOD), 0: not known
  friend bool operator==(const Ioctl&, const Ioctl&) = default;
};

// read() on a perf descriptor entering.
struct Read {
  std::uint64_t event = 0;
  std::uint64_t size = 0;  // bytes asked for
  friend bool operator==(const Read&, const Read&) = default;
};

// close() on a perf descriptor entering. Whether it was the last reference says `release`.
struct Close {
  std::uint64_t event = 0;
  std::int32_t fd = -1;
  friend bool operator==(const Close&, const Close&) = default;
};

// What dropped the last reference to the file.
enum class ReleaseBy : std::uint8_t { close = 0, exit = 1, other = 2 };

// The last reference to the event's file went: perf_release() ran in Record::tid.
struct Release {
  std::uint64_t event = 0;
  ReleaseBy by = ReleaseBy::close;
  friend bool operator==(const Release&, const Release&) = default;
};

enum class PrctlOp : std::uint8_t {
  disable = 31,  // PR_TASK_PERF_EVENTS_DISABLE
  enable = 32,   // PR_TASK_PERF_EVENTS_ENABLE
};

// prctl() on all events that Record::tid owns, entering.
struct Prctl {
  PrctlOp op = PrctlOp::enable;
  friend bool operator==(const Prctl&, const Prctl&) = default;
};

// CPU `target` goes down, or comes up. Record::tid asked for it.
struct CpuDown {
  std::uint16_t target = 0;
  friend bool operator==(const CpuDown&, const CpuDown&) = default;
};
struct CpuUp {
  std::uint16_t target = 0;
  friend bool operator==(const CpuUp&, const CpuUp&) = default;
};

// A cgroup of the perf_event hierarchy exists from here on. The root is 1 and always there.
struct CgroupMkdir {
  std::uint64_t cgroup = 0;
  std::uint64_t parent = 1;
  std::string_view name;
  friend bool operator==(const CgroupMkdir&, const CgroupMkdir&) = default;
};

// `task` is in this cgroup from here on.
struct CgroupAttachTask {
  std::uint32_t task = 0;
  std::uint64_t cgroup = 0;
  friend bool operator==(const CgroupAttachTask&, const CgroupAttachTask&) = default;
};

// A sampling event overflows, on the CPU where it is on.
struct Overflow {
  std::uint64_t event = 0;
  bool in_del = false;  // not now, but inside the next pmu->del() of the event
  friend bool operator==(const Overflow&, const Overflow&) = default;
};

// The scheduler's tick of Record::cpu.
struct Tick {
  friend bool operator==(const Tick&, const Tick&) = default;
};

// perf_event_create_kernel_counter(), called in Record::tid.
struct KernelCounter {
  Bytes attr;
  std::int32_t pid = -1;
  std::int32_t cpu = -1;
};

// ------------------------------------------------------------ observations
// A call's return belongs to the last call of the same thread. `ret` is -errno on failure.

struct PerfEventOpenRet {
  std::int64_t ret = 0;
  std::uint64_t event = 0;   // perf_event.id of the new event, 0 on failure
  std::uint32_t target = 0;  // tid whose context it went to, 0 for a CPU event or on failure
  Bytes kernel_attr;         // the kernel's own copy, empty when equal to what was passed
};

struct IoctlRet {
  std::int64_t ret = 0;
  friend bool operator==(const IoctlRet&, const IoctlRet&) = default;
};

struct ReadRet {
  std::int64_t ret = 0;
  Bytes data;  // what the kernel wrote: `ret` bytes, at most 2048; empty on failure
};

struct CloseRet {
  std::int64_t ret = 0;
  friend bool operator==(const CloseRet&, const CloseRet&) = default;
};

struct PrctlRet {
  std::int64_t ret = 0;
  friend bool operator==(const PrctlRet&, const PrctlRet&) = default;
};

struct KernelCounterRet {
  std::int64_t ret = 0;
  std::uint64_t event = 0;  // perf_event.id, 0 on failure
  friend bool operator==(const KernelCounterRet&, const KernelCounterRet&) = default;
};

// -------------------------------------------------------------- provenance
// The snapshot is taken after attaching: what it tells and what the records tell may overlap in
// time; each entry has its own place in the order.

struct SnapshotBegin {
  friend bool operator==(const SnapshotBegin&, const SnapshotBegin&) = default;
};

// Record::cpu exists, and Record::tid is running on it (only when known).
struct SnapshotCpu {
  bool online = true;
  friend bool operator==(const SnapshotCpu&, const SnapshotCpu&) = default;
};

// Record::tid exists and is last seen on Record::cpu.
struct SnapshotTask {
  std::uint32_t pid = 0;  // thread group id
  bool running = false;   // on that CPU right now
  std::string_view comm;
  friend bool operator==(const SnapshotTask&, const SnapshotTask&) = default;
};

// An event that existed before, read from the kernel's own structures. Record::tid is the task
// whose context it is in (0: the context of Record::cpu). Objects are numbered from 1 in order
// of appearance, so that an event and its inherited copies, which share an id, can be told apart.
struct SnapshotEvent {
  std::uint64_t event = 0;
  std::uint32_t object = 0;
  std::uint32_t parent = 0;  // object number of the original, 0: is an original
  std::uint32_t leader = 0;  // object number of the group leader (itself for a single event)
  std::uint32_t owner = 0;   // tid of the owner, 0: none or not known
  std::int8_t state = 0;     // the kernel's value: 1 ACTIVE, 0 INACTIVE, -1 OFF, ...
  std::int32_t cpu = -1;     // event->cpu
  std::int32_t oncpu = -1;
  std::uint64_t count = 0;
  std::uint64_t child_count = 0;
  std::uint64_t time_enabled = 0;  // totals as of the last update, without copies
  std::uint64_t time_running = 0;
  std::uint64_t child_time_enabled = 0;
  std::uint64_t child_time_running = 0;
  Bytes attr;  // the kernel's copy
};

struct SnapshotEnd {
  friend bool operator==(const SnapshotEnd&, const SnapshotEnd&) = default;
};

enum class FilterClass : std::uint8_t { sched_switch = 0, sched_migrate_task = 1 };

// `count` events of this class on Record::cpu, since the previous such record of that CPU, did
// not matter to perf and were only counted. Not a loss.
struct Filtered {
  FilterClass what = FilterClass::sched_switch;
  std::uint64_t count = 0;
  friend bool operator==(const Filtered&, const Filtered&) = default;
};

enum class LossCause : std::uint8_t {
  ring_full = 0,   // the shared ring buffer had no room
  recursion = 1,   // the kernel skipped a program run (recursion_misses)
  unreadable = 2,  // a kernel or user structure could not be read
  table_full = 3,  // a recorder's map was full
  disk = 4,        // the log could not be written
};

// `count` records of Record::cpu are missing at this place, for this reason.
struct Lost {
  LossCause cause = LossCause::ring_full;
  std::uint64_t count = 0;
  Ns first = 0;  // stamp of the first and of the last one, 0 when not known
  Ns last = 0;
  friend bool operator==(const Lost&, const Lost&) = default;
};

enum class FinishReason : std::uint8_t {
  command_exited = 0,
  interrupted = 1,
  target_exited = 2,
  error = 3
};

// The recording ended in good order.
struct Finish {
  FinishReason reason = FinishReason::command_exited;
  std::int32_t status = 0;   // wait status of the command
  std::uint64_t losses = 0;  // total of all Lost::count
  friend bool operator==(const Finish&, const Finish&) = default;
};

// -------------------------------------------------------------- directives

// The kernel path that Record::tid runs stops at this scheduling point from now on.
struct Hold {
  std::string_view point;  // "install:before-ipi"
  std::uint32_t nth = 0;   // only the n-th passing from here on, 0: every one until `resume`
  friend bool operator==(const Hold&, const Hold&) = default;
};

// ... and goes on.
struct Resume {
  friend bool operator==(const Resume&, const Resume&) = default;
};

// IPIs that are sent to Record::cpu from now on stay queued.
struct Queue {
  friend bool operator==(const Queue&, const Queue&) = default;
};

// ... and run, in the order in which they were sent.
struct Deliver {
  bool one = false;  // only the oldest; further ones stay queued
  friend bool operator==(const Deliver&, const Deliver&) = default;
};

// Deferred work of this name does not run when it is due, but when `run_work` says so.
struct Defer {
  std::string_view work;  // "key-off"
  friend bool operator==(const Defer&, const Defer&) = default;
};

struct RunWork {
  std::string_view work;
  friend bool operator==(const RunWork&, const RunWork&) = default;
};

using Payload =
    std::variant<SchedSwitch, SchedMigrateTask, SchedProcessFork, SchedProcessExec,
                 SchedProcessExit, PerfEventOpen, Ioctl, Read, Close, Release, Prctl, CpuDown,
                 CpuUp, CgroupMkdir, CgroupAttachTask, Overflow, Tick, KernelCounter,
                 PerfEventOpenRet, IoctlRet, ReadRet, CloseRet, PrctlRet, KernelCounterRet,
                 SnapshotBegin, SnapshotCpu, SnapshotTask, SnapshotEvent, SnapshotEnd, Filtered,
                 Lost, Finish, Hold, Resume, Queue, Deliver, Defer, RunWork>;

struct Record {
  Ns time = 0;
  std::uint32_t tid = 0;  // the acting task (current)
  std::uint16_t cpu = 0;  // the CPU it happened on
  Payload payload;

  [[nodiscard]] Kind kind() const;
};

// Compares views by content.
[[nodiscard]] bool equal(const Record& a, const Record& b);

enum class KindClass : std::uint8_t { stimulus, observation, provenance, directive };
[[nodiscard]] KindClass kind_class(Kind kind);
[[nodiscard]] std::string_view kind_name(Kind kind);

static_assert(std::is_trivially_copyable_v<Payload>, "records are copied on hot paths");

// ------------------------------------------------------------------ header

// Events with this config may use these counters of their PMU only.
struct PmuConstraint {
  std::uint64_t config = 0;
  std::uint64_t counters = 0;  // bit n: counter n
  friend bool operator==(const PmuConstraint&, const PmuConstraint&) = default;
};

struct Pmu {
  std::string name;  // as in /sys/bus/event_source/devices, or cpu_clock, task_clock
  std::uint32_t type = 0;
  std::uint32_t counters = 0;         // scenarios: counters a CPU of a counting PMU; 0: not known
  std::uint32_t mux_interval_ms = 0;  // perf_event_mux_interval_ms, 0: one tick
  std::vector<PmuConstraint> constraints{};
  friend bool operator==(const Pmu&, const Pmu&) = default;
};

struct Sysctl {
  std::string name;  // "perf_event_paranoid"
  std::int64_t value = 0;
  friend bool operator==(const Sysctl&, const Sysctl&) = default;
};

// How complete a recording is meant to be.
enum class Origin : std::uint8_t {
  scenario = 0,   // written by hand
  recording = 1,  // captured by the recorder
};

enum class Scope : std::uint8_t {
  none = 0,     // scenario
  command = 1,  // the tree of one command
  process = 2,  // the tree of one process that ran already
  system = 3,   // everything
};

// Strings are UTF-8 or whatever the kernel gave, without NUL. Empty or 0: not known.
struct Header {
  Origin origin = Origin::scenario;
  Scope scope = Scope::none;
  bool all_switches = false;     // every switch recorded, not only those that matter to perf
  std::string recorder;          // version of the program that made the log
  std::string tier;              // "C", or "" for a scenario
  std::string command;           // the recorded command line, arguments quoted as for a shell
  std::string release;           // uname -r
  std::string version;           // uname -v
  std::string machine;           // uname -m
  std::uint32_t cpus = 0;        // CPUs possible
  std::uint32_t hz = 0;          // CONFIG_HZ
  Ns clock_base = 0;             // CLOCK_MONOTONIC at time 0 of the log
  Ns realtime_base = 0;          // CLOCK_REALTIME at the same moment
  std::uint32_t attr_size = 0;   // the kernel's sizeof(struct perf_event_attr)
  std::int32_t state_exit = -3;  // the kernel's PERF_EVENT_STATE_EXIT
  std::int32_t state_dead = -4;  // the kernel's PERF_EVENT_STATE_DEAD
  std::vector<Pmu> pmus;
  std::vector<Sysctl> sysctls;
  friend bool operator==(const Header&, const Header&) = default;
};

}  // namespace reperf::log
