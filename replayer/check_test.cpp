// Check: which answers of a machine the model explains, and how it goes on when it does not.
#include "replayer/check.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "replayer/test_log.h"

namespace reperf::replay {
namespace {

using namespace testing;
using core::AttrBit;
using model::bit;
using model::switches;

constexpr std::uint64_t kTimes =
    core::PERF_FORMAT_TOTAL_TIME_ENABLED | core::PERF_FORMAT_TOTAL_TIME_RUNNING;

CheckReport check(const LogBuilder& log) {
  Session session(*core::find_version("linux-6.18"), log.header);
  Check check(session);
  session.add_listener(&check);
  session.add_observer(&check);
  for (const log::Record& record : log.records) {
    const Result<void> done = session.step(record);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().what);
  }
  check.report().consumed = true;
  return check.report();
}

const CheckCounts& of(const CheckReport& report, ResultClass c) {
  return report.by_class[static_cast<std::size_t>(c)];
}

// Thread 10 on CPU 0 has event 1, switches of itself; thread 20 reads it on CPU 1.
LogBuilder counting(std::uint64_t flags = 0, std::uint64_t format = 0) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.sched_switch(1, 0, 20);
  log.open(0, 10, switches(flags, format), 1);
  return log;
}

void away_and_back(LogBuilder& log, int times = 1) {
  for (int i = 0; i < times; ++i) {
    log.sched_switch(0, 10, 0);
    log.sched_switch(0, 0, 10);
  }
}

TEST(Check, ExactValues) {
  LogBuilder log = counting();
  away_and_back(log, 3);
  log.read(1, 20, 1, {3});
  const CheckReport report = check(log);
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(of(report, ResultClass::context_switches).exact, 1U);
  EXPECT_EQ(of(report, ResultClass::call).exact, 2U) << "the open and the read";
}

TEST(Check, AWrongValueIsToldAndThenCounts) {
  LogBuilder log = counting();
  away_and_back(log, 3);
  log.read(1, 20, 1, {5});
  away_and_back(log);
  log.read(1, 20, 1, {6});
  const CheckReport report = check(log);
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(of(report, ResultClass::context_switches).wrong, 1U);
  EXPECT_EQ(of(report, ResultClass::context_switches).exact, 1U)
      << "6 follows from the machine's 5";
  ASSERT_EQ(report.divergences.size(), 1U);
  EXPECT_NE(report.divergences[0].what.find("predicted 3, the machine says 5"), std::string::npos);
}

// Two switches fall into the read: 3, 4 and 5 are right, nothing else; and the read after it is
// exact whatever the first one saw.
TEST(Check, AnOverlappedReadAcceptsTheSetAndNothingElse) {
  for (std::uint64_t seen = 1; seen <= 7; ++seen) {
    LogBuilder log = counting();
    away_and_back(log, 3);
    log.read_enter(1, 20, 1);
    away_and_back(log, 2);
    log.read_return(1, 20, {seen});
    log.read(1, 20, 1, {5});
    const CheckReport report = check(log);
    const CheckCounts& counts = of(report, ResultClass::context_switches);
    const bool in_set = seen >= 3 && seen <= 5;
    EXPECT_EQ(counts.bounds, in_set ? 1U : 0U) << seen;
    EXPECT_EQ(counts.exact, in_set ? 1U : 0U) << seen;
    EXPECT_EQ(counts.wrong, in_set ? 0U : 2U) << seen;
  }
}

// The machine may have switched the event on, or off, before or after the switches.
TEST(Check, SwitchesInsideEnableAndDisable) {
  for (const std::uint64_t seen : {0U, 1U, 2U, 3U}) {
    LogBuilder log = counting(bit(AttrBit::disabled));
    log.ioctl_enter(1, 20, 1, core::PERF_EVENT_IOC_ENABLE);
    away_and_back(log, 2);
    log.ioctl_return(1, 20);
    log.read(1, 20, 1, {seen});
    log.read(1, 20, 1, {seen});
    const CheckReport report = check(log);
    EXPECT_EQ(report.total.wrong, seen <= 2 ? 0U : 1U) << "enable " << seen;
    EXPECT_EQ(of(report, ResultClass::context_switches).exact, 1U) << "the second read is sure";
  }
  for (const std::uint64_t seen : {0U, 1U, 2U, 3U, 4U}) {
    LogBuilder log = counting();
    away_and_back(log);
    log.ioctl_enter(1, 20, 1, core::PERF_EVENT_IOC_DISABLE);
    away_and_back(log, 2);
    log.ioctl_return(1, 20);
    log.read(1, 20, 1, {seen});
    EXPECT_EQ(check(log).total.wrong, seen >= 1 && seen <= 3 ? 0U : 1U) << "disable " << seen;
  }
}

