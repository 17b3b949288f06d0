// The engine: who may go on, when, and in which order. The paths here are made for the purpose;
// they write what they do into a trace.
#include "core/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/test_machine.h"

namespace reperf::core {
namespace {

using Trace = std::vector<std::string>;

// Holds at the points that are in `held`, queues the IPIs to the CPUs in `queueing`; answers
// choices from a list, then 0.
struct Director : Chooser {
  std::size_t choose(std::string_view point, std::span<const Option> options) override {
    points.emplace_back(point);
    smallest = std::min(smallest, options.size());
    std::string names;
    for (const Option& option : options) names += std::string{option.run->name} + " ";
    offered.push_back(names);
    if (answers.empty()) return 0;
    const std::size_t answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  bool hold(const core::Run&, std::string_view point) override { return held.contains(point); }

  bool queue(const core::Run& ipi) override { return queueing.contains(ipi.cpu); }

  std::set<std::string, std::less<>> held;
  std::set<Cpu> queueing;
  std::vector<std::size_t> answers;
  std::vector<std::string> points;
  std::vector<std::string> offered;
  std::size_t smallest = 99;
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    engine.add_observer(&facts);
    for (Cpu cpu = 0; cpu < 3; ++cpu) tasks.push_back(world.tasks.create());
    for (Cpu cpu = 0; cpu < 3; ++cpu) put_on(cpu, task(cpu));
  }
  // Task number `n`; 0 to 2 run on the CPUs of these numbers.
  TaskId task(int n) const { return tasks[static_cast<std::size_t>(n)]; }
  void put_on(Cpu cpu, TaskId next) {
    world.tasks[world.cpu(cpu).curr].on_cpu = false;
    world.cpu(cpu).curr = next;
    world.tasks[next].on_cpu = true;
    world.tasks[next].cpu = cpu;
  }
  RunId process(const char* name, int n, Path<> path) {
    const RunId id =
        engine.start(name, RunContext::process, task(n), world.tasks[task(n)].cpu, std::move(path));
    return id;
  }
  RunId interrupt(const char* name, Cpu cpu, Path<> path) {
    return engine.start(name, RunContext::irq, world.cpu(cpu).curr, cpu, std::move(path));
  }
  void resume(RunId run) {
    engine.resume_run(run);
    engine.pump();
  }

  // Says `name` before and after `point`.
  Path<> say(const char* name, const char* point) {
    trace.push_back(std::string{name} + "1");
    co_await engine.point(point);
    trace.push_back(std::string{name} + "2");
  }
  Path<> with_lock(Lock& lock, const char* name, const char* point, bool raw) {
    co_await engine.lock(lock, "lock", 1, raw);
    trace.push_back(std::string{name} + " has it");
    co_await engine.point(point);
    engine.unlock(lock, "lock", 1, raw);
    trace.push_back(std::string{name} + " gave it back");
  }
  Path<int> ipi_body(const char* name, const char* point) {
    trace.push_back(std::string{name} + " on CPU " + std::to_string(engine.current()->cpu));
    co_await engine.point(point);
    co_return 42;
  }
  Path<> send(Cpu cpu, const char* name, const char* point) {
    const int result = co_await engine.call_on(cpu, name, ipi_body(name, point));
    trace.push_back(std::string{name} + " returned " + std::to_string(result));
  }

  Path<> stop_then_set(bool& flag) {
    co_await engine.point("here");
    flag = true;
  }

