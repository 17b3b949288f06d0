// Overflows, throttling, limits, the tick, periods and frequencies (SCH-100, SCH-102, SCH-120 to
// SCH-123), and the prctl() over owned events (LIFE-36).
#include <gtest/gtest.h>

#include "core/invariants.h"
#include "core/test_invariants.h"
#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
constexpr Ns kTick = 1'000'000;

perf_event_attr sampling(std::uint64_t period, std::uint64_t flags = 0) {
  perf_event_attr a = make_attr(PERF_TYPE_RAW, 1, flags, kTimes);
  a.sample_period = period;
  return a;
}

// Three samples a tick.
MachineConfig slow_machine() {
  MachineConfig config = machine(4, 4);
  config.sysctls["perf_event_max_sample_rate"] = 3000;
  return config;
}

class OverflowTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  OverflowTest() {
    m.model.add_observer(&facts);
    m.run(0, 10);
  }
  EventId open(const perf_event_attr& attr, EventId group = {}) {
    const EventId event = m.open(0, 10, attr, 0, kNoCpu, group);
    open_events.insert(event);
    return event;
  }
  void overflow(EventId event, int times = 1) {
    for (int i = 0; i < times; ++i) m.model.overflow(0, m.tid_on(0), event, false);
  }
  void tick() { m.model.tick(0, m.tid_on(0)); }
  std::int64_t period(EventId event, std::uint64_t value) {
    const CallResult& result = m.model.ioctl(0, 10, event, PERF_EVENT_IOC_PERIOD, 0x1000, value);
    return result.modelled ? result.ret : 1;
  }
  perf_event_state state(EventId event) { return m.event(event).state; }
  void expect_sound() {
    LifetimeInvariants lifetime;
    EXPECT_EQ(lifetime.check(m.model.world(), open_events), "");
    EXPECT_TRUE(m.model.engine().quiescent());
  }
  Machine m{version(GetParam()), slow_machine()};
  FactCounter facts;
  std::set<EventId> open_events;
};

INSTANTIATE_TEST_SUITE_P(Versions, OverflowTest,
                         ::testing::Values("base", "task-ctx-sched", "linux-6.18"),
                         [](const auto& param) {
                           std::string name{param.param};
                           std::replace(name.begin(), name.end(), '-', '_');
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// The state stays ACTIVE and running time goes on, the counter does not (SCH-120).
TEST_P(OverflowTest, TooManyInOneTickThrottle) {
  const EventId event = open(sampling(100));
  tick();  // from here on the first of a tick is the first of a tick
  overflow(event, 2);
  EXPECT_EQ(facts.of(FactKind::event_throttle), 0U);
  overflow(event);
  EXPECT_EQ(facts.of(FactKind::event_throttle), 1U);
  EXPECT_EQ(m.event(event).hw.interrupts, kMaxInterrupts);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE);
  const auto before = m.words(0, 10, event);
  overflow(event);
  EXPECT_EQ(facts.of(FactKind::event_overflow), 3U) << "a stopped counter does not overflow";
  m.tick(10'000);
  const auto after = m.words(0, 10, event);
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[2], before[2] + 11'000);
  tick();
  EXPECT_EQ(facts.of(FactKind::event_unthrottle), 1U);
  m.tick(10'000);
  EXPECT_EQ(m.read(0, 10, event), before[0] + 11);
  expect_sound();
}

TEST_P(OverflowTest, EachTickCountsAnew) {
  const EventId event = open(sampling(100));
  for (int i = 0; i < 10; ++i) {
    tick();
    overflow(event, 2);
  }
  EXPECT_EQ(facts.of(FactKind::event_overflow), 20U);
  EXPECT_EQ(facts.of(FactKind::event_throttle), 0U);
}

TEST_P(OverflowTest, SchedulingInUnthrottles) {
  const EventId event = open(sampling(100));
  tick();
  overflow(event, 3);
  m.run(0, 11);
  EXPECT_EQ(facts.of(FactKind::event_unthrottle), 0U);
  m.run(0, 10);
  EXPECT_EQ(facts.of(FactKind::event_unthrottle), 1U);
  EXPECT_EQ(m.event(event).hw.interrupts, 0U);
  const std::uint64_t count = m.read(0, 10, event);
  m.tick(4000);
  EXPECT_EQ(m.read(0, 10, event), count + 5);
  tick();
  EXPECT_EQ(facts.of(FactKind::event_unthrottle), 1U) << "once";
  expect_sound();
}

TEST_P(OverflowTest, WhatDoesNotSampleOrDoesNotRunHereDoesNotOverflow) {
  const EventId counting = open(sampling(0));
  const EventId elsewhere = m.open(0, 10, sampling(5), -1, 1);
  overflow(counting);
  overflow(elsewhere);
  EXPECT_EQ(facts.of(FactKind::event_overflow), 0U);
}

TEST_P(OverflowTest, TheLimitDisables) {
  const EventId event = open(sampling(100, bit(AttrBit::disabled)));
  EXPECT_EQ(m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 2), 0);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE);
  overflow(event);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE);
  overflow(event);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_OFF);
  EXPECT_EQ(facts.of(FactKind::event_hup), 1U);
  EXPECT_FALSE(m.event(event).pending_disable);
  EXPECT_EQ(m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 1), 0);
  overflow(event);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_OFF);
  expect_sound();
}

