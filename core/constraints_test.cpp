// PMUs whose events may use some counters only: what fits together (SCH-31), and that the PMU is
// left as it was found (SCH-35, INV-13).
#include <gtest/gtest.h>

#include "core/test_invariants.h"
#include "core/test_machine.h"
#include "core/versions/base_version.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;

// Configs 1 and 2 on counter 0 only, 3 on 0 and 1, 4 on 1 and 2, 5 on a counter that is not there.
MachineConfig constrained(std::int32_t counters) {
  MachineConfig config = machine(2, counters);
  config.pmus.back().constraints = {{1, 0b1}, {2, 0b1}, {3, 0b11}, {4, 0b110}, {5, 0b1000}};
  return config;
}

perf_event_attr raw(std::uint64_t config, std::uint64_t flags = 0) {
  return make_attr(PERF_TYPE_RAW, config, flags, kTimes);
}

class ConstraintsTest : public ::testing::Test {
 protected:
  ConstraintsTest() {
    m.model.add_observer(&facts);
    m.run(0, 10);
  }
  EventId open(std::uint64_t config, EventId group = {}) {
    const EventId event = m.open(0, 10, raw(config), 0, kNoCpu, group);
    open_events.insert(event);
    return event;
  }
  bool active(EventId event) { return m.event(event).state == PERF_EVENT_STATE_ACTIVE; }
  void expect_sound() {
    LifetimeInvariants lifetime;
    EXPECT_EQ(lifetime.check(m.model.world(), open_events), "");
  }
  Machine m{version("base"), constrained(3)};
  FactCounter facts;
  std::set<EventId> open_events;
};

TEST_F(ConstraintsTest, TwoEventsOfOneCounterDoNotFitTogether) {
  const EventId first = open(1);
  const EventId second = open(2);
  EXPECT_TRUE(active(first));
  EXPECT_FALSE(active(second));
  EXPECT_EQ(facts.of(FactKind::txn_fail), 1U);
  EXPECT_EQ(facts.of(FactKind::txn_cancel), 1U);
  EXPECT_EQ(facts.of(FactKind::event_fail), 0U) << "there is a free counter";
  expect_sound();
}

// Whoever came first makes room: the choice of counters is not final.
TEST_F(ConstraintsTest, EarlierEventsMoveToOtherCounters) {
  const EventId wide = open(4);
  const EventId either = open(3);
  const EventId narrow = open(1);
  EXPECT_TRUE(active(wide));
  EXPECT_TRUE(active(either));
  EXPECT_TRUE(active(narrow));
  expect_sound();
}

TEST_F(ConstraintsTest, EventsWithoutConstraintTakeWhatIsLeft) {
  const EventId a = open(9);
  const EventId b = open(9);
  const EventId narrow = open(1);
  EXPECT_TRUE(active(a));
  EXPECT_TRUE(active(b));
  EXPECT_TRUE(active(narrow));
  EXPECT_FALSE(active(open(9))) << "three counters";
  EXPECT_EQ(facts.of(FactKind::event_fail), 1U);
  expect_sound();
}

TEST_F(ConstraintsTest, AnEventWhoseCountersDoNotExistNeverFits) {
  EXPECT_FALSE(active(open(5)));
  expect_sound();
}

// Only the commit fails: every member was on, and comes off again with its times.
TEST_F(ConstraintsTest, AGroupIsTakenOffWhenOnlyTheCommitFails) {
  const EventId leader = open(9);
  const EventId first = open(1, leader);
  const EventId second = open(2, leader);
  m.tick(5000);
  for (const EventId event : {leader, first, second}) {
    EXPECT_EQ(m.event(event).state, PERF_EVENT_STATE_INACTIVE);
    EXPECT_EQ(m.event(event).oncpu, kNoCpu);
  }
  EXPECT_EQ(m.words(0, 10, second)[2], 0U);
  EXPECT_TRUE(m.model.world().cpu(0).counters_on.empty());
  EXPECT_EQ(m.model.world().cpuctx(0, perf_hw_context).active_oncpu, 0);
  expect_sound();
}

TEST_F(ConstraintsTest, CpusDoNotShareCounters) {
  m.run(1, 11);
  EXPECT_TRUE(active(open(1)));
  const EventId other = m.open(1, 11, raw(2), 0);
  open_events.insert(other);
  EXPECT_TRUE(active(other));
  expect_sound();
}

// More counters than a mask has bits.
TEST(Constraints, LargePmus) {
  Machine m{version("base"), constrained(100)};
  m.run(0, 10);
  for (int i = 0; i < 99; ++i) m.open(0, 10, raw(9), 0);
  EXPECT_EQ(m.event(m.open(0, 10, raw(1), 0)).state, PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.event(m.open(0, 10, raw(9), 0)).state, PERF_EVENT_STATE_INACTIVE);
}

// The functions of a PMU, called as nothing in the core calls them today.
class Bare : public BaseVersion {
 public:
  using Base::perf_event_alloc;
  using Base::perf_pmu_disable;
  using Base::perf_pmu_enable;
  using Base::pmu_add;
  using Base::pmu_cancel_txn;
  using Base::pmu_commit_txn;
  using Base::pmu_del;
  using Base::pmu_start_txn;
  using BaseVersion::BaseVersion;
};

TEST(Transactions, OutsideOfOneEachAddLooksAtTheConstraints) {
  World w = make_world(constrained(3));
  Chooser chooser;
  Engine engine(w, chooser);
  Bare core(w, engine);
  const EventId a = core.perf_event_alloc(raw(1), 3, kNoCpu, EventId{}, EventId{});
  const EventId b = core.perf_event_alloc(raw(2), 3, kNoCpu, EventId{}, EventId{});
  EXPECT_EQ(core.pmu_add(a, 0), 0);
  EXPECT_EQ(core.pmu_add(b, 0), -EAGAIN);
  core.pmu_start_txn(0);
  EXPECT_EQ(core.pmu_add(b, 0), 0) << "inside only their number counts";
  EXPECT_EQ(core.pmu_commit_txn(0), -EAGAIN);
  core.pmu_del(a, 0);
  EXPECT_EQ(core.pmu_commit_txn(0), 0) << "a commit that failed leaves the transaction open";
  core.pmu_cancel_txn(0);
  core.pmu_del(b, 1);
  EXPECT_EQ(w.cpu(0).counters_on.size(), 1U) << "not this CPU's";
  core.perf_pmu_disable(3, 0);
  core.perf_pmu_disable(3, 0);
  core.perf_pmu_enable(3, 0);
  EXPECT_EQ(w.cpu(0).pmu_disable_count[3], 1);
}

TEST(Transactions, TheDigestSeesCountersThatAreLost) {
  World w = make_world(constrained(3));
  const std::uint64_t before = digest(w);
  w.cpu(1).counters_on.push_back(counter_use{.event = EventId{0, 77}, .pmu = 3});
  EXPECT_NE(digest(w), before);
  w.cpu(1).counters_on.clear();
  w.cpu(1).pmu_disable_count[3] = 1;
  EXPECT_NE(digest(w), before);
}

}  // namespace
}  // namespace reperf::core
