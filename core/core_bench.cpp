// What driving the model costs, beside baselines that do the least a replay could do: items/s of
// the one over items/s of the other is the price of a modelled step.
#include <benchmark/benchmark.h>

#include "core/test_driver.h"
#include "core/test_machine.h"

namespace reperf::core {
namespace {

using namespace testing;

constexpr Tid kA = 10;
constexpr Tid kB = 11;

// A machine of one CPU on which two tasks take turns.
struct TwoTasks {
  explicit TwoTasks(std::string_view name) : m(version(name), machine(1, 4)) {
    m.run(0, kB);
    m.run(0, kA);
  }
  void switch_once() {
    const Tid next = on == kA ? kB : kA;
    now += 1000;
    m.model.advance(now);
    m.model.sched_switch(0, on, next, false);
    on = next;
  }
  Machine m;
  Tid on = kA;
  Ns now = 1'000'000;
};

void items(benchmark::State& state) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// The least: which task runs where.
void BM_BaselineSwitch(benchmark::State& state) {
  World w = make_world(machine(1));
  const TaskId a = w.tasks.create();
  const TaskId b = w.tasks.create();
  for (auto _ : state) {
    const TaskId prev = w.cpu(0).curr;
    const TaskId next = prev == a ? b : a;
    w.now += 1000;
    w.cpu(0).curr = next;
    w.tasks[prev].on_cpu = false;
    w.tasks[next].on_cpu = true;
    w.tasks[next].cpu = 0;
    benchmark::ClobberMemory();
  }
  items(state);
}
BENCHMARK(BM_BaselineSwitch);

void BM_SwitchWithoutContexts(benchmark::State& state) {
  TwoTasks t("linux-6.18");
  for (auto _ : state) t.switch_once();
  items(state);
}
BENCHMARK(BM_SwitchWithoutContexts);

// Hooks live, but neither of the two tasks has events.
void BM_SwitchWithIdleContext(benchmark::State& state) {
  TwoTasks t("linux-6.18");
  t.m.model.task(99, 0);
  t.m.open(0, kA, switches(), 99);
  for (auto _ : state) t.switch_once();
  items(state);
}
BENCHMARK(BM_SwitchWithIdleContext);

void BM_SwitchWithFourEvents(benchmark::State& state) {
  TwoTasks t(series()[static_cast<std::size_t>(state.range(0))].name);
  for (const std::uint64_t config : {PERF_COUNT_SW_TASK_CLOCK, PERF_COUNT_SW_CONTEXT_SWITCHES,
                                     PERF_COUNT_SW_CPU_MIGRATIONS, PERF_COUNT_SW_PAGE_FAULTS}) {
    t.m.open(0, kA, make_attr(PERF_TYPE_SOFTWARE, config), 0);
  }
  t.now = t.m.model.world().now;
  for (auto _ : state) t.switch_once();
  items(state);
  state.SetLabel(std::string{t.m.model.version().name});
}
BENCHMARK(BM_SwitchWithFourEvents)->Arg(0)->Arg(1)->Arg(7)->Arg(15);

// The two contexts are clones: they trade tasks, and nothing goes off its PMU.
void BM_SwitchBetweenClones(benchmark::State& state) {
  TwoTasks t("install-scaling");
  t.m.run(0, 1);
  for (int i = 0; i < 4; ++i) t.m.open(0, 1, switches(bit(AttrBit::inherit)), 0);
  Tid on = 1;
  Ns now = t.m.model.world().now;
  t.m.model.sched_process_fork(0, 1, 2, 2, "child");
  for (auto _ : state) {
    const Tid next = on == 1 ? 2 : 1;
    now += 1000;
    t.m.model.advance(now);
    t.m.model.sched_switch(0, on, next, false);
    on = next;
  }
  items(state);
}
BENCHMARK(BM_SwitchBetweenClones);

void BM_InstallAndRemove(benchmark::State& state) {
  TwoTasks t(series()[static_cast<std::size_t>(state.range(0))].name);
  t.m.open(0, kA, switches(), 0);  // the hooks stay on
  for (auto _ : state) t.m.model.release(0, kA, t.m.open(0, kA, switches(), 0));
  items(state);
  state.SetLabel(std::string{t.m.model.version().name});
}
BENCHMARK(BM_InstallAndRemove)->Arg(0)->Arg(7)->Arg(15);

void BM_ForkAndExitWithFourEvents(benchmark::State& state) {
  TwoTasks t("linux-6.18");
  for (int i = 0; i < 4; ++i) t.m.open(0, kA, switches(bit(AttrBit::inherit)), 0);
  Tid child = 100;
  for (auto _ : state) {
    t.m.model.sched_process_fork(0, kA, child, child, "child");
    t.m.run(0, child);
    t.m.model.sched_process_exit(0, child);
    t.m.run(0, kA, true);
    child = child == 30'000 ? 100 : child + 1;
  }
  items(state);
}
BENCHMARK(BM_ForkAndExitWithFourEvents);

void BM_ReadWithHundredCopies(benchmark::State& state) {
  TwoTasks t("linux-6.18");
  const EventId event = t.m.open(0, kA, switches(bit(AttrBit::inherit)), 0);
  for (Tid child = 100; child < 200; ++child) {
    t.m.model.sched_process_fork(0, kA, child, child, "child");
  }
  for (auto _ : state) benchmark::DoNotOptimize(t.m.read(0, kA, event));
  items(state);
}
BENCHMARK(BM_ReadWithHundredCopies);

// The random test's steps, with everything that it judges after each.
void BM_RandomSteps(benchmark::State& state) {
  const VersionInfo& version = series()[static_cast<std::size_t>(state.range(0))];
  FactCounter facts;
  std::uint64_t seed = 1;
  auto driver = std::make_unique<Driver>(version, seed, facts);
  for (auto _ : state) {
    if (!driver->step()) continue;
    // What the version is known to break ends a drive.
    driver = std::make_unique<Driver>(version, ++seed, facts);
  }
  items(state);
  state.SetLabel(std::string{version.name});
}
BENCHMARK(BM_RandomSteps)->Arg(0)->Arg(7)->Arg(15);

// The same hundred counts, added up.
void BM_BaselineReadHundredCopies(benchmark::State& state) {
  World w = make_world(machine(1));
  std::vector<EventId> copies;
  for (int i = 0; i < 100; ++i) copies.push_back(w.events.create());
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const EventId copy : copies) sum += w.events[copy].count;
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  }
  items(state);
}
BENCHMARK(BM_BaselineReadHundredCopies);

}  // namespace
}  // namespace reperf::core