  World world = make_world(MachineConfig{.cpus = 3, .hz = 1000, .pmus = {}, .sysctls = {}});
  std::vector<TaskId> tasks;
  Director director;
  testing::FactCounter facts;
  Engine engine{world, director};
  Trace trace;
};

TEST_F(EngineTest, ARunGoesOnUntilItEnds) {
  process("a", 0, say("a", "here"));
  EXPECT_EQ(trace, (Trace{"a1", "a2"}));
  EXPECT_TRUE(engine.quiescent());
  EXPECT_TRUE(director.points.empty()) << "nothing to choose";
}

TEST_F(EngineTest, AProcessAdvancesOnlyWhileItsTaskIsCurrent) {
  director.held = {"here"};
  const RunId run = process("a", 0, say("a", "here"));
  put_on(0, world.cpu(0).idle);
  resume(run);
  EXPECT_EQ(trace, Trace{"a1"}) << "its task does not run";
  put_on(2, task(0));
  engine.pump();
  EXPECT_EQ(trace, (Trace{"a1", "a2"}));
}

TEST_F(EngineTest, AProcessStartsOnlyWhenItsTaskIsCurrent) {
  put_on(0, world.cpu(0).idle);
  process("a", 0, say("a", "here"));
  EXPECT_TRUE(trace.empty());
  EXPECT_FALSE(engine.quiescent());
  put_on(1, task(0));
  engine.pump();
  EXPECT_TRUE(engine.quiescent());
}

TEST_F(EngineTest, WorkRunsWheneverItLikes) {
  engine.start("w", RunContext::work, TaskId{}, kNoCpu, say("w", "here"));
  EXPECT_EQ(trace, (Trace{"w1", "w2"}));
}

TEST_F(EngineTest, InterruptsOffDelayIpisAndSwitches) {
  Lock lock;
  director.held = {"inside"};
  const RunId holder = process("h", 0, with_lock(lock, "h", "inside", true));
  EXPECT_TRUE(engine.irqs_off(0));
  EXPECT_FALSE(engine.irqs_off(1));
  process("s", 1, send(0, "ipi", "in"));
  interrupt("switch", 0, say("switch", "x"));
  interrupt("elsewhere", 2, say("elsewhere", "x"));
  engine.pump();
  EXPECT_EQ(trace, (Trace{"h has it", "elsewhere1", "elsewhere2"}));
  director.held.clear();
  resume(holder);
  EXPECT_TRUE(engine.quiescent());
  EXPECT_FALSE(engine.irqs_off(0));
  const auto at = [&](const char* what) {
    return std::find(trace.begin(), trace.end(), what) - trace.begin();
  };
  EXPECT_LT(at("h gave it back"), at("ipi on CPU 0"));
  EXPECT_LT(at("ipi on CPU 0"), at("switch1")) << "in the order of their coming";
  EXPECT_LT(at("ipi on CPU 0"), at("ipi returned 42"));
}

TEST_F(EngineTest, ASleepingLockLeavesInterruptsOn) {
  Lock lock;
  director.held = {"inside"};
  process("h", 0, with_lock(lock, "h", "inside", false));
  EXPECT_FALSE(engine.irqs_off(0));
  process("s", 1, send(0, "ipi", "in"));
  EXPECT_EQ(trace.back(), "ipi returned 42");
}

TEST_F(EngineTest, AnIpiToTheOwnCpuIsACall) {
  process("s", 1, send(1, "ipi", "in"));
  EXPECT_EQ(trace, (Trace{"ipi on CPU 1", "ipi returned 42"}));
  EXPECT_EQ(facts.of(FactKind::ipi_send), 0U);
  EXPECT_FALSE(engine.irqs_off(1));
}

TEST_F(EngineTest, IpisAreDeliveredInTheOrderOfSending) {
  Lock lock;
  director.held = {"inside"};
  const RunId holder = process("h", 0, with_lock(lock, "h", "inside", true));
  process("s1", 1, send(0, "first", "in"));
  process("s2", 2, send(0, "second", "in"));
  director.held.clear();
  resume(holder);
  Trace delivered;
  for (const std::string& line : trace) {
    if (line.find("on CPU") != std::string::npos) delivered.push_back(line);
  }
  EXPECT_EQ(delivered, (Trace{"first on CPU 0", "second on CPU 0"}));
  EXPECT_TRUE(engine.quiescent());
}

// What was delivered where, in order, and what came back.
Trace ipi_lines(const Trace& trace) {
  Trace lines;
  for (const std::string& line : trace) {
    if (line.find("on CPU") != std::string::npos || line.find("returned") != std::string::npos) {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST_F(EngineTest, AQueuedIpiWaitsWhileSwitchesGoOn) {
  director.queueing = {0};
  process("s", 1, send(0, "ipi", "in"));
  EXPECT_TRUE(trace.empty());
  EXPECT_FALSE(engine.irqs_off(0));
  EXPECT_EQ(facts.of(FactKind::ipi_queued), 1U);
  interrupt("switch", 0, say("switch", "x"));
  engine.pump();
  EXPECT_EQ(trace, (Trace{"switch1", "switch2"}));
  process("elsewhere", 2, send(1, "free", "in"));
  EXPECT_EQ(trace.back(), "free returned 42") << "only IPIs to CPU 0 wait";
  EXPECT_FALSE(engine.deliver(1, true)) << "nothing is queued there";
  EXPECT_TRUE(engine.deliver(0, true));
  engine.pump();
  EXPECT_EQ(trace.back(), "ipi returned 42");
  EXPECT_EQ(facts.of(FactKind::ipi_deliver), 1U);
  EXPECT_TRUE(engine.quiescent());
}

TEST_F(EngineTest, QueuedIpisAreDeliveredInOrderBeforeTheirSendersGoOn) {
  director.queueing = {0};
  const auto twice = [this](const char* first, const char* second) -> Path<> {
    co_await send(0, first, "in");
    co_await send(0, second, "in");
  };
  process("s1", 1, twice("a", "c"));
  process("s2", 2, send(0, "b", "in"));
  director.queueing.clear();
  EXPECT_TRUE(engine.deliver(0, true));
  engine.pump();
  EXPECT_EQ(ipi_lines(trace), (Trace{"a on CPU 0", "b on CPU 0", "a returned 42", "c on CPU 0",
                                     "c returned 42", "b returned 42"}));
}

TEST_F(EngineTest, DeliverOneTakesTheOldest) {
  director.queueing = {0};
  process("s1", 1, send(0, "a", "in"));
  process("s2", 2, send(0, "b", "in"));
  EXPECT_TRUE(engine.deliver(0, false));
  engine.pump();
  EXPECT_EQ(ipi_lines(trace), (Trace{"a on CPU 0", "a returned 42"}));
  EXPECT_TRUE(engine.deliver(0, false));
  engine.pump();
  EXPECT_FALSE(engine.deliver(0, false));
  EXPECT_TRUE(engine.quiescent());
}

TEST_F(EngineTest, AnIpiInterruptsWhoeverIsCurrentWhenItIsServed) {
  director.queueing = {0};
  TaskId seen;
  const auto look = [&](Engine& e) -> Path<int> {
    seen = e.current()->task;
    co_return 0;
  };
  const auto send_look = [&](Engine& e) -> Path<> { co_await e.call_on(0, "look", look(e)); };
  process("s", 1, send_look(engine));
  put_on(0, world.cpu(0).idle);
  EXPECT_TRUE(engine.deliver(0, true));
  engine.pump();
  EXPECT_EQ(seen, world.cpu(0).idle);
}

TEST_F(EngineTest, AnIpiThatIsDeliveredWithInterruptsOffWaitsForThem) {
  director.queueing = {0};
  process("s", 1, send(0, "ipi", "in"));
  director.held = {"x"};
  const RunId on_cpu = interrupt("switch", 0, say("switch", "x"));
  EXPECT_TRUE(engine.deliver(0, true));
  engine.pump();
  EXPECT_EQ(trace, Trace{"switch1"});
  resume(on_cpu);
  EXPECT_EQ(trace, (Trace{"switch1", "switch2", "ipi on CPU 0", "ipi returned 42"}));
}

TEST_F(EngineTest, TheHandlerOfAnIpiBeginsWithAPoint) {
  director.held = {"ipi:begin"};
  process("s", 1, send(0, "ipi", "in"));
  EXPECT_TRUE(trace.empty()) << "nothing is done yet";
  EXPECT_TRUE(engine.irqs_off(0));
  process("own", 2, send(2, "call", "in"));
  EXPECT_EQ(trace.back(), "call returned 42") << "no IPI, no handler";
}

TEST_F(EngineTest, AnIpiMayBeHeldInside) {
  director.held = {"in"};
  process("s", 1, send(0, "ipi", "in"));
  EXPECT_EQ(trace, Trace{"ipi on CPU 0"});
  EXPECT_TRUE(engine.irqs_off(0));
  interrupt("switch", 0, say("switch", "x"));
  engine.pump();
  EXPECT_EQ(trace.size(), 1U) << "interrupts are off on CPU 0, and the sender waits";
  const auto& runs = engine.runs();
  const auto ipi = std::find_if(runs.begin(), runs.end(),
                                [](const auto& run) { return run->state == RunState::held; });
  ASSERT_NE(ipi, runs.end());
  director.held.clear();
  resume((*ipi)->id);
  EXPECT_TRUE(engine.quiescent());
  EXPECT_NE(std::find(trace.begin(), trace.end(), "ipi returned 42"), trace.end());
  EXPECT_NE(std::find(trace.begin(), trace.end(), "switch2"), trace.end());
}

TEST_F(EngineTest, ALockIsHandedOver) {
  Lock lock;
  director.held = {"inside"};
  const RunId a = process("a", 0, with_lock(lock, "a", "inside", false));
  const RunId b = process("b", 1, with_lock(lock, "b", "inside", false));
  EXPECT_EQ(trace, Trace{"a has it"});
  EXPECT_EQ(engine.find(b)->state, RunState::blocked_lock);
  resume(a);
  EXPECT_EQ(trace, (Trace{"a has it", "a gave it back", "b has it"}));
  EXPECT_EQ(lock.owner, b.serial);
  resume(b);
  EXPECT_EQ(lock.owner, 0U);
}

TEST_F(EngineTest, WaitersGetALockInTheOrderOfTheirComingByDefault) {
  Lock lock;
  director.held = {"inside"};
  const RunId holder = process("h", 0, with_lock(lock, "h", "inside", false));
  for (const char* name : {"a", "b", "c"}) {
    engine.start(name, RunContext::work, TaskId{}, kNoCpu, with_lock(lock, name, "x", false));
  }
  director.held.clear();
  resume(holder);
  Trace order;
  for (const std::string& line : trace) {
    if (line.find("has it") != std::string::npos) order.push_back(line.substr(0, 1));
  }
  EXPECT_EQ(order, (Trace{"h", "a", "b", "c"}));
}

TEST_F(EngineTest, TheChooserPicksAmongTwoOrMore) {
  for (const std::vector<std::size_t>& answers : {std::vector<std::size_t>{}, {2, 1}}) {
    trace.clear();
    director.offered.clear();
    Lock lock;
    director.held = {"inside"};
    const RunId holder = process("h", 0, with_lock(lock, "h", "inside", false));
    for (const char* name : {"a", "b", "c"}) {
      engine.start(name, RunContext::work, TaskId{}, kNoCpu, with_lock(lock, name, "x", false));
    }
    director.held.clear();
    director.answers = answers;
    resume(holder);
    EXPECT_GE(director.smallest, 2U) << "no choice between fewer than two";
    ASSERT_FALSE(director.offered.empty());
    EXPECT_EQ(director.offered.front(), "a b c ");
    EXPECT_EQ(director.points.front(), "engine:next");
    EXPECT_EQ(trace[2], answers.empty() ? "a has it" : "c has it");
    EXPECT_EQ(trace[4], answers.empty() ? "b has it" : "b has it");
  }
}

Path<> retry(Engine& engine, const bool& done, int& turns) {
  while (!done) {
    ++turns;
    co_await engine.spin("retry");
  }
}

TEST_F(EngineTest, ALivelockIsReportedOnceAndEndsWhenTheWorldChanges) {
  bool done = false;
  int turns = 0;
  process("spinner", 0, retry(engine, done, turns));
  engine.pump();
  EXPECT_EQ(facts.texts, std::vector<std::string>{"livelock"});
  const int before = turns;
  engine.pump();
  EXPECT_EQ(turns, before) << "nothing has changed";
  engine.touch();
  engine.pump();
  EXPECT_GT(turns, before) << "something may have";
  EXPECT_EQ(facts.texts.size(), 1U) << "once is enough";
  done = true;
  interrupt("other", 1, say("other", "x"));
  engine.pump();
  EXPECT_TRUE(engine.quiescent());
}

// Keeps the findings with what they say about the way there.
struct Findings : Observer {
  void on_fact(const Fact& fact, const World&) override {
    if (fact.kind != FactKind::finding) return;
    last = fact;
    cycle.clear();
    for (const char* point : fact.points) cycle.emplace_back(point);
  }
  Fact last;
  Trace cycle;
};

TEST_F(EngineTest, ALivelockTellsItsCycleAndWhatWouldEndIt) {
  Findings findings;
  engine.add_observer(&findings);
  const auto path = [this]() -> Path<> {
    co_await engine.point("on the way");
    for (bool done = false; !done;) {
      co_await engine.point("read");
      co_await engine.point("lock");
      co_await engine.spin("retry", {.task = task(2), .cpu = 1});
    }
  };
  process("spinner", 0, path());
  engine.pump();
  EXPECT_STREQ(findings.last.text, "livelock");
  EXPECT_EQ(findings.last.rule, Rule::SCH_80);
  EXPECT_EQ(findings.cycle, (Trace{"read", "lock", "retry"})) << "one turn, not the way there";
  EXPECT_EQ(findings.last.task2, task(2));
  EXPECT_EQ(findings.last.a, 1);
}

TEST_F(EngineTest, ALongCycleIsCutShort) {
  Findings findings;
  engine.add_observer(&findings);
  const auto path = [this]() -> Path<> {
    for (bool done = false; !done;) {
      for (int i = 0; i < 100; ++i) co_await engine.point("again");
      co_await engine.spin("retry");
    }
  };
  process("spinner", 0, path());
  engine.pump();
  EXPECT_EQ(findings.cycle.size(), 12U);
  EXPECT_EQ(findings.last.a, kNoCpu) << "nobody said what would end it";
}

TEST_F(EngineTest, ALoopThatWaitsForAQueuedIpiIsNoLivelock) {
  bool done = false;
  int turns = 0;
  director.queueing = {2};
  const auto set = [&](bool& flag) -> Path<int> {
    flag = true;
    co_return 0;
  };
  const auto send_set = [&](bool& flag) -> Path<> { co_await engine.call_on(2, "set", set(flag)); };
  process("s", 1, send_set(done));
  process("spinner", 0, retry(engine, done, turns));
  engine.pump();
  engine.report_stuck();
  EXPECT_TRUE(facts.texts.empty());
  engine.deliver(2, true);
  engine.pump();
  EXPECT_TRUE(engine.quiescent());
  EXPECT_TRUE(facts.texts.empty());
}

TEST_F(EngineTest, ADeadlockNamesTheLockAndItsHolder) {
  Findings findings;
  engine.add_observer(&findings);
  Lock a;
  Lock b;
  const auto both = [this](Lock& first, Lock& second, std::uint32_t serial) -> Path<> {
    co_await engine.lock(first, "mutex", 3 - serial, false);
    co_await engine.point("one");
    co_await engine.lock(second, "mutex", serial, false);
  };
  director.held = {"one"};
  const RunId ab = process("ab", 0, both(a, b, 2));
  const RunId ba = process("ba", 1, both(b, a, 1));
  director.held.clear();
  resume(ab);
  engine.report_stuck();
  EXPECT_TRUE(facts.texts.empty()) << "one of them is still held";
  resume(ba);
  engine.report_stuck();
  EXPECT_EQ(facts.texts, (std::vector<std::string>{"stuck", "stuck"}));
  EXPECT_EQ(findings.last.task, task(1));
  EXPECT_EQ(findings.last.task2, task(0)) << "the holder's";
  EXPECT_EQ(findings.last.a, 1) << "the lock";
}

TEST_F(EngineTest, TwoRetryLoopsDoNotKeepEachOtherGoing) {
  bool done = false;
  int turns_a = 0;
  int turns_b = 0;
  process("a", 0, retry(engine, done, turns_a));
  process("b", 1, retry(engine, done, turns_b));
  engine.pump();
  EXPECT_LT(turns_a + turns_b, 10);
  EXPECT_EQ(facts.texts.size(), 2U);
}

TEST_F(EngineTest, ALoopThatWaitsForAHeldRunIsNoLivelock) {
  bool done = false;
  int turns = 0;
  director.held = {"here"};
  const RunId held = process("f", 1, stop_then_set(done));
  process("spinner", 0, retry(engine, done, turns));
  engine.pump();
  EXPECT_TRUE(facts.texts.empty());
  resume(held);
  EXPECT_TRUE(engine.quiescent());
  EXPECT_TRUE(facts.texts.empty());
}

TEST_F(EngineTest, ALoopWhoseTaskDoesNotRunIsJudgedWhenItHasLookedAgain) {
  bool done = false;
  int turns = 0;
  director.held = {"here"};
  const RunId held = process("f", 1, stop_then_set(done));
  process("spinner", 0, retry(engine, done, turns));
  engine.pump();
  world.tasks[task(0)].on_cpu = false;
  resume(held);
  EXPECT_TRUE(facts.texts.empty()) << "what it waits for has come, it only does not run";
  world.tasks[task(0)].on_cpu = true;
  engine.pump();
  EXPECT_TRUE(engine.quiescent());
}

TEST_F(EngineTest, RunsInFlightAreFreedWithTheEngine) {
  Lock lock;
  auto own = std::make_unique<Engine>(world, director);
  director.held = {"in", "inside"};
  const auto hold_memory = [](Engine& e, Lock& l) -> Path<> {
    const std::vector<int> memory(1000);
    co_await e.lock(l, "lock", 1, true);
    co_await e.point(memory.empty() ? "x" : "inside");
  };
  for (int i = 0; i < 3; ++i) {
    own->start("r", RunContext::process, task(i), i, hold_memory(*own, lock));
  }
  EXPECT_EQ(own->runs().size(), 3U);
  own.reset();
  SUCCEED() << "the address sanitizer watches";
}

TEST_F(EngineTest, FactsSayWhoAndWhere) {
  struct Last : Observer {
    void on_fact(const Fact& fact, const World&) override { last = fact; }
    Fact last;
  } observer;
  engine.add_observer(&observer);
  world.now = 77;
  director.held = {"here"};
  const RunId run = process("a", 1, say("a", "here"));
  EXPECT_EQ(observer.last.kind, FactKind::point_held);
  EXPECT_EQ(observer.last.time, 77U);
  EXPECT_EQ(observer.last.cpu, 1);
  EXPECT_EQ(observer.last.task, task(1));
  EXPECT_EQ(observer.last.run, run);
  EXPECT_STREQ(observer.last.text, "here");
  engine.mute(true);
  EXPECT_FALSE(engine.observed());
  engine.emit(Fact{.kind = FactKind::warn});
  EXPECT_NE(observer.last.kind, FactKind::warn);
}

}  // namespace
}  // namespace reperf::core
