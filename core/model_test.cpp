// The model's stimuli: what a log tells, complete or not, and what the world is like afterwards.
#include "core/model.h"

#include <gtest/gtest.h>

#include "core/test_invariants.h"
#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

class ModelTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  ModelTest() { m.model.add_observer(&facts); }
  World& world() { return m.model.world(); }
  Machine m{GetParam()};
  FactCounter facts;
};

INSTANTIATE_TEST_SUITE_P(Versions, ModelTest,
                         ::testing::Values("base", "task-ctx-sched", "linux-6.18"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(ModelTest, CountsSwitchesOfATask) {
  m.run(0, 10);
  const EventId event = m.open(0, 10, switches(), 0);
  for (int i = 0; i < 5; ++i) {
    m.run(0, 11);
    m.run(0, 10);
  }
  EXPECT_EQ(m.read(0, 10, event), 5U);
}

TEST_P(ModelTest, CountsMigrationsWhenTheTaskRunsNext) {
  m.run(0, 10);
  const EventId event =
      m.open(0, 10, make_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS), 0);
  m.run(0, 0);
  m.model.sched_migrate_task(10, 0, 2);
  m.run(1, 11);
  EXPECT_EQ(m.read(1, 11, event), 0U) << "marked, not counted (ABI-149)";
  m.run(2, 10);
  EXPECT_EQ(m.read(2, 10, event), 1U);
}

TEST_P(ModelTest, TimesStandStillWhileTheTaskSleeps) {
  m.run(0, 10);
  const EventId event = m.open(0, 10, switches(0, kTimes), 0);
  m.tick(10'000);
  m.run(0, 0);
  const auto before = m.words(1, 0, event);
  m.tick(1'000'000);
  EXPECT_EQ(m.words(1, 0, event), before);
  EXPECT_EQ(before[1], before[2]);
  EXPECT_EQ(before[1], 11'000U);
}

// A switch that the log has not shown: the model follows, and says so where it matters.
TEST_P(ModelTest, AChainThatBreaksIsAGapWhereEventsAreConcerned) {
  m.run(0, 10);
  m.model.make_current(11, 0);
  EXPECT_EQ(facts.of(FactKind::gap), 0U) << "nobody counts";
  m.model.make_current(10, 0);
  const EventId event = m.open(0, 10, switches(), 0);
  m.model.make_current(11, 0);
  EXPECT_EQ(facts.of(FactKind::gap), 1U);
  EXPECT_EQ(m.tid_on(0), 11U);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_INACTIVE);
  m.run(3, 10);
  EXPECT_EQ(m.event(event).oncpu, 3);
  EXPECT_EQ(m.read(3, 10, event), 0U) << "what was not seen is not counted";
}

TEST_P(ModelTest, ATaskSeenElsewhereHasLeftItsCpu) {
  m.run(0, 10);
  m.run(1, 10);
  EXPECT_EQ(m.tid_on(0), 0U);
  EXPECT_EQ(m.tid_on(1), 10U);
  m.model.sched_migrate_task(10, 1, 2);
  EXPECT_EQ(m.tid_on(1), 0U) << "a running task cannot move";
  EXPECT_EQ(world().tasks[world().find_task(10)].cpu, 2);
}

TEST_P(ModelTest, AThreadIdIsUsedAgain) {
  m.run(0, 10);
  m.model.sched_process_fork(0, 10, 20, 20, "first");
  const TaskId first = world().find_task(20);
  m.run(1, 20);
  const EventId event = m.open(0, 10, switches(), 20);
  m.model.sched_process_exit(1, 20);
  m.run(1, 0, true);
  EXPECT_FALSE(world().find_task(20));
  EXPECT_TRUE(world().known_dead(20));
  m.model.sched_process_fork(0, 10, 20, 20, "second");
  const TaskId second = world().find_task(20);
  EXPECT_NE(first, second);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_EXIT);
  EXPECT_EQ(world().tasks[second].name(), "second");
}

TEST_P(ModelTest, AThreadIdIsUsedAgainThoughItsExitWasLost) {
  m.run(0, 10);
  m.model.sched_process_fork(0, 10, 20, 20, "first");
  m.run(1, 20);
  const EventId event = m.open(0, 10, switches(), 20);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_ACTIVE);
  m.model.sched_process_fork(0, 10, 20, 20, "second");
  EXPECT_GE(facts.of(FactKind::gap), 1U);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_EXIT);
  EXPECT_EQ(m.tid_on(0), 10U);
  EXPECT_EQ(world().tasks[world().find_task(20)].name(), "second");
}

