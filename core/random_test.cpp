// Drives every implemented version with random stimuli and checks after each of them what must
// hold at quiescence. Nothing is held, so every stimulus ends before the next one begins.
#include <gtest/gtest.h>

#include <random>  // tidy:allow(a seeded generator in a test)
#include <set>

#include "core/test_invariants.h"
#include "core/test_machine.h"
#include "core/versions/linux_6_18.h"
#include "core/versions/task_ctx_sched.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint32_t kCpus = 4;
constexpr std::size_t kTasks = 20;
constexpr std::size_t kEvents = 24;

// Adds up what the model says it counted, for value conservation (lifetime.md INV-17).
class Ledger : public Observer {
 public:
  void on_fact(const Fact& fact, const World& world) override {
    const bool bad = fact.kind == FactKind::warn || fact.kind == FactKind::finding;
    if (bad && fact.text != known_defect) problems.emplace_back(fact.text);
    if (fact.kind != FactKind::event_count) return;
    const perf_event& x = world.events[fact.event];
    counted[x.parent ? x.parent : fact.event] += static_cast<std::uint64_t>(fact.a);
  }
  std::string_view known_defect;
  std::map<EventId, std::uint64_t> counted;
  std::vector<std::string> problems;
};

class Driver {
 public:
  Driver(const VersionInfo& version, std::uint64_t seed)
      : machine_(version, machine(kCpus)),
        invariants_({.empty_contexts_active = version.number == 0,
                     .totals_accumulate = version.number == 15 && seed % 2 != 0}),
        modern_(version.number == 15),
        exchanges_(seed % 2 == 0),
        random_(seed) {
    // LIFE-55: from tombstone to v4.10.
    if (version.number >= 3 && version.number < 11) ledger_.known_defect = "freed-while-in-group";
    machine_.model.add_observer(&ledger_);
    for (Tid tid = 1; tid <= 6; ++tid) add_task(tid);
    machine_.run(0, 1);
    if (version.number != 0) return;
    // Base breaks down by design when the hooks go off while contexts are active (S000-1): one
    // event of a task that never runs keeps them on.
    add_task(kAnchor);
    anchor_ = machine_.open(0, 1, switches(), static_cast<std::int32_t>(kAnchor));
    open_.insert(anchor_);
  }

