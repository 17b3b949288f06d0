// Events of cgroups: when they are on, and whose time they have. Numbers of whole scenarios stand
// in lit-tests/scheduling/cgroup-*.
#include <gtest/gtest.h>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

class CgroupTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  CgroupTest() {
    m.model.add_observer(&facts);
    g = world().add_cgroup(2, kRootCgroup, "G");
    h = world().add_cgroup(3, g, "H");
    m.run(1, 0);
    for (const Tid tid : {10U, 11U}) {
      m.model.task(tid, 1);
      move(tid, g);
    }
  }
  World& world() { return m.model.world(); }
  void move(Tid tid, CgroupIndex cgroup) { m.model.cgroup_attach_task(0, 0, tid, cgroup); }
  CallResult& open_call(std::uint64_t cgroup_id, std::uint64_t flags = 0, EventId group = {}) {
    m.tick();
    OpenArgs args = open_args(make_attr(PERF_TYPE_RAW, 1, flags, kTimes), 7, 1, group);
    args.flags = PERF_FLAG_PID_CGROUP;
    args.cgroup = cgroup_id;
    return m.model.perf_event_open(0, 0, args, false);
  }
  EventId open(std::uint64_t cgroup_id, std::uint64_t flags = 0) {
    return open_call(cgroup_id, flags).event;
  }
  [[nodiscard]] const perf_cpu_context& hw() { return world().cpuctx(1, perf_hw_context); }

  Machine m{GetParam()};
  FactCounter facts;
  CgroupIndex g = kNoCgroup;
  CgroupIndex h = kNoCgroup;
};

INSTANTIATE_TEST_SUITE_P(Versions, CgroupTest, ::testing::Values("base", "task-ctx-sched"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(CgroupTest, NothingIsKeptWithoutCgroupEvents) {
  m.open(0, 0, switches(), 10);
  m.run(1, 10);
  m.run(1, 0);
  EXPECT_EQ(hw().cgrp, kNoCgroup);
  EXPECT_EQ(facts.of(FactKind::cgroup_switch), 0U);
  EXPECT_EQ(world().cgroups[1].info[1].timestamp, 0U);
}

TEST_P(CgroupTest, CountsKeepTheHooksOn) {
  const EventId event = open(2);
  EXPECT_TRUE(world().sched_hooks_live) << "a cgroup event is a counted one (SCH-58)";
  EXPECT_EQ(world().cpu(1).perf_cgroup_events, 1);
  EXPECT_EQ(m.ctx_of(event).nr_cgroups, 1);
  m.run(1, 10);
  EXPECT_EQ(hw().cgrp, g);
  m.model.release(0, 0, event);
  EXPECT_EQ(hw().cgrp, kNoCgroup) << "with the last cgroup event (SCH-23)";
  EXPECT_EQ(world().cpu(1).perf_cgroup_events, 0);
  m.tick(2'000'000'000);
  EXPECT_FALSE(world().sched_hooks_live);
}

TEST_P(CgroupTest, OnWhileItsCgroupOrOneInsideRuns) {
  const EventId outer = open(2);
  const EventId inner = open(3);
  const auto on = [&](EventId event) { return m.event(event).state == PERF_EVENT_STATE_ACTIVE; };
  m.run(1, 10);
  EXPECT_TRUE(on(outer));
  EXPECT_FALSE(on(inner));
  move(10, h);
  EXPECT_TRUE(on(outer));
  EXPECT_TRUE(on(inner));
  move(10, kRootCgroup);
  EXPECT_FALSE(on(outer));
  EXPECT_FALSE(on(inner));
  EXPECT_EQ(facts.texts, std::vector<std::string>{});
}

TEST_P(CgroupTest, AForkedTaskIsInItsParentsCgroup) {
  const EventId event = open(2);
  m.run(1, 10);
  m.model.sched_process_fork(1, 10, 20, 20, "child");
  EXPECT_EQ(world().tasks[world().find_task(20)].cgroup, g);
  const std::uint64_t before = facts.of(FactKind::cgroup_switch);
  m.run(1, 20);
  EXPECT_EQ(facts.of(FactKind::cgroup_switch), before) << "compared, not just looked at";
  EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_ACTIVE);
}

TEST_P(CgroupTest, MembersNeedTheLeadersCgroup) {
  const EventId leader = open(2);
  m.model.bind_event(1, leader);
  EXPECT_EQ(open_call(3, 0, leader).ret, -EINVAL);
  EXPECT_EQ(open_call(2, 0, leader).ret, 0);
  const EventId plain = m.open(0, 0, make_attr(PERF_TYPE_RAW, 1), -1, 1);
  EXPECT_EQ(open_call(2, 0, plain).ret, -EINVAL);
  EXPECT_TRUE(m.open(0, 0, make_attr(PERF_TYPE_RAW, 1), -1, 1, leader))
      << "a plain event may join a cgroup's (ABI-82)";
}

TEST_P(CgroupTest, EnablingTheGroupWhileItsCgroupIsAwayIsPutOff) {
  m.run(1, 10);
  const EventId leader = open(2, bit(AttrBit::disabled));
  m.model.bind_event(1, leader);
  const EventId sibling = open_call(2, 0, leader).event;
  m.run(1, 0);
  m.run(1, 10);
  m.run(1, 0);
  m.ioctl(0, 0, leader, PERF_EVENT_IOC_ENABLE);
  EXPECT_TRUE(m.event(leader).cgrp_defer_enabled);
  m.run(1, 10);
  EXPECT_FALSE(m.event(leader).cgrp_defer_enabled);
  EXPECT_EQ(m.event(leader).tstamp_enabled, world().cgroups[2 - 1].info[1].time);
  EXPECT_EQ(m.event(sibling).tstamp_enabled, m.event(leader).tstamp_enabled);
  EXPECT_EQ(m.event(sibling).state, PERF_EVENT_STATE_ACTIVE);
}

TEST_P(CgroupTest, EverythingIsPartOfTheState) {
  const auto differs = [&](auto&& change) {
    World other = world();
    change(other);
    return digest(other) != digest(world());
  };
  const EventId event = open(2);
  EXPECT_TRUE(differs([](World& w) { w.cgroups[1].info[1].time += 1; }));
  EXPECT_TRUE(differs([](World& w) { w.add_cgroup(9, kRootCgroup, ""); }));
  EXPECT_TRUE(differs([](World& w) { w.cpuctx(1, perf_hw_context).cgrp = kRootCgroup; }));
  EXPECT_TRUE(differs([](World& w) { w.tasks[w.find_task(10)].cgroup = kRootCgroup; }));
  EXPECT_TRUE(differs([](World& w) { w.cpu(1).perf_cgroup_events = 0; }));
  EXPECT_TRUE(differs([&](World& w) { w.events[event].cgrp_defer_enabled = true; }));
  EXPECT_TRUE(differs([&](World& w) { w.contexts[w.events[event].ctx].nr_cgroups = 0; }));
}

}  // namespace
}  // namespace reperf::core
