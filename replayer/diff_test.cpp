// Diff: the same log at two versions.
#include "replayer/diff.h"

#include <gtest/gtest.h>

#include "replayer/test_log.h"

namespace reperf::replay {
namespace {

using namespace testing;
using model::switches;

class VectorSource : public log::Source {
 public:
  explicit VectorSource(const LogBuilder& log) : log_(log) {}
  [[nodiscard]] const log::Header& header() const override { return log_.header; }
  Result<bool> next(log::Record& record) override {
    if (at_ == log_.records.size()) return false;
    record = log_.records[at_++];
    return true;
  }
  [[nodiscard]] std::uint64_t position() const override { return at_; }
  [[nodiscard]] bool is_text() const override { return true; }
  [[nodiscard]] const log::Reader* reader() const override { return nullptr; }

 private:
  const LogBuilder& log_;
  std::size_t at_ = 0;
};

struct Compared {
  explicit Compared(const LogBuilder& log, std::string_view from = "base",
                    std::string_view to = "task-ctx-sched")
      : source(log),
        diff(*core::find_version(from), *core::find_version(to), log.header,
             [this](const Hunk& hunk) {
               hunks.push_back(hunk.record);
               format_hunk(text, hunk);
             }) {
    const Result<void> done = diff.run(source, "log");
    if (!done.ok()) problem = done.error().what;
  }
  const DiffReport& report() { return diff.report(); }

