// Records a second through a session: without listeners, with the digest, the check, the
// transcript, the invariants; beside a walk over the same records.
#include <benchmark/benchmark.h>

#include "core/invariants.h"
#include "replayer/check.h"
#include "replayer/test_log.h"
#include "replayer/transcript.h"

namespace reperf::replay {
namespace {

using namespace testing;

// A hundred thousand records of two CPUs: switches of counted and other tasks, reads, forks.
const LogBuilder& synthetic() {
  static const LogBuilder log = [] {
    LogBuilder made;
    made.sched_switch(0, 0, 10);
    made.sched_switch(1, 0, 20);
    for (std::uint64_t id = 1; id <= 4; ++id) {
      made.open(0, 10, model::switches(model::bit(core::AttrBit::inherit)), id);
    }
    std::uint32_t child = 100;
    while (made.records.size() < 100'000) {
      for (int i = 0; i < 40; ++i) {
        made.sched_switch(0, 10, 0);
        made.sched_switch(1, 20, 21);
        made.sched_switch(0, 0, 10);
        made.sched_switch(1, 21, 20);
      }
      made.read(1, 20, 1, {0});
      made.fork(0, 10, child);
      made.sched_switch(1, 20, child);
      made.exit(1, child);
      made.sched_switch(1, child, 20);
      child = child == 30'000 ? 100 : child + 1;
    }
    return made;
  }();
  return log;
}

void count_records(benchmark::State& state) {
  const auto records = static_cast<std::int64_t>(synthetic().records.size());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * records);
}

enum class Listeners : int { none, digest, check, transcript, invariants, both };

void BM_Replay(benchmark::State& state) {
  const LogBuilder& log = synthetic();
  const auto what = static_cast<Listeners>(state.range(0));
  std::size_t bytes = 0;
  for (auto _ : state) {
    Session session(*core::find_version("linux-6.18"), log.header);
    Digest digest;
    Check check(session);
    Transcript transcript(session, {}, [&](std::string_view line) { bytes += line.size(); });
    if (what != Listeners::none) session.add_observer(&digest);
    if (what == Listeners::check) {
      session.add_listener(&check);
      session.add_observer(&check);
    }
    if (what == Listeners::transcript || what == Listeners::both) {
      session.add_listener(&transcript);
      session.add_observer(&transcript);
    }
    core::Invariants invariants(session.model().engine(), session.model().world(),
                                session.model().version().not_judged);
    if (what == Listeners::invariants || what == Listeners::both) session.add_observer(&invariants);
    for (const log::Record& record : log.records) {
      if (!session.step(record).ok()) state.SkipWithError("a record was refused");
    }
  }
  count_records(state);
  static constexpr const char* kNames[] = {"model only",
                                           "digest",
                                           "digest and check",
                                           "digest and transcript",
                                           "digest and invariants",
                                           "digest, transcript and invariants"};
  state.SetLabel(kNames[state.range(0)]);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_Replay)->DenseRange(0, 5)->Unit(benchmark::kMillisecond);

void BM_BaselineWalk(benchmark::State& state) {
  const LogBuilder& log = synthetic();
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const log::Record& record : log.records) {
      sum += record.time;
      if (const auto* sw = std::get_if<log::SchedSwitch>(&record.payload)) sum += sw->next_tid;
    }
    benchmark::DoNotOptimize(sum);
  }
  count_records(state);
}
BENCHMARK(BM_BaselineWalk)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace reperf::replay