TEST_P(ModelTest, CopiesAreFoldedWhenTheirTaskExits) {
  m.run(0, 10);
  const EventId event = m.open(0, 10, switches(bit(AttrBit::inherit)), 0);
  m.model.sched_process_fork(0, 10, 20, 20, "child");
  ASSERT_EQ(m.event(event).child_list.size(), 1U);
  m.run(1, 20);
  for (int i = 0; i < 3; ++i) {
    m.run(1, 0);
    m.run(1, 20);
  }
  EXPECT_EQ(m.read(0, 10, event), 3U);
  m.model.sched_process_exit(1, 20);
  EXPECT_TRUE(m.event(event).child_list.empty());
  EXPECT_EQ(m.event(event).child_count, 3U);
  EXPECT_EQ(m.read(0, 10, event), 3U);
}

TEST_P(ModelTest, ExecEnablesOnce) {
  m.run(0, 10);
  const std::uint64_t flags = bit(AttrBit::disabled) | bit(AttrBit::enable_on_exec);
  const EventId event = m.open(0, 10, switches(flags), 0);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_OFF);
  m.model.sched_process_exec(0, 10, "new");
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_ACTIVE);
  m.ioctl(0, 10, event, PERF_EVENT_IOC_DISABLE);
  m.model.sched_process_exec(0, 10, "newer");
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_OFF);
  EXPECT_FALSE(m.model.engine().irqs_off(0));
}

TEST_P(ModelTest, EventsOfASnapshotGoOn) {
  m.model.make_current(10, 0);
  AdoptedEvent a;
  a.attr = switches(0, kTimes);
  a.task = m.model.task(10, 0);
  a.state = PERF_EVENT_STATE_ACTIVE;
  a.id = 7;
  a.count = 100;
  a.time_enabled = 5000;
  a.time_running = 4000;
  const EventId event = m.model.adopt_shell();
  m.model.adopt(event, a, 7);
  m.model.start_contexts();
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.model.find_event(7), event);
  m.tick(1000);
  const auto words = m.words(0, 10, event);  // moves the clock on by 1000
  EXPECT_EQ(words, (std::vector<std::uint64_t>{100, 7000, 6000}));
}

TEST_P(ModelTest, CpuEventsOfASnapshotGoOnWithoutAnyTaskEvent) {
  AdoptedEvent a;
  a.attr = switches();
  a.cpu = 2;
  a.state = PERF_EVENT_STATE_ACTIVE;
  const EventId event = m.model.adopt_shell();
  m.model.adopt(event, a, 1);
  m.model.start_contexts();
  EXPECT_EQ(m.event(event).oncpu, 2);
  m.run(2, 10);
  EXPECT_EQ(m.read(0, 0, event), 1U);
}

TEST_P(ModelTest, ASnapshotMayNameCpusThatDoNotExist) {
  AdoptedEvent a;
  a.attr = switches();
  a.task = m.model.task(10, 0);
  a.cpu = 5000;
  const EventId event = m.model.adopt_shell();
  m.model.adopt(event, a, 1);
  m.model.start_contexts();
  m.run(0, 10);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_INACTIVE);
  const CallResult& forced = m.model.perf_event_open(0, 10, open_args(switches(), -1, 5000), true);
  EXPECT_TRUE(forced.done);
  EXPECT_FALSE(forced.event);
}