TEST(Check, SwitchesOfOthersInsideEnableLeaveNoDoubt) {
  LogBuilder log = counting(bit(AttrBit::disabled));
  log.ioctl_enter(1, 20, 1, core::PERF_EVENT_IOC_ENABLE);
  log.sched_switch(2, 0, 30);
  log.sched_switch(2, 30, 0);
  log.ioctl_return(1, 20);
  log.read(1, 20, 1, {0});
  EXPECT_EQ(of(check(log), ResultClass::context_switches).exact, 1U);
}

// ENABLE of a leader lets its siblings count as well (ABI-88).
TEST(Check, SwitchesInsideEnableOfALeaderConcernTheGroup) {
  for (const std::uint64_t seen : {0U, 1U}) {
    LogBuilder log = counting(bit(AttrBit::disabled));
    log.open(0, 10, switches(), 2, 0, -1, 1);
    log.ioctl_enter(1, 20, 1, core::PERF_EVENT_IOC_ENABLE);
    away_and_back(log);
    log.ioctl_return(1, 20);
    log.read(1, 20, 2, {seen});
    EXPECT_EQ(check(log).total.wrong, 0U) << seen;
  }
}

TEST(Check, LossesTaintAlsoWhatNeverStarted) {
  LogBuilder log = counting(bit(AttrBit::disabled));
  log.add(0, 0, log::Lost{log::LossCause::ring_full, 5, 0, 0});
  log.read(1, 20, 1, {77});
  const CheckReport report = check(log);
  EXPECT_EQ(report.losses, 5U);
  EXPECT_EQ(report.total.wrong, 0U);
  EXPECT_EQ(of(report, ResultClass::context_switches).unpredicted, 1U);
}

TEST(Check, UnmodelledIoctlsTaint) {
  LogBuilder log = counting();
  log.ioctl_enter(1, 20, 1, core::PERF_EVENT_IOC_SET_OUTPUT, 1);
  log.ioctl_return(1, 20, -EINVAL);
  log.read(1, 20, 1, {9});
  const CheckReport report = check(log);
  EXPECT_EQ(report.total.wrong, 0U);
  EXPECT_EQ(of(report, ResultClass::context_switches).unpredicted, 1U);
  EXPECT_EQ(of(report, ResultClass::call).unpredicted, 1U);
}

TEST(Check, ReturnsWithoutEntryAreNotCompared) {
  LogBuilder log;
  log.read_return(0, 10, {1});
  log.ioctl_return(0, 11, -EINVAL);
  const CheckReport report = check(log);
  EXPECT_EQ(report.total.unpredicted, 2U);
  EXPECT_EQ(report.total.compared(), 0U);
  EXPECT_FALSE(report.passed()) << "nothing was compared";
  EXPECT_NE(format_report(report, "f", "v").find("verdict: nothing was compared"),
            std::string::npos);
}

TEST(Check, ALogThatWasNotReadToItsEndDoesNotPass) {
  CheckReport report;
  report.total.exact = 1;
  EXPECT_FALSE(report.passed());
  report.consumed = true;
  EXPECT_TRUE(report.passed());
  report.total.wrong = 1;
  EXPECT_FALSE(report.passed());
}

TEST(Check, OpenResults) {
  LogBuilder log = counting();
  log.open_enter(0, 10, core::testing::make_attr(99, 0));
  log.open_return(0, 10, -ENOENT, 0);  // exact
  log.open_enter(0, 10, core::testing::make_attr(99, 0));
  log.open_return(0, 10, -EINVAL, 0);  // wrong
  log.open_enter(0, 10, switches());
  log.open_return(0, 10, -EMFILE, 0);  // not predictable
  const CheckReport report = check(log);
  const CheckCounts& calls = of(report, ResultClass::call);
  EXPECT_EQ(calls.exact, 2U);
  EXPECT_EQ(calls.wrong, 1U);
  EXPECT_EQ(calls.unpredicted, 1U);
  EXPECT_NE(report.divergences.at(0).what.find("predicted -ENOENT, the machine says -EINVAL"),
            std::string::npos);
}

