// World: its digest sees what matters, and a copy is a world of its own.
#include "core/world.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

// A machine in the middle of something, so that every kind of object exists.
class WorldTest : public ::testing::Test {
 protected:
  WorldTest() {
    m.run(0, 10);
    leader = m.open(0, 10, switches(bit(AttrBit::inherit)), 0);
    sibling = m.open(0, 10, switches(bit(AttrBit::inherit)), 0, kNoCpu, leader);
    m.model.sched_process_fork(0, 10, 11, 11, "child");
    task = world().find_task(10);
  }
  World& world() { return m.model.world(); }
  Machine m{"linux-6.18"};
  EventId leader;
  EventId sibling;
  TaskId task;
};

TEST_F(WorldTest, TheDigestIsAFunctionOfTheState) {
  EXPECT_EQ(digest(world()), digest(world()));
  const World copy = world();
  EXPECT_EQ(digest(copy), digest(world()));
}

TEST_F(WorldTest, EveryFieldThatMattersChangesTheDigest) {
  using Change = std::function<void(World&)>;
  const auto event = [this](auto change) {
    return [=, this](World& w) { change(w.events[leader]); };
  };
  const auto ctx = [this](auto change) {
    return [=, this](World& w) { change(w.contexts[w.events[leader].ctx]); };
  };
  const auto of_task = [this](auto change) {
    return [=, this](World& w) { change(w.tasks[task]); };
  };
  const std::vector<std::pair<const char*, Change>> changes = {
      {"now", [](World& w) { ++w.now; }},
      {"perf_sched_events", [](World& w) { ++w.perf_sched_events; }},
      {"sched_hooks_live", [](World& w) { w.sched_hooks_live = !w.sched_hooks_live; }},
      {"curr", [](World& w) { w.cpu(0).curr = w.cpu(1).curr; }},
      {"task_ctx", [](World& w) { w.cpuctx(0, perf_sw_context).task_ctx = {}; }},
      {"active_oncpu", [](World& w) { ++w.cpuctx(0, perf_hw_context).active_oncpu; }},
      {"exclusive", [](World& w) { w.cpuctx(0, perf_hw_context).exclusive = true; }},
      {"state", event([](perf_event& x) { x.state = PERF_EVENT_STATE_ERROR; })},
      {"attach_state", event([](perf_event& x) { x.attach_state = 0; })},
      {"group_leader", event([this](perf_event& x) { x.group_leader = sibling; })},
      {"sibling_list", event([](perf_event& x) { x.sibling_list.clear(); })},
      {"event.ctx", event([](perf_event& x) { x.ctx = {}; })},
      {"parent", event([this](perf_event& x) { x.parent = sibling; })},
      {"child_list", event([](perf_event& x) { x.child_list.clear(); })},
      {"owner", event([](perf_event& x) { x.owner = {}; })},
      {"cpu", event([](perf_event& x) { x.cpu = 3; })},
      {"oncpu", event([](perf_event& x) { x.oncpu = 3; })},
      {"refcount", event([](perf_event& x) { ++x.refcount; })},
      {"count", event([](perf_event& x) { ++x.count; })},
      {"tstamp_stopped", event([](perf_event& x) { ++x.tstamp_stopped; })},
      {"total_time_enabled", event([](perf_event& x) { ++x.total_time_enabled; })},
      {"total_time_running", event([](perf_event& x) { ++x.total_time_running; })},
      {"child_count", event([](perf_event& x) { ++x.child_count; })},
      {"child_total_time_enabled", event([](perf_event& x) { ++x.child_total_time_enabled; })},
      {"child_total_time_running", event([](perf_event& x) { ++x.child_total_time_running; })},
      {"hw.prev", event([](perf_event& x) { ++x.hw.prev; })},
      {"ctx.task", ctx([](perf_event_context& c) { c.task = {}; })},
      {"flexible_groups", ctx([](perf_event_context& c) { c.flexible_groups.clear(); })},
      {"event_list", ctx([](perf_event_context& c) { c.event_list.clear(); })},
      {"tombstone", ctx([](perf_event_context& c) { c.tombstone = true; })},
      {"is_active", ctx([](perf_event_context& c) { c.is_active ^= EVENT_PINNED; })},
      {"nr_active", ctx([](perf_event_context& c) { ++c.nr_active; })},
      {"time", ctx([](perf_event_context& c) { ++c.time; })},
      {"timestamp", ctx([](perf_event_context& c) { ++c.timestamp; })},
      {"generation", ctx([](perf_event_context& c) { ++c.generation; })},
      {"pin_count", ctx([](perf_event_context& c) { ++c.pin_count; })},
      {"ctx.refcount", ctx([](perf_event_context& c) { ++c.refcount; })},
      {"perf_event_ctxp", of_task([](task_struct& t) { t.perf_event_ctxp = {}; })},
      {"sched_migrated", of_task([](task_struct& t) { t.sched_migrated = true; })},
      {"perf_event_list", of_task([](task_struct& t) { t.perf_event_list.clear(); })},
      {"task.cpu", of_task([](task_struct& t) { t.cpu = 3; })},
      {"a new event", [](World& w) { w.events.create(); }},
      {"an event less", [this](World& w) { w.events.destroy(sibling); }},
  };
  const std::uint64_t before = digest(world());
  for (const auto& [name, change] : changes) {
    World changed = world();
    change(changed);
    EXPECT_NE(digest(changed), before) << name;
  }
  EXPECT_EQ(digest(world()), before) << "copies are independent";
}

TEST_F(WorldTest, WhereObjectsLieDoesNotMatter) {
  World a = world();
  World b = world();
  // The same two events, in each other's slot.
  const EventId first = a.events.create();
  a.events.create();
  a.events.destroy(first);
  const EventId dead = b.events.create();
  b.events.destroy(dead);
  b.events.create();
  EXPECT_EQ(digest(a), digest(b));
}

TEST_F(WorldTest, ThreadIdsAreRememberedWhenTheirTaskIsGone) {
  World w = world();
  EXPECT_TRUE(w.find_task(10));
  EXPECT_FALSE(w.find_task(4'000'000));
  EXPECT_FALSE(w.known_dead(4'000'000));
  w.unbind_tid(10);
  EXPECT_FALSE(w.find_task(10));
  EXPECT_TRUE(w.known_dead(10));
  EXPECT_TRUE(world().find_task(10)) << "copies are independent";
}

TEST(TaskName, IsCutLikeTheKernelsComm) {
  task_struct t;
  t.set_name("a-name-that-is-too-long");
  EXPECT_EQ(t.name(), "a-name-that-is-");
  t.set_name("x");
  EXPECT_EQ(t.name(), "x");
}

}  // namespace
}  // namespace reperf::core
