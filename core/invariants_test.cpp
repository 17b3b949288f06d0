// Each invariant must be able to fail: the world is damaged by hand, and the next lock section
// tells. That they hold otherwise is what random_test.cpp shows.
#include "core/invariants.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/test_machine.h"
#include "core/versions/linux_6_18.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr Tid kU = 200;  // runs on CPU 0
constexpr Tid kT = 100;  // runs on CPU 1
constexpr Tid kS = 300;  // sleeps

class Findings : public Observer {
 public:
  void on_fact(const Fact& fact, const World&) override {
    if (fact.kind == FactKind::finding) facts.push_back(fact);
  }
  [[nodiscard]] std::size_t of(Rule rule) const {
    std::size_t n = 0;
    for (const Fact& fact : facts) n += fact.rule == rule ? 1 : 0;
    return n;
  }
  std::vector<Fact> facts;
};

perf_event_attr cycles(std::uint64_t flags = 0) { return make_attr(PERF_TYPE_RAW, 0, flags); }

// T and the sleeping S have hardware events: T a group of two and a single one, S two single ones.
struct Watched {
  explicit Watched(const VersionInfo& v) : m(v, machine(4, 4)) {
    m.model.add_observer(&findings);
    m.model.add_observer(&invariants);
    m.run(0, kU);
    m.run(1, kT);
    m.model.task(kS, 2);
    leader = m.open(0, kU, cycles(), kT);
    sibling = m.open(0, kU, cycles(), kT, kNoCpu, leader);
    single = m.open(0, kU, cycles(), kT);
    asleep = m.open(0, kU, cycles(), kS);
    more = m.open(0, kU, cycles(), kS);
    look();
  }
  explicit Watched(std::string_view name) : Watched(version(name)) {}
  // A lock section of both contexts, on CPU 1 and on CPU 0.
  void look() {
    m.read(0, kU, single);
    m.read(0, kU, asleep);
  }
  perf_event& ev(EventId id) { return m.model.world().events[id]; }
  perf_event_context& ctx(EventId id) { return m.model.world().contexts[ev(id).ctx]; }
  perf_cpu_context& cpuctx(Cpu cpu) { return m.model.world().cpuctx(cpu, perf_hw_context); }

  Machine m;
  Findings findings;
  Invariants invariants{m.model.engine(), m.model.world(), m.model.version().not_judged};
  EventId leader;
  EventId sibling;
  EventId single;
  EventId asleep;
  EventId more;
};

struct Damage {
  Rule invariant;
  std::function<void(Watched&)> apply;
};

