// Multiplexing: who is on for how long, and when the timer runs.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
constexpr Ns kMs = 1'000'000;

class RotateTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  static MachineConfig multiplexed(std::int32_t counters, std::uint32_t mux_interval_ms) {
    MachineConfig config = machine(2, counters);
    config.pmus.back().mux_interval_ms = mux_interval_ms;
    return config;
  }
  static perf_event_attr cycles(std::uint64_t flags = 0) {
    return make_attr(PERF_TYPE_RAW, 1, flags, kTimes);
  }
  [[nodiscard]] const perf_cpu_context& hw(Cpu cpu) {
    return m.model.world().cpuctx(cpu, perf_hw_context);
  }
  Machine m{version(GetParam()), multiplexed(4, 100)};
};

INSTANTIATE_TEST_SUITE_P(Versions, RotateTest,
                         ::testing::Values("base", "task-ctx-sched", "linux-6.18"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// Ten seconds and a bit, so that the last period is a broken one.
TEST_P(RotateTest, TenEventsOnFourCounters) {
  m.run(0, 10);
  std::vector<EventId> events;
  for (int i = 0; i < 10; ++i) events.push_back(m.open(0, 10, cycles(), -1, 1));
  const Ns all_there = m.model.world().now;
  m.tick(10'000 * kMs + 33 * kMs);
  const Ns last = m.model.world().now;
  Ns running = 0;
  for (const EventId event : events) {
    const auto words = m.words(0, 10, event);
    const Ns enabled = words[1];
    running += words[2];
    EXPECT_LE(
        words[2] > enabled * 4 / 10 ? words[2] - enabled * 4 / 10 : enabled * 4 / 10 - words[2],
        100 * kMs);
    EXPECT_EQ(words[0], words[2] / 1000) << "one count a microsecond, none lost at a rotation";
  }
  // Reading takes time, too, and only the four that are on run on meanwhile.
  EXPECT_GE(running, 4 * (last - all_there));
  EXPECT_LE(running, 4 * (m.model.world().now - all_there) + 10 * 1000);
}

TEST_P(RotateTest, ATasksGroupsRotateWithTheCpus) {
  m.run(1, 10);
  const EventId of_cpu = m.open(0, 0, cycles(), -1, 1);
  std::vector<EventId> of_task;
  for (int i = 0; i < 5; ++i) of_task.push_back(m.open(0, 0, cycles(), 10));
  EXPECT_EQ(m.event(of_cpu).state, PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.event(of_task[4]).state, PERF_EVENT_STATE_INACTIVE);
  m.tick(100 * kMs);
  EXPECT_EQ(m.event(of_cpu).state, PERF_EVENT_STATE_ACTIVE) << "alone on its list";
  EXPECT_EQ(m.event(of_task[0]).state, PERF_EVENT_STATE_INACTIVE);
  EXPECT_EQ(m.event(of_task[3]).state, PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.ctx_of(of_task[0]).flexible_groups.front(), of_task[1]);
}

TEST_P(RotateTest, PinnedGroupsStay) {
  const EventId pinned = m.open(0, 0, cycles(bit(AttrBit::pinned)), -1, 1);
  for (int i = 0; i < 4; ++i) m.open(0, 0, cycles(), -1, 1);
  m.tick(1000 * kMs);
  const auto words = m.words(0, 0, pinned);
  EXPECT_EQ(words[1], words[2]);
}

TEST_P(RotateTest, TheTimerRunsOnlyWhileSomebodyWaits) {
  std::vector<EventId> events;
  for (int i = 0; i < 4; ++i) events.push_back(m.open(0, 0, cycles(), -1, 1));
  EXPECT_FALSE(hw(1).hrtimer_active);
  events.push_back(m.open(0, 0, cycles(), -1, 1));
  EXPECT_TRUE(hw(1).hrtimer_active);
  EXPECT_FALSE(hw(0).hrtimer_active) << "each CPU has its own";
  ASSERT_EQ(m.model.world().work.size(), 1U);
  EXPECT_EQ(m.model.world().work[0].when, 100 * kMs) << "multiples of the period";
  m.tick(550 * kMs);
  EXPECT_TRUE(hw(1).hrtimer_active);
  m.model.release(0, 0, events.front());
  m.tick(200 * kMs);  // the first turn puts the last one on, the second finds nobody
  EXPECT_FALSE(hw(1).hrtimer_active);
  EXPECT_TRUE(m.model.world().work.empty());
}

TEST_P(RotateTest, SoftwareClassesHaveNoTimer) {
  for (int i = 0; i < 20; ++i) m.open(0, 0, switches(), -1, 1);
  EXPECT_EQ(m.model.world().cpuctx(1, perf_sw_context).hrtimer_interval, 0U);
  EXPECT_TRUE(m.model.world().work.empty());
}

TEST(Rotate, ThePeriodIsOneTickUnlessThePmuSaysOtherwise) {
  const auto period = [](std::uint32_t hz, std::uint32_t ms) {
    MachineConfig config = machine(1);
    config.hz = hz;
    config.pmus.back().mux_interval_ms = ms;
    return make_world(config).cpus[0].cpuctx[perf_hw_context].hrtimer_interval;
  };
  EXPECT_EQ(period(250, 0), 4 * kMs);
  EXPECT_EQ(period(300, 0), 3 * kMs);
  EXPECT_EQ(period(1200, 0), 1 * kMs) << "at least a millisecond";
  EXPECT_EQ(period(250, 7), 7 * kMs);
}

TEST(Rotate, TheTimerIsPartOfTheState) {
  World a = make_world(machine(1));
  World b = a;
  b.cpuctx(0, perf_hw_context).hrtimer_active = true;
  EXPECT_NE(digest(a), digest(b));
}

// Holds the fork between two copies, and everything else never.
class HoldFork : public Chooser {
 public:
  bool hold(const Run& run, std::string_view point) override {
    return armed && run.context == RunContext::process && point == "inherit:before-orphan-check";
  }
  bool armed = false;
};

// SCH-70: a fork walks the flexible groups without the lock; nobody may move them meanwhile.
TEST(Rotate, NotWhileAForkWalksTheGroups) {
  HoldFork chooser;
  MachineConfig config = machine(2, 1);
  config.hz = 1000;
  Machine m{version("base"), config, chooser};
  m.run(1, 10);
  const std::uint64_t inherit = bit(AttrBit::inherit);
  const EventId first = m.open(0, 0, make_attr(PERF_TYPE_RAW, 1, inherit, kTimes), 10);
  m.open(0, 0, make_attr(PERF_TYPE_RAW, 2, inherit, kTimes), 10);
  const auto front = [&] { return m.ctx_of(first).flexible_groups.front(); };
  chooser.armed = true;
  m.model.sched_process_fork(1, 10, 20, 20, "child");
  ASSERT_TRUE(m.ctx_of(first).rotate_disable);
  m.tick(5 * kMs);
  EXPECT_EQ(front(), first);
  chooser.armed = false;
  ASSERT_TRUE(m.model.resume(10, 1));
  EXPECT_FALSE(m.ctx_of(first).rotate_disable);
  m.tick(kMs);
  EXPECT_NE(front(), first);
}

}  // namespace
}  // namespace reperf::core