TEST_P(OverflowTest, RefreshByZeroOrLessIsNoLimit) {
  const EventId event = open(sampling(100, bit(AttrBit::disabled)));
  m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 0);
  overflow(event);
  m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 0xffffffff);
  overflow(event);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.event(event).event_limit, -2);
}

TEST_P(OverflowTest, RefreshNeedsSamplingWithoutCopies) {
  const EventId counting = open(sampling(0, bit(AttrBit::disabled)));
  const EventId inherited = open(sampling(5, bit(AttrBit::inherit)));
  EXPECT_EQ(m.ioctl(0, 10, counting, PERF_EVENT_IOC_REFRESH, 1), -EINVAL);
  EXPECT_EQ(m.ioctl(0, 10, inherited, PERF_EVENT_IOC_REFRESH, 1), -EINVAL);
  EXPECT_EQ(state(counting), PERF_EVENT_STATE_OFF);
}

// ABI-91: the flag bit is part of the number.
TEST_P(OverflowTest, RefreshLeavesTheGroupAlone) {
  const EventId leader = open(sampling(5, bit(AttrBit::disabled)));
  const EventId sibling = open(sampling(5, bit(AttrBit::disabled)), leader);
  m.ioctl(0, 10, leader, PERF_EVENT_IOC_REFRESH, PERF_IOC_FLAG_GROUP);
  EXPECT_EQ(state(leader), PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(state(sibling), PERF_EVENT_STATE_OFF);
  EXPECT_EQ(m.event(sibling).event_limit, 0);
  expect_sound();
}

TEST_P(OverflowTest, PeriodChecksInOrder) {
  const EventId counting = open(sampling(0));
  const EventId event = open(sampling(5));
  const EventId frequency = open(sampling(2000, bit(AttrBit::freq)));
  EXPECT_EQ(period(counting, 5), -EINVAL);
  EXPECT_EQ(period(event, 0), 1) << "not known";
  EXPECT_EQ(period(frequency, 3001), -EINVAL);
  EXPECT_EQ(period(frequency, 3000), 0);
  EXPECT_EQ(m.event(frequency).attr.sample_period, 3000U);
  EXPECT_EQ(m.event(frequency).hw.sample_period, 1U);
  EXPECT_EQ(period(event, std::uint64_t{1} << 63U), GetParam() == "linux-6.18" ? -EINVAL : 0);
  EXPECT_EQ(period(event, 7), 0);
  EXPECT_EQ(m.event(event).attr.sample_period, 7U);
  EXPECT_EQ(m.event(event).hw.period_left, 7);
}

TEST_P(OverflowTest, PeriodReachesATaskOnAnotherCpuAndOneThatSleeps) {
  m.run(1, 11);
  const EventId event = m.open(0, 10, sampling(5), 11);
  EXPECT_EQ(period(event, 7), 0);
  EXPECT_EQ(m.event(event).hw.last_period, 7U) << "restarted";
  m.run(1, 0);
  EXPECT_EQ(period(event, 9), 0);
  EXPECT_EQ(m.event(event).hw.sample_period, 9U);
  EXPECT_EQ(m.event(event).hw.last_period, 7U);
  m.run(1, 11);
  EXPECT_EQ(m.event(event).hw.last_period, 9U);
}

// 1000 counts a tick, 100 overflows a second of 1000 ticks: 10000 counts each. An eighth a tick.
TEST_P(OverflowTest, TheTickAdjustsThePeriod) {
  const EventId event = open(sampling(100, bit(AttrBit::freq)));
  EXPECT_EQ(m.event(event).hw.sample_period, 1U);
  EXPECT_EQ(m.ctx_of(event).nr_freq, 1);
  tick();
  m.tick(kTick);
  tick();
  EXPECT_EQ(m.event(event).hw.sample_period, 1U + (9999 + 7) / 8);
  for (int i = 0; i < 80; ++i) {
    m.tick(kTick);
    tick();
  }
  EXPECT_EQ(m.event(event).hw.sample_period, 10'000U);
  m.run(0, 11);
  EXPECT_EQ(m.ctx_of(event).nr_freq, 0);
  expect_sound();
}

// Numbers whose products do not fit into 64 bits.
TEST_P(OverflowTest, LongNumbersLosePrecisionOnly) {
  const EventId event = open(sampling(3000, bit(AttrBit::freq)));
  m.tick(40'000'000'000'000'000);  // more than a year in one step
  tick();
  // An eighth of 4e13 counts a millisecond over 3000 overflows a second.
  constexpr std::uint64_t kExpected = 40'000'000'000'000'000 / 3000 / 8;
  EXPECT_GT(m.event(event).hw.sample_period, kExpected - kExpected / 1000);
  EXPECT_LT(m.event(event).hw.sample_period, kExpected + kExpected / 1000);
}

TEST_P(OverflowTest, TimersHaveAPeriodAtOnce) {
  perf_event_attr attr = make_attr(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, bit(AttrBit::freq));
  attr.sample_period = 1000;
  const EventId event = open(attr);
  EXPECT_EQ(m.event(event).hw.sample_period, 1'000'000U);
  EXPECT_FALSE(m.event(event).attr.frequency());
  EXPECT_EQ(period(event, 3001), 0) << "a period, not a frequency";
}

TEST_P(OverflowTest, CopiesBeginWithThePeriodThatWasFound) {
  const EventId event = open(sampling(100, bit(AttrBit::freq) | bit(AttrBit::inherit)));
  tick();
  m.tick(kTick);
  tick();
  m.model.sched_process_fork(0, 10, 20, 20, "child");
  ASSERT_EQ(m.event(event).child_list.size(), 1U);
  EXPECT_EQ(m.event(m.event(event).child_list[0]).hw.sample_period,
            m.event(event).hw.sample_period);
}

// SD-3: the limit is reached inside pmu->del() of a switch. Versions with D6 turn it OFF at once.
// SD-3: D6 looks for the limit behind pmu->del.
TEST_P(OverflowTest, ALimitReachedInsideDelIsDroppedWithTheContext) {
  const EventId event = open(sampling(100, bit(AttrBit::disabled)));
  m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 1);
  m.model.overflow(0, 10, event, true);
  m.run(0, 11);
  EXPECT_FALSE(m.event(event).pending_disable);
  if (GetParam() == "linux-6.18") {
    EXPECT_EQ(facts.of(FactKind::irq_work_return), 0U);
    EXPECT_EQ(state(event), PERF_EVENT_STATE_OFF);
    expect_sound();
    return;
  }
  EXPECT_EQ(facts.of(FactKind::irq_work_return), 1U);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_INACTIVE);
  m.run(0, 10);
  EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE) << "for another slice, without a limit";
  expect_sound();
}