  // Empty, or what went wrong.
  std::string step() {
    machine_.tick(below(20) == 0 ? below(2'000'000'000) : below(3'000'000));
    act();
    if (!problem_.empty()) return problem_;
    if (!ledger_.problems.empty()) return ledger_.problems.front();
    if (!machine_.model.engine().quiescent()) return "not quiescent";
    return invariants_.check(world(), open_);
  }

  // All tasks exit, all files are closed, all work is done.
  std::string end() {
    if (anchor_) tasks_.push_back(kAnchor);
    while (!tasks_.empty()) {
      machine_.run(0, tasks_.back());
      leave(0);
    }
    while (!open_.empty()) close(*open_.begin());
    machine_.tick(3'000'000'000);
    const std::string problem = invariants_.check(world(), open_);
    return problem.empty() ? Invariants::check_end(world()) : problem;
  }

 private:
  static constexpr Tid kAnchor = 9999;

  [[nodiscard]] World& world() { return machine_.model.world(); }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Cpu any_cpu() { return static_cast<Cpu>(below(kCpus)); }
  Tid any_task() { return tasks_[below(tasks_.size())]; }
  EventId any_event() {
    auto it = open_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(open_.size())));
    return *it;
  }
  void add_task(Tid tid) {
    machine_.model.task(tid, 0);
    if (tid != kAnchor) tasks_.push_back(tid);
  }

  void act() {
    const Cpu cpu = any_cpu();
    const std::uint64_t what = below(100);
    if (what < 30 || machine_.tid_on(cpu) == 0) return switch_on(cpu);
    if (what < 36) return migrate();
    if (what < 44) return fork(cpu);
    if (what < 47) return machine_.model.sched_process_exec(cpu, machine_.tid_on(cpu), "new");
    if (what < 52) return exit(cpu);
    if (what < 66) return open(cpu);
    if (open_.empty()) return;
    const EventId event = any_event();
    if (what < 82) return control(cpu, event);
    if (what < 93) return read(cpu, event);
    if (event != anchor_) close(event);
  }

  void switch_on(Cpu cpu) {
    const Tid next = one_in(6) ? 0 : any_task();
    const TaskId task = world().find_task(next);
    if (next != 0 && world().tasks[task].on_cpu) return;
    if (one_in(12)) {  // a switch that the log does not show
      machine_.model.make_current(next, cpu);
    } else {
      machine_.run(cpu, next);
    }
  }

  void migrate() {
    const Tid tid = any_task();
    if (world().tasks[world().find_task(tid)].on_cpu && !one_in(10)) return;
    machine_.model.sched_migrate_task(tid, any_cpu(), any_cpu());
  }

  void fork(Cpu cpu) {
    if (tasks_.size() >= kTasks) return;
    // Thread ids are used again, sometimes at once.
    Tid child = one_in(3) ? 1 + static_cast<Tid>(below(last_tid_)) : ++last_tid_;
    if (std::find(tasks_.begin(), tasks_.end(), child) != tasks_.end()) child = ++last_tid_;
    const Tid parent = machine_.tid_on(cpu);
    machine_.model.sched_process_fork(cpu, parent, child, one_in(2) ? parent : child, "child");
    tasks_.push_back(child);
  }

  void exit(Cpu cpu) {
    if (tasks_.size() > 4) leave(cpu);
  }

  void leave(Cpu cpu) {
    const Tid tid = machine_.tid_on(cpu);
    machine_.model.sched_process_exit(cpu, tid);
    tasks_.erase(std::find(tasks_.begin(), tasks_.end(), tid));
    // Its last switch may have been filtered: then somebody else is simply there.
    if (one_in(4)) {
      machine_.model.make_current(0, cpu);
    } else {
      machine_.run(cpu, 0, true);
    }
  }

  perf_event_attr random_attr() {
    static constexpr std::uint64_t kConfigs[] = {
        PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_COUNT_SW_CPU_MIGRATIONS, PERF_COUNT_SW_CPU_CLOCK,
        PERF_COUNT_SW_TASK_CLOCK, PERF_COUNT_SW_DUMMY};
    perf_event_attr a = one_in(3) ? make_attr(PERF_TYPE_RAW, below(4))
                                  : make_attr(PERF_TYPE_SOFTWARE, kConfigs[below(5)]);
    const auto maybe = [&](AttrBit b, std::uint64_t n) {
      if (one_in(n)) a.flags |= bit(b);
    };
    maybe(AttrBit::disabled, 3);
    maybe(AttrBit::inherit, 2);
    maybe(AttrBit::pinned, 6);
    maybe(AttrBit::exclusive, 10);
    if (exchanges_) maybe(AttrBit::inherit_stat, 3);
    maybe(AttrBit::enable_on_exec, 4);
    maybe(AttrBit::inherit_thread, 10);
    maybe(AttrBit::context_switch, 10);
    a.read_format = below(16);
    return a;
  }

  void open(Cpu cpu) {
    if (open_.size() >= kEvents) return;
    const perf_event_attr attr = random_attr();
    const EventId group = !open_.empty() && one_in(2) ? any_event() : EventId{};
    std::int32_t pid = one_in(3) ? 0 : static_cast<std::int32_t>(any_task());
    Cpu on = one_in(5) ? any_cpu() : kNoCpu;
    if (one_in(5)) {
      pid = -1;
      on = any_cpu();
    }
    if (group && !one_in(6)) {  // a target that fits, or hardly any group would come about
      const perf_event& leader = world().events[group];
      const TaskId task = world().contexts[leader.ctx].task;
      pid = task ? static_cast<std::int32_t>(world().tasks[task].tid) : -1;
      on = leader.cpu;
    }
    const EventId event = machine_.open(cpu, machine_.tid_on(cpu), attr, pid, on, group);
    if (event) open_.insert(event);
  }

  void control(Cpu cpu, EventId event) {
    static constexpr std::uint32_t kCommands[] = {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
                                                  PERF_EVENT_IOC_RESET};
    const std::uint32_t cmd = kCommands[below(3)];
    const bool group = one_in(3);
    machine_.ioctl(cpu, machine_.tid_on(cpu), event, cmd, group ? PERF_IOC_FLAG_GROUP : 0);
    if (cmd != PERF_EVENT_IOC_RESET) return;
    const auto forget = [&](EventId x) {
      ledger_.counted[x] = world().events[x].child_count;
      reset_.insert(x);
    };
    if (!group) return forget(event);
    const EventId leader = world().events[event].group_leader;
    forget(leader);
    for (const EventId sibling : world().events[leader].sibling_list) forget(sibling);
  }

  void read(Cpu cpu, EventId event) {
    const Tid tid = machine_.tid_on(cpu);
    const CallResult& result = machine_.model.read(cpu, tid, event, 4096);
    const perf_event& x = world().events[event];
    if (exchanges_ || result.words.empty() || (x.attr.read_format & PERF_FORMAT_GROUP) != 0) return;
    constexpr std::uint64_t kTimes =
        PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    const bool task_clock =
        x.attr.type == PERF_TYPE_SOFTWARE && x.attr.config == PERF_COUNT_SW_TASK_CLOCK;
    if (modern_ && task_clock && (x.attr.read_format & kTimes) == kTimes &&
        !reset_.contains(event) && result.words[0] != result.words[2]) {
      problem_ = "task-clock is not time_running (PRED-30)";
    }
    // Base drops what copies of events without owner have counted (LIFE-83).
    const bool scheduler_event =
        x.attr.type == PERF_TYPE_SOFTWARE && x.attr.config >= PERF_COUNT_SW_CONTEXT_SWITCHES;
    if (!scheduler_event || (!modern_ && !x.owner)) return;
    const std::uint64_t expected = ledger_.counted[event];
    if (result.words[0] != expected) {
      problem_ = "value of event " + std::to_string(event.serial) + ": " +
                 std::to_string(result.words[0]) + ", counted " + std::to_string(expected);
    }
  }

  void close(EventId event) {
    machine_.tick();
    machine_.model.release(0, machine_.tid_on(0), event);
    open_.erase(event);
  }

  Machine machine_;
  Ledger ledger_;
  Invariants invariants_;
  bool modern_;
  // Events with inherit_stat: exchanges of values pair events by list position (LIFE-50), which
  // ends what can be said about single values.
  bool exchanges_;
  std::mt19937_64 random_;  // tidy:allow(a seeded generator in a test)
  std::vector<Tid> tasks_;
  Tid last_tid_ = 100;
  std::set<EventId> open_;
  std::set<EventId> reset_;
  EventId anchor_;
  std::string problem_;
};

// Empty, or the first problem with the seed and step that show it.
std::string drive(const VersionInfo& version, std::uint64_t seed, int steps) {
  Driver driver(version, seed);
  for (int i = 0; i < steps; ++i) {
    const std::string problem = driver.step();
    if (problem.empty()) continue;
    return std::string{version.name} + ", seed " + std::to_string(seed) + ", step " +
           std::to_string(i) + ": " + problem;
  }
  const std::string problem = driver.end();
  if (problem.empty()) return {};
  return std::string{version.name} + ", seed " + std::to_string(seed) + ", at the end: " + problem;
}

// 200000 steps a version; the sanitizers make a step forty times as expensive.
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeeds = 2;
#else
constexpr std::uint64_t kSeeds = 20;
#endif

TEST(Random, InvariantsHoldInEveryVersion) {
  for (const VersionInfo& version : series()) {
    if (version.make == nullptr) continue;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      EXPECT_EQ(drive(version, seed, 10'000), "");
    }
  }
}

TEST(Random, InvariantsHoldInEveryPart) {
  for (const VersionInfo& version : variants()) EXPECT_EQ(drive(version, 1, 5'000), "");
}

// ---- the checks must be able to fail: versions with one update forgotten

class ForgetsNrActive : public TaskCtxSched {
 public:
  using TaskCtxSched::TaskCtxSched;

 protected:
  void event_sched_out(EventId event, CtxId ctx, Cpu cpu) override {
    const bool pinned = ev(event).attr.pinned();
    const std::int32_t before = cx(ctx).nr_active;
    TaskCtxSched::event_sched_out(event, ctx, cpu);
    if (pinned) cx(ctx).nr_active = before;
  }
};

class ForgetsTaskCtx : public TaskCtxSched {
 public:
  using TaskCtxSched::TaskCtxSched;

 protected:
  void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type) override {
    const CtxId before = cpuctx_of(ctx, cpu).task_ctx;
    TaskCtxSched::ctx_sched_out(ctx, cpu, type);
    if (cx(ctx).task && !cx(ctx).pinned_groups.empty()) cpuctx_of(ctx, cpu).task_ctx = before;
  }
};

class ForgetsReference : public TaskCtxSched {
 public:
  using TaskCtxSched::TaskCtxSched;
  Path<> perf_event_exec(TaskId task) override {
    const CtxId ctx = tk(task).perf_event_ctxp[perf_sw_context];
    if (ctx) get_ctx(ctx);
    co_await TaskCtxSched::perf_event_exec(task);
  }
};

class ForgetsEnabled : public Linux618 {
 public:
  using Linux618::Linux618;

 protected:
  void update_event_times(EventId event) override {
    const Ns before = ev(event).total_time_enabled;
    Linux618::update_event_times(event);
    if (ev(event).state == PERF_EVENT_STATE_ACTIVE) ev(event).total_time_enabled = before;
  }
};

class ForgetsCount : public Linux618 {
 public:
  using Linux618::Linux618;

 protected:
  Path<> __perf_event_exit_task(EventId event, CtxId ctx) override {
    if (ev(event).parent) ev(event).count = 0;
    co_await Linux618::__perf_event_exit_task(event, ctx);
  }
};

template <class Version>
VersionInfo planted(int number, std::string_view name) {
  return {number,
          name,
          "",
          "",
          [](World& world, Engine& engine) -> std::unique_ptr<Base> {
            return std::make_unique<Version>(world, engine);
          },
          ""};
}

TEST(Random, FindsPlantedBugs) {
  for (const VersionInfo& version :
       {planted<ForgetsNrActive>(1, "nr_active"), planted<ForgetsTaskCtx>(1, "task_ctx"),
        planted<ForgetsReference>(1, "reference"), planted<ForgetsEnabled>(15, "enabled"),
        planted<ForgetsCount>(15, "count")}) {
    EXPECT_NE(drive(version, 1, 10'000), "") << version.name;
  }
}

}  // namespace
}  // namespace reperf::core