  VectorSource source;
  std::vector<std::uint64_t> hunks;
  std::string text;
  Diff diff;
  std::string problem;
};

core::perf_event_attr timed() {
  core::perf_event_attr attr = switches();
  attr.read_format = core::PERF_FORMAT_TOTAL_TIME_ENABLED | core::PERF_FORMAT_TOTAL_TIME_RUNNING;
  return attr;
}

// Task 10 runs on CPU 1; task 20 on CPU 0 opens event 1 on it, and stops before its IPI.
LogBuilder late_ipi() {
  LogBuilder log;
  log.sched_switch(1, 0, 10);
  log.sched_switch(0, 0, 20);
  log.open(0, 20, timed(), 1, 10);
  log.add(0, 20, log::Hold{"task_function_call:before-ipi"});
  log.open_enter(0, 20, timed(), 10);
  log.add(0, 20, log::Resume{});
  log.open_return(0, 20, 4, 2);
  log.read_enter(0, 20, 2, 24);
  return log;
}

TEST(Diff, AVersionAndItselfAreTheSame) {
  const LogBuilder log = late_ipi();
  Compared c(log, "base", "base");
  EXPECT_EQ(c.problem, "");
  EXPECT_TRUE(c.report().same());
  EXPECT_TRUE(c.hunks.empty());
  EXPECT_EQ(c.report().records, log.records.size());
}

TEST(Diff, ATimeHoleIsNamed) {
  const LogBuilder log = late_ipi();
  Compared c(log);
  EXPECT_EQ(c.problem, "");
  EXPECT_FALSE(c.report().same());
  ASSERT_EQ(c.report().events.size(), 1U);
  const EventDifference& event = c.report().events[0];
  EXPECT_EQ(event.name, "event 2");
  EXPECT_EQ(event.reads_differ, 1U);
  EXPECT_EQ(event.first[0].enabled, event.first[0].running);
  EXPECT_EQ(event.first[1].enabled - event.first[1].running, 1000U);
  EXPECT_EQ(in_words(event, "base", "task-ctx-sched").at(0),
            "read at 9000, enabled - running is 0 ns at base, 1000 ns at task-ctx-sched: a time "
            "hole of 1000 ns");
  ASSERT_EQ(c.report().calls.size(), 1U);
  EXPECT_EQ(c.report().calls[0].what, "20 read event 2 size=24");
  EXPECT_NE(c.report().calls[0].answers[0].text, c.report().calls[0].answers[1].text);
}

TEST(Diff, TheOtherWayRoundIsTheSameStory) {
  const LogBuilder log = late_ipi();
  Compared c(log);
  Compared back(log, "task-ctx-sched", "base");
  EXPECT_EQ(c.hunks, back.hunks);
  EXPECT_EQ(c.report().lines_only[0], back.report().lines_only[1]);
  EXPECT_EQ(c.report().events[0].first[0], back.report().events[0].first[1]);
  const auto there = patches_between(*c.report().version[0], *c.report().version[1]);
  const auto and_back = patches_between(*back.report().version[0], *back.report().version[1]);
  ASSERT_EQ(there.size(), 1U);
  EXPECT_EQ(there, and_back);
  EXPECT_EQ(there[0]->name, "task-ctx-sched");
}

TEST(Diff, AVariantIsWhatIsBelowItAndItself) {
  const auto between = [](std::string_view a, std::string_view b) {
    std::string names;
    for (const core::VersionInfo* v :
         patches_between(*core::find_version(a), *core::find_version(b))) {
      if (!names.empty()) names += ' ';
      names += v->name;
    }
    return names;
  };
  EXPECT_EQ(between("base", "base"), "");
  EXPECT_EQ(between("tombstone", "child-cleanup-merged"), "child-cleanup child-cleanup-merged");
  EXPECT_EQ(between("child-cleanup-merged", "child-cleanup-merged+D4"), "child-cleanup-merged+D4");
  EXPECT_EQ(between("child-cleanup-merged", "context-time-D4"), "context-time-D4");
  EXPECT_EQ(between("context-time", "context-time-D4"), "context-time context-time-D4");
  EXPECT_EQ(between("child-cleanup-merged+D4", "context-time"),
            "child-cleanup-merged+D4 context-time");
}

TEST(Diff, AnUnknownThreadIdIsTheLogsFaultAHoldIsTheVersions) {
  LogBuilder log = late_ipi();
  log.add(9, 10, log::SchedProcessExit{});
  EXPECT_EQ(Compared(log).problem, "CPU 9 is not one of the machine's");
  LogBuilder hold;
  hold.sched_switch(0, 0, 20);
  hold.add(0, 20, log::Hold{"install:before-lock"});  // not in base
  hold.open_enter(0, 20, switches(), 10);
  hold.add(0, 20, log::Resume{});
  EXPECT_EQ(Compared(hold, "base", "task-ctx-sched").problem,
            "at base: nothing of thread 20 is held");
  EXPECT_EQ(Compared(hold, "task-ctx-sched", "base").problem,
            "at base: nothing of thread 20 is held");
}

TEST(Diff, OnlyTheFirstDifferencesAreKeptAllAreCounted) {
  LogBuilder log = late_ipi();
  log.read_return(0, 20, {});
  for (int i = 0; i < 40; ++i) {
    log.read_enter(0, 20, 2, 24);
    log.read_return(0, 20, {});
  }
  Compared c(log);
  EXPECT_EQ(c.report().calls_differ, 41U);
  EXPECT_EQ(c.report().calls.size(), kDifferencesKept);
  EXPECT_EQ(c.report().events[0].reads, 41U);
  EXPECT_EQ(c.report().events[0].reads_differ, 41U);
}

TEST(Diff, AFreedEventIsComparedWhenItGoes) {
  LogBuilder log = late_ipi();
  log.read_return(0, 20, {});
  log.release(0, 20, 2);
  Compared c(log);
  ASSERT_EQ(c.report().events.size(), 1U);
  const EventDifference& event = c.report().events[0];
  EXPECT_TRUE(event.end[0].freed && event.end[1].freed);
  EXPECT_EQ(event.end[0].freed_at, event.end[1].freed_at);
  ASSERT_TRUE(event.end[0].values && event.end[1].values);
  EXPECT_EQ(event.end[1].values->enabled - event.end[0].values->enabled, 1000U);
}

}  // namespace
}  // namespace reperf::replay