// Up to 3 us too little and 1 us too much a start, 0.1 %, and the time that the read took.
TEST(Check, TimesHaveTwoEdges) {
  const auto wrong = [](std::int64_t off) {
    LogBuilder log = counting(0, kTimes);  // enters at 3000
    log.sched_switch(0, 10, 0);
    const auto time = static_cast<std::uint64_t>(2000 + off);
    log.read(1, 20, 1, {1, time, time});
    return of(check(log), ResultClass::time).wrong;
  };
  EXPECT_EQ(wrong(0), 0U);
  EXPECT_EQ(wrong(-2000), 0U);
  EXPECT_EQ(wrong(2 * 5000 + 2 + 1000), 0U) << "two starts, 0.1 %, 1000 ns of the read";
  EXPECT_EQ(wrong(2 * 5000 + 2 + 1000 + 1), 2U);
}

TEST(Check, TimesOfAnOverlappedReadMayBeAnywhereInTheWindow) {
  for (const std::uint64_t time : {100'000U, 1'000'000U, 2'000'000U}) {
    LogBuilder log = counting(0, kTimes);
    log.tick(99'000);
    log.read_enter(1, 20, 1);
    log.tick(1'900'000);
    log.sched_switch(0, 10, 0);
    log.read_return(1, 20, {0, time, time});
    EXPECT_EQ(check(log).total.wrong, 0U) << time;
  }
  LogBuilder log = counting(0, kTimes);
  log.tick(99'000);
  log.read_enter(1, 20, 1);
  log.tick(1'900'000);
  log.sched_switch(0, 10, 0);
  log.read_return(1, 20, {0, 10'000, 10'000});
  EXPECT_EQ(of(check(log), ResultClass::time).wrong, 2U) << "before the window";
}

TEST(Check, GroupReadsCompareEveryMember) {
  const std::uint64_t format = core::PERF_FORMAT_GROUP | core::PERF_FORMAT_ID;
  const auto report_for = [&](std::uint64_t nr, std::uint64_t second, std::uint64_t id) {
    LogBuilder log = counting(0, format);
    log.open(0, 10, switches(), 2, 0, -1, 1);
    away_and_back(log, 2);
    log.read(1, 20, 1, {nr, 2, 1, second, id});
    return check(log);
  };
  const CheckReport good = report_for(2, 2, 2);
  EXPECT_TRUE(good.passed());
  EXPECT_EQ(of(good, ResultClass::context_switches).exact, 2U);
  EXPECT_EQ(of(good, ResultClass::other_exact).exact, 3U) << "nr and two ids";
  EXPECT_EQ(report_for(3, 2, 2).total.wrong, 1U);
  EXPECT_EQ(report_for(2, 9, 2).total.wrong, 1U);
  EXPECT_EQ(report_for(2, 2, 9).total.wrong, 1U);
}

TEST(Check, AnEventThatDiesDuringTheRead) {
  LogBuilder log = counting();
  log.read_enter(1, 20, 1);
  log.release(0, 10, 1);
  away_and_back(log);
  log.read_return(1, 20, {0});
  EXPECT_EQ(check(log).total.wrong, 0U);
}

TEST(Check, Reports) {
  LogBuilder log = counting();
  log.read(1, 20, 1, {5});
  const CheckReport report = check(log);
  const std::string text = format_report(report, "x.rplog", "linux-6.18");
  EXPECT_NE(text.find("verdict: the machine and the model differ"), std::string::npos);
  const std::string json = format_json(report, "a\"b\\c\n", "linux-6.18");
  EXPECT_EQ(json.find("{\"file\":\"a\\\"b\\\\c\\u000a\",\"version\":\"linux-6.18\""), 0U) << json;
  EXPECT_NE(json.find("\"wrong\":1"), std::string::npos);
  EXPECT_NE(json.find("\"passed\":false"), std::string::npos);
  EXPECT_EQ(std::count(json.begin(), json.end(), '{'), std::count(json.begin(), json.end(), '}'));
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
}

}  // namespace
}  // namespace reperf::replay