TEST_P(OverflowTest, AFreedEventsIrqWorkFindsNothing) {
  const EventId event = open(sampling(100, bit(AttrBit::disabled)));
  m.ioctl(0, 10, event, PERF_EVENT_IOC_REFRESH, 1);
  m.model.overflow(0, 10, event, true);
  m.model.release(0, 10, event);
  open_events.erase(event);
  EXPECT_EQ(facts.of(FactKind::event_hup), 1U);
  EXPECT_EQ(facts.of(FactKind::event_free), 1U);
  expect_sound();
}

TEST_P(OverflowTest, ActiveContextsAreOnTheListOfTheirCpu) {
  const EventId event = open(sampling(0));
  const CtxId ctx = m.event(event).ctx;
  World& w = m.model.world();
  EXPECT_EQ(w.cpu(0).active_ctx_list, std::vector<CtxId>{ctx});
  EXPECT_EQ(w.contexts[ctx].active_on, 0);
  m.run(0, 11);
  EXPECT_TRUE(w.cpu(0).active_ctx_list.empty());
  m.run(2, 10);
  EXPECT_EQ(w.contexts[ctx].active_on, 2);
  m.ioctl(2, 10, event, PERF_EVENT_IOC_DISABLE);
  EXPECT_EQ(w.contexts[ctx].active_on, kNoCpu);
}

