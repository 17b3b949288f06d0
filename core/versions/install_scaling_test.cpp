#include "core/versions/install_scaling.h"

#include <gtest/gtest.h>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

// S003-4: T sleeps, and the CPU on which it last ran is offline. What open comes to.
class ParkedTarget {
 public:
  explicit ParkedTarget(std::string_view name) : m(version(name), machine(4)) {
    m.model.add_observer(&facts);
    m.model.task(1, 0);
    m.run(0, 1);
    m.model.task(2, 3);
    m.run(3, 2);
    m.run(3, 0);
    m.model.world().cpu(3).online = false;
    m.tick();
    result = &m.model.perf_event_open(0, 1, open_args(switches(), 2, kNoCpu), false);
  }
  // T wakes up on CPU 1.
  void wake() {
    m.tick();
    m.model.sched_migrate_task(2, 3, 1);
    m.run(1, 2);
  }

  Machine m;
  FactCounter facts;
  const CallResult* result = nullptr;
};

TEST(InstallScaling, AsksAnOfflineCpuForEver) {
  ParkedTarget t("install-scaling");
  EXPECT_FALSE(t.result->done);
  ASSERT_EQ(t.facts.texts.size(), 1U);
  EXPECT_EQ(t.facts.texts[0], "livelock");
  t.wake();
  ASSERT_TRUE(t.result->done);
  EXPECT_EQ(t.m.event(t.result->event).state, PERF_EVENT_STATE_ACTIVE);
}

TEST(InstallScaling, OthersAddTheEventThemselves) {
  for (const std::string_view name : {"base", "task-ctx-sched", "event-function", "tombstone",
                                      "child-cleanup-merged", "context-time", "linux-6.18"}) {
    ParkedTarget t(name);
    EXPECT_TRUE(t.result->done) << name;
    EXPECT_TRUE(t.facts.texts.empty()) << name << ": " << t.facts.texts[0];
    t.wake();
    EXPECT_EQ(t.m.event(t.result->event).state, PERF_EVENT_STATE_ACTIVE) << name;
  }
}

}  // namespace
}  // namespace reperf::core