TEST_P(ModelTest, HooksGoOffASecondAfterTheLastEvent) {
  constexpr Ns kSecond = 1'000'000'000;
  m.run(0, 10);
  const auto open_and_close = [&] { m.model.release(0, 10, m.open(0, 10, switches(), 0)); };
  open_and_close();
  EXPECT_TRUE(world().sched_hooks_live);
  m.tick(kSecond / 2);
  open_and_close();
  open_and_close();
  EXPECT_EQ(world().perf_sched_events, 1) << "the deferred one stands for all (SCH-60)";
  m.tick(kSecond / 2 - 10'000);
  EXPECT_TRUE(world().sched_hooks_live);
  m.tick(20'000);
  EXPECT_FALSE(world().sched_hooks_live);
  EXPECT_EQ(world().perf_sched_events, 0);
  const EventId event = m.open(0, 10, switches(), 0);
  m.tick(2 * kSecond);
  EXPECT_TRUE(world().sched_hooks_live) << "an event keeps them on";
  m.model.release(0, 10, event);
  m.tick(2 * kSecond);
  EXPECT_FALSE(world().sched_hooks_live);
}

// Puts work of one name off.
struct Deferring : Chooser {
  bool defer(std::string_view work) override { return work == name; }
  std::string_view name;
};

TEST(Model, DeferredWorkRunsWhenItIsTold) {
  Deferring chooser;
  chooser.name = "key-off";
  Machine m{version("base"), machine(), chooser};
  m.run(0, 10);
  const EventId event = m.open(0, 10, switches(), 0);
  EXPECT_EQ(m.model.find_work("key-off"), nullptr);
  m.model.release(0, 10, event);
  ASSERT_NE(m.model.find_work("key-off"), nullptr);
  const Ns due = m.model.find_work("key-off")->when;
  m.model.advance(due + 5'000'000'000);
  EXPECT_TRUE(m.model.world().sched_hooks_live);
  EXPECT_EQ(m.model.world().now, due + 5'000'000'000);
  m.model.run_work("key-off");
  EXPECT_FALSE(m.model.world().sched_hooks_live);
  EXPECT_EQ(m.model.find_work("key-off"), nullptr);
}

TEST(Model, WorkOfAnotherNameIsNotPutOff) {
  Deferring chooser;
  chooser.name = "orphans-remove";
  Machine m{version("base"), machine(), chooser};
  m.run(0, 10);
  m.model.release(0, 10, m.open(0, 10, switches(), 0));
  m.tick(2'000'000'000);
  EXPECT_FALSE(m.model.world().sched_hooks_live);
}

TEST_P(ModelTest, ThousandsOfExitsNeedBoundedMemory) {
  m.run(0, 10);
  const EventId event = m.open(0, 10, switches(bit(AttrBit::inherit)), 0);
  for (Tid tid = 100; tid < 5100; ++tid) {
    m.model.sched_process_fork(0, 10, tid, tid, "child");
    m.run(1, tid);
    m.model.sched_process_exit(1, tid);
    // Every other last switch is not in the log.
    if (tid % 2 == 0) {
      m.run(1, 0, true);
    } else {
      m.model.make_current(0, 1);
    }
  }
  EXPECT_LT(world().tasks.live(), 1200U);
  EXPECT_EQ(world().events.live(), 1U);
  EXPECT_LT(world().contexts.live(), 20U);
  EXPECT_EQ(m.read(0, 10, event), m.event(event).child_count);
}

TEST_P(ModelTest, ARefusedOpenLeavesNothing) {
  m.run(0, 10);
  const std::uint64_t before = digest(world());
  const CallResult& result = m.model.perf_event_open(0, 10, open_args(switches(), -1, -1), false);
  EXPECT_EQ(result.ret, -EINVAL);
  EXPECT_EQ(digest(world()), before);
  m.model.sched_process_exit(0, 10);
  const std::int32_t events = world().perf_swevent_enabled[PERF_COUNT_SW_CONTEXT_SWITCHES];
  m.model.make_current(11, 1);
  const CallResult& late = m.model.perf_event_open(1, 11, open_args(switches(), 10, -1), true);
  EXPECT_EQ(late.ret, -ESRCH) << "find_get_context() refuses, after the event was made";
  EXPECT_EQ(world().events.live(), 0U);
  EXPECT_EQ(world().perf_swevent_enabled[PERF_COUNT_SW_CONTEXT_SWITCHES], events);
  m.tick(2'000'000'000);
  EXPECT_EQ(world().perf_sched_events, 0);
}

}  // namespace
}  // namespace reperf::core