// LIFE-36, ABI-126, ABI-127
TEST_P(OverflowTest, PrctlReachesWhatTheThreadOwnsWithItsCopies) {
  const EventId own = open(sampling(0, bit(AttrBit::inherit)));
  m.run(1, 11);
  const EventId of_another = m.open(0, 10, switches(), 11);
  const EventId others = m.open(1, 11, switches(), 10);
  m.model.sched_process_fork(0, 10, 20, 20, "child");
  m.run(2, 20);
  const EventId copy = m.event(own).child_list.at(0);
  EXPECT_EQ(state(copy), PERF_EVENT_STATE_ACTIVE);
  EXPECT_EQ(m.model.prctl(0, 10, false).ret, 0);
  for (const EventId event : {own, of_another, copy}) EXPECT_EQ(state(event), PERF_EVENT_STATE_OFF);
  EXPECT_EQ(state(others), PERF_EVENT_STATE_ACTIVE);
  EXPECT_TRUE(m.model.prctl(2, 20, true).done);
  EXPECT_EQ(state(copy), PERF_EVENT_STATE_OFF) << "the copy's task does not own it";
  EXPECT_EQ(m.model.prctl(0, 10, true).ret, 0);
  for (const EventId event : {own, of_another, copy}) {
    EXPECT_EQ(state(event), PERF_EVENT_STATE_ACTIVE);
  }
}

TEST_P(OverflowTest, TheDigestSeesWhatSamplingAdds) {
  const EventId event = open(sampling(100, bit(AttrBit::freq)));
  World& w = m.model.world();
  perf_event& x = w.events[event];
  const std::uint64_t before = digest(w);
  const auto differs = [&](auto& field) {
    const auto value = field;
    field = static_cast<std::remove_reference_t<decltype(field)>>(!value);
    const bool seen = digest(w) != before;
    field = value;
    return seen;
  };
  EXPECT_TRUE(differs(x.event_limit));
  EXPECT_TRUE(differs(x.pending));
  EXPECT_TRUE(differs(x.hw.stopped));
  EXPECT_TRUE(differs(x.hw.overflow_in_del));
  EXPECT_TRUE(differs(x.hw.interrupts));
  EXPECT_TRUE(differs(x.hw.interrupts_seq));
  EXPECT_TRUE(differs(x.hw.sample_period));
  EXPECT_TRUE(differs(x.hw.last_period));
  EXPECT_TRUE(differs(x.hw.period_left));
  EXPECT_TRUE(differs(x.hw.freq_time_stamp));
  EXPECT_TRUE(differs(x.hw.freq_count_stamp));
  EXPECT_TRUE(differs(w.contexts[x.ctx].nr_freq));
  EXPECT_TRUE(differs(w.cpu(0).perf_throttled_seq));
  EXPECT_TRUE(differs(w.cpu(0).perf_throttled_count));
}

// Random stimuli for sampling events on a PMU with constraints; a plain generator, always the same.
class Mix {
 public:
  explicit Mix(std::string_view name) : m_(version(name), constrained_machine()) {
    m_.model.add_observer(&facts);
    m_.model.add_observer(&judge_);
    for (Tid tid = 1; tid <= 4; ++tid) m_.model.task(tid, 0);
  }
  FactCounter facts;

