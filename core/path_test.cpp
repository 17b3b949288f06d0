// Path: coroutines that run inside their caller until something makes them wait.
#include "core/path.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/engine.h"

namespace reperf::core {
namespace {

struct Stopper : Chooser {
  bool hold(const Run&, std::string_view point) override { return stop && point == "stop"; }
  bool stop = false;
};

// Runs of an engine over an empty world of one CPU.
class PathTest : public ::testing::Test {
 protected:
  RunId start(Path<> path) {
    return engine.start("test", RunContext::work, TaskId{}, kNoCpu, std::move(path));
  }
  World world = make_world(MachineConfig{});
  Stopper stopper;
  Engine engine{world, stopper};
};

Path<int> value(int x) { co_return x; }

Path<int> sum(int depth) {
  if (depth == 0) co_return 0;
  co_return depth + co_await sum(depth - 1);
}

Path<> store(Path<int> from, int* to) { *to = co_await std::move(from); }

TEST_F(PathTest, ValuesComeBackFromNestedPaths) {
  int result = 0;
  start(store(sum(100), &result));
  EXPECT_TRUE(engine.quiescent());
  EXPECT_EQ(result, 5050);
}

Path<std::unique_ptr<std::string>> only_movable() {
  co_return std::make_unique<std::string>("moved");
}

TEST_F(PathTest, ValuesAreMoved) {
  std::string result;
  const auto take = [](std::string* to) -> Path<> { *to = *co_await only_movable(); };
  start(take(&result));
  EXPECT_EQ(result, "moved");
}

TEST_F(PathTest, NothingRunsBeforeItIsStarted) {
  int result = 0;
  {
    Path<> path = store(value(3), &result);
    EXPECT_FALSE(path.done());
  }
  EXPECT_EQ(result, 0);
}

// Leaves a trace of every level on the way down and up, stops at the bottom.
Path<int> descend(Engine& engine, std::string& trace, int depth) {
  trace += static_cast<char>('a' + depth);
  int below = 0;
  if (depth == 0) {
    co_await engine.point("stop");
  } else {
    below = co_await descend(engine, trace, depth - 1);
  }
  trace += static_cast<char>('A' + depth);
  co_return below + 1;
}

TEST_F(PathTest, SuspendsAtAnyDepthAndGoesOn) {
  for (int depth = 0; depth < 20; ++depth) {
    stopper.stop = true;
    std::string trace;
    int result = 0;
    const RunId run = start(store(descend(engine, trace, depth), &result));
    ASSERT_TRUE(engine.in_flight(run));
    EXPECT_EQ(engine.find(run)->frames.size(), static_cast<std::size_t>(depth) + 2);
    EXPECT_EQ(trace.size(), static_cast<std::size_t>(depth) + 1);
    engine.pump();
    EXPECT_TRUE(engine.in_flight(run)) << "a held run stays";
    engine.resume_run(run);
    engine.pump();
    EXPECT_TRUE(engine.quiescent());
    EXPECT_EQ(result, depth + 1);
    const std::string down = trace.substr(0, static_cast<std::size_t>(depth) + 1);
    EXPECT_EQ(down.back(), 'a');
    EXPECT_EQ(trace.back(), 'A' + depth);
  }
}

Path<> stop_often(Engine& engine, int times, int* reached) {
  for (int i = 0; i < times; ++i) {
    std::string trace;
    co_await descend(engine, trace, i % 5);
    ++*reached;
  }
}

TEST_F(PathTest, SuspendsManyTimesInOneRun) {
  stopper.stop = true;
  int reached = 0;
  const RunId run = start(stop_often(engine, 50, &reached));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(reached, i);
    engine.resume_run(run);
    engine.pump();
  }
  EXPECT_TRUE(engine.quiescent());
}

struct Witness {
  explicit Witness(int* count) : count_(count) { ++*count_; }
  ~Witness() { --*count_; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  int* count_;
};

Path<int> hold_witnesses(Engine& engine, int* alive, int depth) {
  const Witness witness(alive);
  const std::string on_the_heap(100, 'x');
  if (depth == 0) {
    co_await engine.point("stop");
    co_return static_cast<int>(on_the_heap.size());
  }
  co_return co_await hold_witnesses(engine, alive, depth - 1);
}

TEST_F(PathTest, DestroyingASuspendedPathFreesEverything) {
  int alive = 0;
  int result = 0;
  {
    Engine short_lived{world, stopper};
    stopper.stop = true;
    short_lived.start("test", RunContext::work, TaskId{}, kNoCpu,
                      store(hold_witnesses(short_lived, &alive, 10), &result));
    EXPECT_EQ(alive, 11);
    EXPECT_FALSE(short_lived.quiescent());
  }
  EXPECT_EQ(alive, 0) << "the address sanitizer watches the rest";
  EXPECT_EQ(result, 0);
}

TEST_F(PathTest, AMovedPathIsFreedOnce) {
  int alive = 0;
  {
    Path<int> a = hold_witnesses(engine, &alive, 0);
    Path<int> b = std::move(a);
    Path<int> c = value(1);
    c = std::move(b);
    EXPECT_FALSE(c.done());
  }
  EXPECT_EQ(alive, 0);
}

TEST(FramePool, FramesAreUsedAgain) {
  void* const first = FramePool::allocate(200);
  FramePool::release(first, 200);
  EXPECT_EQ(FramePool::allocate(193), first) << "the same size class";
  void* const other = FramePool::allocate(64);
  EXPECT_NE(other, first);
  FramePool::release(other, 64);
  FramePool::release(first, 193);
  void* const large = FramePool::allocate(1 << 20);
  ASSERT_NE(large, nullptr);
  FramePool::release(large, 1 << 20);
}

// How far the stack reaches, as seen from a coroutine.
[[gnu::noinline]] std::uintptr_t stack_here() {
  volatile char probe = 0;
  return reinterpret_cast<std::uintptr_t>(&probe) + static_cast<std::uintptr_t>(probe);
}

Path<std::uintptr_t> probe_stack() { co_return stack_here(); }

Path<> loop(int times, std::uintptr_t* lowest, std::uintptr_t* highest) {
  for (int i = 0; i < times; ++i) {
    const std::uintptr_t here = co_await probe_stack();
    *lowest = std::min(*lowest, here);
    *highest = std::max(*highest, here);
  }
}

TEST_F(PathTest, SequentialAwaitsNeedConstantStack) {
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  start(loop(1'000'000, &lowest, &highest));
  EXPECT_TRUE(engine.quiescent());
  EXPECT_LT(highest - lowest, 4096U);
}

Path<> stop_and_probe(Engine& engine, int times, std::uintptr_t* lowest, std::uintptr_t* highest) {
  for (int i = 0; i < times; ++i) {
    co_await engine.point("stop");
    co_await loop(1, lowest, highest);
  }
}

TEST_F(PathTest, ResumedRunsNeedConstantStack) {
  std::uintptr_t lowest = UINTPTR_MAX;
  std::uintptr_t highest = 0;
  stopper.stop = true;
  const RunId run = start(stop_and_probe(engine, 10'000, &lowest, &highest));
  while (engine.in_flight(run)) {
    engine.resume_run(run);
    engine.pump();
  }
  EXPECT_LT(highest - lowest, 4096U);
}

}  // namespace
}  // namespace reperf::core
