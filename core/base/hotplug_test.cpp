// CPUs that go and come back, and kernel counters, which do not keep them from it.
#include <gtest/gtest.h>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

// Holds the process paths that pass one point.
class HoldAt : public Chooser {
 public:
  bool hold(const Run& run, std::string_view at) override {
    return run.context == RunContext::process && at == point;
  }
  std::string_view point;
};

class HotplugTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  HotplugTest() {
    m.run(0, 10);
    m.run(2, 11);
  }
  World& world() { return m.model.world(); }
  static perf_event_attr cycles() { return make_attr(PERF_TYPE_RAW, 1); }
  std::int64_t error_of_open() {
    m.tick();
    return m.model.perf_event_open(0, 10, open_args(cycles(), -1, 1), false).ret;
  }
  CallResult& kernel_counter() {
    m.tick();
    return m.model.kernel_counter(0, 10, open_args(cycles(), -1, 1));
  }
  bool online() { return world().cpu(1).online; }

  HoldAt chooser;
  Machine m{version(GetParam()), machine(), chooser};
};

INSTANTIATE_TEST_SUITE_P(Versions, HotplugTest, ::testing::Values("base", "task-ctx-sched"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(HotplugTest, GoingDownTakesTheEventsOff) {
  const EventId leader = m.open(0, 10, cycles(), -1, 1);
  const EventId sibling = m.open(0, 10, cycles(), -1, 1, leader);
  const EventId software = m.open(0, 10, switches(), -1, 1);
  const CtxId ctx = m.event(leader).ctx;
  m.model.cpu_down(2, 11, 1);
  EXPECT_FALSE(online());
  EXPECT_EQ(world().contexts[ctx].nr_events, 0);
  for (const EventId event : {leader, sibling, software}) {
    EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_OFF);
    EXPECT_EQ(m.event(event).attach_state & PERF_ATTACH_CONTEXT, 0);
  }
  EXPECT_TRUE(m.event(leader).sibling_list.empty()) << "each out of its group";
  EXPECT_EQ(world().contexts[ctx].is_active, GetParam() == "base" ? EVENT_ALL : 0) << "SCH-103";
  m.model.cpu_up(2, 11, 1);
  EXPECT_TRUE(online());
  EXPECT_EQ(world().contexts[ctx].nr_events, 0) << "nobody brings them back";
  EXPECT_EQ(error_of_open(), 0);
}

TEST_P(HotplugTest, AnOfflineCpuHasNoNewEvents) {
  m.model.cpu_down(2, 11, 1);
  EXPECT_EQ(error_of_open(), -ENODEV);
  EXPECT_EQ(kernel_counter().ret, -ENODEV);
  EXPECT_EQ(world().events.live(), 0U);
}

TEST_P(HotplugTest, AnOpenKeepsTheCpusAsTheyAre) {
  chooser.point = "open:before-mutex";
  EXPECT_FALSE(m.model.perf_event_open(0, 10, open_args(cycles(), -1, 1), false).done);
  m.model.cpu_down(2, 11, 1);
  EXPECT_TRUE(online()) << "waits for the open";
  chooser.point = "";
  ASSERT_TRUE(m.model.resume(10, 0));
  EXPECT_FALSE(online());
  EXPECT_TRUE(m.model.engine().quiescent());
  EXPECT_EQ(world().cpu_hotplug.refcount, 0);
}

TEST_P(HotplugTest, AnOpenWaitsForACpuThatIsOnItsWay) {
  chooser.point = "cpu_down:before-offline";
  m.model.cpu_down(2, 11, 1);
  chooser.point = "";
  const CallResult& result = m.model.perf_event_open(0, 10, open_args(cycles(), -1, 1), false);
  EXPECT_FALSE(result.done);
  ASSERT_TRUE(m.model.resume(11, 2));
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.ret, -ENODEV);
}

TEST_P(HotplugTest, AKernelCounterHasNoOwnerAndNoFile) {
  const EventId event = kernel_counter().event;
  ASSERT_TRUE(event);
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_ACTIVE);
  EXPECT_FALSE(m.event(event).owner);
  EXPECT_TRUE(world().tasks[world().find_task(10)].perf_event_list.empty());
  m.model.release(0, 10, event);
  EXPECT_EQ(world().events.live(), 0U);
}

TEST_P(HotplugTest, AKernelCounterWithoutOwnerIsNoOrphan) {
  m.tick();
  const perf_event_attr attr = make_attr(PERF_TYPE_RAW, 1, bit(AttrBit::inherit));
  const EventId event = m.model.kernel_counter(0, 10, open_args(attr, 0, -1)).event;
  ASSERT_TRUE(event);
  m.model.sched_process_fork(0, 10, 20, 20, "child");
  EXPECT_EQ(m.event(event).child_list.size(), 1U);
}

TEST_P(HotplugTest, AKernelCounterNeedsAPmuATaskOrACpu) {
  const auto error = [&](const perf_event_attr& attr, std::int32_t pid, Cpu cpu) {
    m.tick();
    return m.model.kernel_counter(0, 10, open_args(attr, pid, cpu)).ret;
  };
  EXPECT_EQ(error(make_attr(99, 0), -1, 1), -ENOENT);
  EXPECT_EQ(error(cycles(), 4711, -1), -ESRCH);
  EXPECT_EQ(error(cycles(), -1, 99), -EINVAL);
}

// S003-7
TEST_P(HotplugTest, ACpuGoesBetweenContextAndInstallOfAKernelCounter) {
  chooser.point = "open:before-mutex";
  const CallResult& result = kernel_counter();
  m.model.cpu_down(2, 11, 1);
  EXPECT_FALSE(online()) << "no hotplug lock keeps it";
  chooser.point = "";
  ASSERT_TRUE(m.model.resume(10, 0));
  const EventId event = result.event;
  ASSERT_TRUE(event);
  const bool linked = (m.event(event).attach_state & PERF_ATTACH_CONTEXT) != 0;
  EXPECT_EQ(linked, GetParam() != "base");
  m.model.cpu_up(2, 11, 1);
  m.open(0, 10, cycles(), -1, 1);
  EXPECT_EQ(m.event(event).state == PERF_EVENT_STATE_ACTIVE, linked);
}

TEST_P(HotplugTest, TheMultiplexingTimerOfACpuThatIsGoneStops) {
  for (int i = 0; i < 3; ++i) m.open(0, 10, cycles(), -1, 1);
  ASSERT_TRUE(world().cpuctx(1, perf_hw_context).hrtimer_active);
  m.model.cpu_down(2, 11, 1);
  m.tick(5'000'000);
  EXPECT_FALSE(world().cpuctx(1, perf_hw_context).hrtimer_active);
  EXPECT_TRUE(world().work.empty());
}

}  // namespace
}  // namespace reperf::core
