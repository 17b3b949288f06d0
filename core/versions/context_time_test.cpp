#include "core/versions/context_time.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

TEST(ContextTime, EveryPartHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const VersionInfo& v : series()) names.insert(v.name);
  for (const VersionInfo& v : variants()) {
    EXPECT_TRUE(names.insert(v.name).second) << v.name;
    EXPECT_EQ(find_version(v.name), &v);
    EXPECT_NE(v.make, nullptr) << v.name;
    EXPECT_FALSE(v.rules.empty()) << v.name;
  }
  EXPECT_EQ(variants().size(), 14U);
}

// Whether an event is still on a CPU when its state says that it is off.
class StateOrder : public Observer {
 public:
  void on_fact(const Fact& fact, const World& world) override {
    if (fact.kind != FactKind::event_state || fact.a != PERF_EVENT_STATE_ACTIVE) return;
    ++seen;
    if (world.events[fact.event].oncpu != kNoCpu) ++before_del;
  }
  int seen = 0;
  int before_del = 0;
};

StateOrder order_of(std::string_view name) {
  StateOrder order;
  Machine m(name);
  m.model.add_observer(&order);
  m.model.task(1, 0);
  m.run(0, 1);
  m.open(0, 1, switches(), 1);
  m.run(0, 0);
  return order;
}

TEST(ContextTime, D6WritesTheStateBehindThePmu) {
  for (const std::string_view name : {"child-cleanup-merged", "context-time-D6"}) {
    const StateOrder order = order_of(name);
    EXPECT_GT(order.seen, 0) << name;
    EXPECT_EQ(order.before_del, order.seen) << name;
  }
  for (const std::string_view name : {"child-cleanup-merged+D6", "context-time"}) {
    const StateOrder order = order_of(name);
    EXPECT_GT(order.seen, 0) << name;
    EXPECT_EQ(order.before_del, 0) << name;
  }
}

// Holds the switch of CPU 1 before it has looked at the key.
class HoldSwitch : public Chooser {
 public:
  bool hold(const Run& run, std::string_view point) override {
    return holding && run.context == RunContext::irq && run.cpu == 1 && point == "switch:between";
  }
  bool holding = true;
};

// Whether open returns while a switch is in flight that has passed the hooks.
bool open_returns(std::string_view name, bool resume) {
  HoldSwitch chooser;
  Machine m(version(name), machine(2), chooser);
  m.model.task(1, 0);
  m.run(0, 1);
  m.model.task(2, 1);
  m.run(1, 2);
  m.tick();
  const CallResult& result = m.model.perf_event_open(0, 1, open_args(switches(), 1, kNoCpu), false);
  EXPECT_TRUE(m.model.world().sched_hooks_live);
  if (resume) {
    EXPECT_FALSE(result.done);
    EXPECT_TRUE(m.model.resume(0, 1));
  }
  return result.done;
}

TEST(ContextTime, D5WaitsForTheSwitchesInFlight) {
  EXPECT_TRUE(open_returns("child-cleanup-merged", false));
  EXPECT_TRUE(open_returns("context-time-D5", false));
  EXPECT_FALSE(open_returns("context-time", false));
  EXPECT_TRUE(open_returns("context-time", true));
  EXPECT_TRUE(open_returns("child-cleanup-merged+D5", true));
}

}  // namespace
}  // namespace reperf::core