// What is expected is the invariant, and nothing of what the same damage breaks besides.
const Damage kDamages[] = {
    {Rule::INV_1, [](Watched& x) { ++x.ctx(x.single).nr_events; }},
    {Rule::INV_1, [](Watched& x) { ++x.ctx(x.single).nr_stat; }},
    {Rule::INV_1, [](Watched& x) { x.ctx(x.single).flexible_groups.pop_back(); }},
    {Rule::INV_1, [](Watched& x) { x.ctx(x.single).flexible_groups[0] = x.single; }},
    {Rule::INV_1, [](Watched& x) { x.ev(x.sibling).attach_state = PERF_ATTACH_GROUP; }},
    {Rule::INV_1, [](Watched& x) { ++x.ctx(x.single).nr_cgroups; }},
    {Rule::INV_2, [](Watched& x) { ++x.ctx(x.single).nr_active; }},
    {Rule::INV_2, [](Watched& x) { ++x.ctx(x.single).nr_freq; }},
    {Rule::INV_2, [](Watched& x) { x.ctx(x.single).active_on = kNoCpu; }},
    {Rule::INV_4, [](Watched& x) { x.cpuctx(0).task_ctx = x.ev(x.asleep).ctx; }},
    {Rule::INV_4, [](Watched& x) { x.cpuctx(0).task_ctx = x.cpuctx(0).ctx; }},
    {Rule::INV_5, [](Watched& x) { x.ctx(x.asleep).is_active = EVENT_ALL; }},
    {Rule::INV_5, [](Watched& x) { x.cpuctx(0).task_ctx = x.ev(x.single).ctx; }},
    {Rule::INV_6, [](Watched& x) { x.cpuctx(0).task_ctx = x.ev(x.asleep).ctx; }},
    {Rule::INV_7, [](Watched& x) { x.ctx(x.single).is_active = 0; }},
    {Rule::INV_8, [](Watched& x) { x.m.model.world().sched_hooks_live = false; }},
    {Rule::INV_9, [](Watched& x) { x.ev(x.sibling).oncpu = 2; }},
    {Rule::INV_9, [](Watched& x) { x.ev(x.sibling).oncpu = kNoCpu; }},
    {Rule::INV_9, [](Watched& x) { x.ev(x.asleep).oncpu = 2; }},
    {Rule::INV_10, [](Watched& x) { x.ctx(x.single).is_active = EVENT_PINNED; }},
    {Rule::INV_11, [](Watched& x) { x.ev(x.sibling).state = PERF_EVENT_STATE_INACTIVE; }},
    {Rule::INV_11, [](Watched& x) { x.ev(x.leader).state = PERF_EVENT_STATE_INACTIVE; }},
    {Rule::INV_12, [](Watched& x) { ++x.cpuctx(1).active_oncpu; }},
    {Rule::INV_12, [](Watched& x) { x.cpuctx(1).active_oncpu = -1; }},
    {Rule::INV_12,
     [](Watched& x) {
       x.cpuctx(1).exclusive = true;
       x.ev(x.single).attr.flags |= bit(AttrBit::exclusive);
     }},
    {Rule::INV_13, [](Watched& x) { ++x.m.model.world().cpu(1).pmu_disable_count.at(0); }},
    {Rule::INV_14, [](Watched& x) { x.ev(x.single).tstamp_running -= 10'000; }},
    {Rule::INV_15, [](Watched& x) { x.ctx(x.single).time = 0; }},
    {Rule::INV_15, [](Watched& x) { x.ctx(x.asleep).timestamp += 1'000'000; }},
    {Rule::INV_15, [](Watched& x) { x.ev(x.single).tstamp_running += 10'000; }},
    {Rule::INV_16, [](Watched& x) { x.ctx(x.single).is_active = EVENT_ALL; }},
    {Rule::INV_16, [](Watched& x) { x.ctx(x.single).is_active = EVENT_TIME; }},
    {Rule::INV_17,
     [](Watched& x) {
       ++x.ctx(x.asleep).time;
       x.m.model.release(0, kU, x.more);
     }},
    {Rule::INV_18, [](Watched& x) { --x.ctx(x.single).generation; }},
    {Rule::INV_18, [](Watched& x) { ++x.ctx(x.single).pin_count; }},
    {Rule::INV_18, [](Watched& x) { --x.ctx(x.single).pin_count; }},
    {Rule::INV_20, [](Watched& x) { x.ctx(x.asleep).tombstone = true; }},
    {Rule::INV_20, [](Watched& x) { x.ctx(x.single).tombstone = true; }},
    {Rule::INV_21, [](Watched& x) { x.cpuctx(1).cgrp = kRootCgroup; }},
};

TEST(Invariants, EachIsToldWhenItIsBroken) {
  int number = 0;
  for (const Damage& damage : kDamages) {
    Watched x("install-scaling");
    ASSERT_TRUE(x.findings.facts.empty());
    damage.apply(x);
    x.look();
    x.look();  // CPU 0 has had its lock section when that of CPU 1 comes
    EXPECT_GT(x.findings.of(damage.invariant), 0U)
        << rule_name(damage.invariant) << ", damage " << number;
    ++number;
  }
}

TEST(Invariants, EmptyContextsAreActiveAtBaseOnly) {
  for (const auto& [name, expected] : {std::pair{"base", 0U}, std::pair{"task-ctx-sched", 1U}}) {
    Watched x(name);
    const CtxId ctx = x.ev(x.asleep).ctx;
    x.m.model.release(0, kU, x.asleep);
    x.m.model.release(0, kU, x.more);
    x.m.model.world().contexts[ctx].is_active = EVENT_ALL;
    x.m.open(0, kU, cycles(), kS);  // find_get_context() takes its lock while it is still empty
    EXPECT_EQ(x.findings.of(Rule::INV_3), expected) << name;
  }
}

TEST(Invariants, EquivalentContextsHoldTheSameEvents) {
  Watched x("task-ctx-sched");
  World& w = x.m.model.world();
  x.m.run(2, kS);
  const EventId original = x.m.open(0, kU, switches(bit(AttrBit::inherit)), kS);
  const EventId other = x.m.open(0, kU, switches(), kT);
  x.m.model.sched_process_fork(2, kS, 301, 301, "child");
  ASSERT_TRUE(x.findings.facts.empty());
  const EventId copy = x.ev(original).child_list.at(0);
  const CtxId clone = x.ev(copy).ctx;
  ASSERT_TRUE(w.contexts[clone].parent_ctx);
  x.ev(copy).parent = other;  // and what always comes with a change of a context's events
  ++w.contexts[clone].generation;
  x.m.run(2, 301);
  EXPECT_EQ(x.findings.of(Rule::INV_19), 1U);
}

// A version in which a new event has a hole of 7 ns.
class Hole : public Linux618 {
 public:
  using Linux618::Linux618;

 protected:
  void start_times(EventId event) override {
    Linux618::start_times(event);
    ev(event).total_time_enabled += 7;
  }
};

TEST(Invariants, AnEventOpenedOnARunningTaskHasNoHole) {
  VersionInfo hole = version("linux-6.18");
  hole.make = [](World& world, Engine& engine) -> std::unique_ptr<Base> {
    return std::make_unique<Hole>(world, engine);
  };
  EXPECT_EQ(Watched("linux-6.18").findings.of(Rule::INV_22), 0U);
  EXPECT_EQ(Watched(hole).findings.of(Rule::INV_22), 3U);  // all but the one on S
}

TEST(Invariants, AViolationIsToldOnceUntilItHasHeldAgain) {
  Watched x("task-ctx-sched");
  ++x.ctx(x.single).nr_active;
  x.look();
  x.look();
  ASSERT_EQ(x.findings.facts.size(), 1U);
  const Fact& fact = x.findings.facts.front();
  EXPECT_EQ(fact.rule, Rule::INV_2);
  EXPECT_EQ(fact.after, Rule::SCH_73);  // the IPI of the read
  EXPECT_STREQ(fact.text, "invariant");
  EXPECT_EQ(fact.a, 4);
  EXPECT_EQ(fact.b, 3);
  EXPECT_EQ(fact.cpu, 1);
  --x.ctx(x.single).nr_active;
  x.look();
  EXPECT_EQ(x.findings.facts.size(), 1U);
  ++x.ctx(x.single).nr_active;
  x.look();
  EXPECT_EQ(x.findings.facts.size(), 2U);
}

// SCH-41 and SCH-42 give an event that is enabled while its task sleeps a total below zero.
TEST(Invariants, TotalsOfAnEventEnabledAsleepAreNotJudged) {
  Watched x("task-ctx-sched");
  x.m.run(2, kS);
  const EventId event = x.m.open(0, kU, cycles(bit(AttrBit::disabled)), kS);
  x.m.tick(5000);
  x.m.run(2, 0);
  x.m.ioctl(0, kU, event, PERF_EVENT_IOC_ENABLE);
  x.m.read(0, kU, event);
  EXPECT_LT(static_cast<std::int64_t>(x.ev(event).total_time_enabled), 0);
  EXPECT_TRUE(x.findings.facts.empty());
}

}  // namespace
}  // namespace reperf::core
