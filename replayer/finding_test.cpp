// The words of findings: who waits for whom.
#include "replayer/finding.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/test_machine.h"

namespace reperf::replay {
namespace {

using core::Fact;
using core::Lock;
using core::Path;
using core::RunContext;

// Keeps the words of each finding, as they are when it is told.
class Words : public core::Observer {
 public:
  explicit Words(const core::Engine& engine) : engine_(engine) {}
  void on_fact(const Fact& fact, const core::World& world) override {
    if (fact.kind != core::FactKind::finding) return;
    append_finding(all.emplace_back(fact.text), fact, engine_, world);
  }
  std::vector<std::string> all;

 private:
  const core::Engine& engine_;
};

class FindingTest : public ::testing::Test {
 protected:
  FindingTest() {
    engine.add_observer(&words);
    for (core::Cpu cpu = 0; cpu < 2; ++cpu) {
      const core::TaskId task = world.tasks.create();
      world.tasks[world.cpu(cpu).curr].on_cpu = false;
      world.tasks[task].tid = 100 + static_cast<core::Tid>(cpu);
      world.tasks[task].set_name(cpu == 0 ? "T" : "U");
      world.tasks[task].on_cpu = true;
      world.tasks[task].cpu = cpu;
      world.cpu(cpu).curr = task;
    }
  }
  void start(const char* name, core::Cpu cpu, Path<> path) {
    engine.start(name, RunContext::process, world.cpu(cpu).curr, cpu, std::move(path));
    engine.pump();
  }
  Path<> take(Lock& lock, bool forget) {
    co_await engine.lock(lock, "ctx->mutex", 5, false);
    while (!forget) co_await engine.spin("x:retry", {.cpu = 1});
    // and never gives it back
  }

  core::World world = core::make_world(core::testing::machine(2));
  core::Chooser chooser;
  core::Engine engine{world, chooser};
  Words words{engine};
};

TEST_F(FindingTest, ADeadlockTellsTheLockAndWhoHoldsIt) {
  Lock lock;
  start("close", 0, take(lock, false));
  start("read", 1, take(lock, false));
  engine.report_stuck();
  ASSERT_EQ(words.all.size(), 2U);
  EXPECT_EQ(words.all[0],
            "livelock in close at x:retry, waits for CPU 1 to come up, cycle: x:retry");
  EXPECT_EQ(words.all[1],
            "stuck in read at ctx->mutex, waits for ctx->mutex 5, held by close of T-100");
}

TEST_F(FindingTest, ALockThatWasForgottenHasNoHolder) {
  Lock lock;
  start("close", 0, take(lock, true));
  start("read", 1, take(lock, true));
  engine.report_stuck();
  ASSERT_EQ(words.all.size(), 1U);
  EXPECT_EQ(words.all[0],
            "stuck in read at ctx->mutex, waits for ctx->mutex 5, held by a path that has ended");
}

TEST_F(FindingTest, WhoWaitsForAnIpiWaitsForItsEnd) {
  Lock lock;
  start("close", 0, take(lock, true));
  const auto body = [this](Lock& l) -> Path<int> {
    co_await engine.lock(l, "ctx->lock", 7, true);
    co_return 0;
  };
  const auto send = [&](Lock& l) -> Path<> { co_await engine.call_on(0, "handler", body(l)); };
  start("read", 1, send(lock));
  engine.report_stuck();
  ASSERT_EQ(words.all.size(), 2U);
  EXPECT_EQ(words.all[0], "stuck in read, waits for the end of handler");
  EXPECT_EQ(words.all[1],
            "stuck in handler at ctx->lock, waits for ctx->lock 7, held by a path that has ended");
}

}  // namespace
}  // namespace reperf::replay