  std::string step() {
    m_.tick(below(600'000));
    act();
    if (!facts.texts.empty()) return facts.texts.front();
    if (!m_.model.engine().quiescent()) return "not quiescent";
    return lifetime_.check(m_.model.world(), open_);
  }

 private:
  static MachineConfig constrained_machine() {
    MachineConfig config = machine(2, 3);
    config.sysctls["perf_event_max_sample_rate"] = 3000;
    config.pmus.back().constraints = {{1, 0b1}, {2, 0b11}, {3, 0b110}};
    return config;
  }
  std::uint64_t below(std::uint64_t limit) {
    seed_ = seed_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed_ >> 33U) % limit;
  }
  EventId any() {
    auto it = open_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(open_.size())));
    return *it;
  }
  void open(Cpu cpu) {
    std::uint64_t flags = 0;
    for (const AttrBit b : {AttrBit::disabled, AttrBit::freq, AttrBit::inherit, AttrBit::pinned}) {
      if (below(3) == 0) flags |= bit(b);
    }
    perf_event_attr attr = make_attr(below(5) == 0 ? PERF_TYPE_SOFTWARE : PERF_TYPE_RAW, below(5));
    attr.flags = flags;
    attr.sample_period = below(3) == 0 ? 0 : 1 + below(2000);
    const EventId group = open_.empty() || below(2) == 0 ? EventId{} : any();
    const bool of_cpu = below(4) == 0;
    const auto pid = of_cpu ? -1 : static_cast<std::int32_t>(1 + below(4));
    const EventId event = m_.open(cpu, m_.tid_on(cpu), attr, pid, of_cpu ? cpu : kNoCpu, group);
    if (event) open_.insert(event);
  }
  // Where the event is on, or often nothing would happen.
  void burst(Cpu cpu, EventId event) {
    if (m_.event(event).oncpu != kNoCpu) cpu = m_.event(event).oncpu;
    const Tid tid = m_.tid_on(cpu);
    const bool in_del = below(4) == 0;
    for (std::uint64_t i = below(4); i < 4; ++i) m_.model.overflow(cpu, tid, event, in_del);
  }
  void act() {
    const Cpu cpu = static_cast<Cpu>(below(2));
    const Tid tid = m_.tid_on(cpu);
    const std::uint64_t what = below(20);
    if (what < 5 || tid == 0) return m_.run(cpu, static_cast<Tid>(1 + below(4)));
    if (what < 7) return m_.model.tick(cpu, tid);
    if (what < 9 && open_.size() < 12) return open(cpu);
    if (what == 9) return static_cast<void>(m_.model.prctl(cpu, tid, below(2) == 0));
    if (open_.empty()) return;
    const EventId event = any();
    if (what < 15) return burst(cpu, event);
    if (what == 15) {
      m_.model.release(cpu, tid, event);
      open_.erase(event);
      return;
    }
    static constexpr std::uint32_t kCommands[] = {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
                                                  PERF_EVENT_IOC_REFRESH, PERF_EVENT_IOC_PERIOD};
    m_.model.ioctl(cpu, tid, event, kCommands[below(4)], below(4), 1 + below(3000));
  }

  Machine m_;
  Invariants judge_{m_.model.engine(), m_.model.world(), m_.model.version().not_judged};
  LifetimeInvariants lifetime_;
  std::set<EventId> open_;
  std::uint64_t seed_ = 1;
};

TEST(OverflowMix, InvariantsHold) {
  for (const std::string_view name : {"task-ctx-sched", "linux-6.18"}) {
    Mix mix(name);
    for (int i = 0; i < 20'000; ++i) {
      const std::string problem = mix.step();
      ASSERT_EQ(problem, "") << name << ", step " << i;
    }
    for (const FactKind kind :
         {FactKind::txn_fail, FactKind::event_throttle, FactKind::event_unthrottle,
          FactKind::event_hup, FactKind::event_period, FactKind::irq_work_return}) {
      EXPECT_GT(mix.facts.of(kind), 50U) << name << ", fact " << static_cast<int>(kind);
    }
  }
}

}  // namespace
}  // namespace reperf::core
