// A software group that becomes a hardware group (SCH-7).
#include <gtest/gtest.h>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

class MoveGroupTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  MoveGroupTest() { m.run(1, 10); }
  World& world() { return m.model.world(); }
  EventId software(EventId group = {}, std::uint64_t flags = 0) {
    return m.open(0, 0, switches(flags), 10, kNoCpu, group);
  }
  EventId hardware(EventId group = {}) {
    return m.open(0, 0, make_attr(PERF_TYPE_RAW, 1), 10, kNoCpu, group);
  }
  [[nodiscard]] bool on(EventId event) const {
    return m.event(event).state == PERF_EVENT_STATE_ACTIVE;
  }
  [[nodiscard]] perf_event_task_context place(EventId event) const { return m.ctx_of(event).nr; }

  Machine m{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Versions, MoveGroupTest,
                         ::testing::Values("base", "task-ctx-sched", "linux-6.18"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST_P(MoveGroupTest, TheWholeGroupMoves) {
  const EventId other = software();
  const EventId leader = software();
  const EventId sibling = software(leader);
  const CtxId from = m.event(leader).ctx;
  EXPECT_TRUE(m.event(leader).group_software);
  const std::int32_t references = world().contexts[from].refcount;
  const EventId joined = hardware(leader);
  ASSERT_TRUE(joined);
  for (const EventId event : {leader, sibling, joined}) {
    EXPECT_EQ(place(event), perf_hw_context);
    EXPECT_TRUE(on(event));
    EXPECT_EQ(m.event(event).group_leader, leader);
  }
  EXPECT_FALSE(m.event(leader).group_software);
  EXPECT_EQ(m.event(leader).sibling_list, (std::vector<EventId>{sibling, joined}));
  EXPECT_EQ(m.ctx_of(leader).nr_events, 3);
  EXPECT_EQ(world().contexts[from].nr_events, 1);
  EXPECT_EQ(world().contexts[from].refcount, references - 2);
  EXPECT_EQ(place(other), perf_sw_context);
}

TEST_P(MoveGroupTest, AHardwareGroupAndItsSoftwareMembersStay) {
  const EventId leader = hardware();
  const EventId sibling = software(leader);
  const CtxId ctx = m.event(leader).ctx;
  const std::uint64_t generation = world().contexts[ctx].generation;
  ASSERT_TRUE(hardware(leader));
  EXPECT_EQ(place(sibling), perf_hw_context);
  EXPECT_LE(world().contexts[ctx].generation, generation + 2) << "one unclone, one add";
}

TEST_P(MoveGroupTest, WhoMovedOnceStays) {
  const EventId leader = software();
  const EventId first = hardware(leader);
  m.model.release(0, 0, first);
  EXPECT_EQ(place(leader), perf_hw_context);
  ASSERT_TRUE(hardware(leader));
  EXPECT_EQ(place(leader), perf_hw_context);
  EXPECT_TRUE(on(leader));
}

TEST_P(MoveGroupTest, MembersStartAsTheyWereOpened) {
  const EventId leader = software();
  const EventId sibling = software(leader, bit(AttrBit::disabled));
  const EventId stopped = software(leader);
  m.ioctl(0, 0, sibling, PERF_EVENT_IOC_ENABLE);
  m.ioctl(0, 0, stopped, PERF_EVENT_IOC_DISABLE);
  hardware(leader);
  EXPECT_TRUE(on(leader));
  EXPECT_EQ(m.event(sibling).state, PERF_EVENT_STATE_OFF) << "what ENABLE did is forgotten";
  EXPECT_TRUE(on(stopped)) << "and what DISABLE did";
}

TEST_P(MoveGroupTest, CpuGroupsMoveToo) {
  const EventId leader = m.open(0, 0, switches(), -1, 1);
  const EventId joined = m.open(0, 0, make_attr(PERF_TYPE_RAW, 1), -1, 1, leader);
  ASSERT_TRUE(joined);
  EXPECT_EQ(place(leader), perf_hw_context);
  EXPECT_TRUE(on(leader));
  EXPECT_TRUE(on(joined));
}

}  // namespace
}  // namespace reperf::core
