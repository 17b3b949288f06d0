// Explain: one line of a transcript.
#include "replayer/explain.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "replayer/test_log.h"
#include "replayer/transcript.h"

namespace reperf::replay {
namespace {

using namespace testing;
using model::switches;

struct Explained {
  Explained(const LogBuilder& log, std::uint64_t line)
      : session(*core::find_version("base"), log.header),
        explain(session, line),
        transcript(session, {}, [this](std::string_view text) {
          lines += text;
          explain.take(text);
        }) {
    session.add_observer(&explain);
    session.add_listener(&explain);
    session.add_observer(&transcript);
    session.add_listener(&transcript);
    for (const log::Record& record : log.records) EXPECT_TRUE(session.step(record).ok());
  }
  [[nodiscard]] bool says(std::string_view words) const {
    return explain.text().find(words) != std::string::npos;
  }

  Session session;
  Explain explain;
  std::string lines;
  Transcript transcript;
};

// Task 10 runs on CPU 0 and opens event 1 on itself.
LogBuilder opened() {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.open(0, 10, switches(), 1);
  log.read_enter(0, 10, 1, 8);
  return log;
}

// The number of the first line with these words.
std::uint64_t line_with(const std::string& text, std::string_view words) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(text.find(words));
  return 1 + static_cast<std::uint64_t>(std::count(text.begin(), end, '\n'));
}

TEST(Explain, AFactHasItsPathItsRuleAndItsObjects) {
  const LogBuilder log = opened();
  const std::string lines = Explained(log, 1).lines;
  const Explained e(log, line_with(lines, "INACTIVE -> ACTIVE"));
  EXPECT_TRUE(e.says("event 1 INACTIVE -> ACTIVE\n")) << e.explain.text();
  EXPECT_TRUE(e.says("record: 2, perf_event_open\n"));
  EXPECT_TRUE(
      e.says("path: perf_event_open of 10 on CPU 0, interrupts off, last scheduling point "));
  EXPECT_TRUE(e.says("rule: SCH-10: "));
  EXPECT_TRUE(e.says("state at that moment:\n"));
  EXPECT_TRUE(e.says("  event 1 context-switches: state ACTIVE, attach_state CONTEXT|GROUP|TASK"));
  EXPECT_TRUE(e.says("is_active PINNED|FLEXIBLE, nr_events 1, nr_active "));
  EXPECT_TRUE(e.says("  CPU 0, software: task_ctx ctx "));
}

// What comes later does not reach back into the line.
TEST(Explain, TheStateIsThatOfTheMoment) {
  const LogBuilder log = opened();
  const std::string lines = Explained(log, 1).lines;
  const Explained e(log, line_with(lines, "event 1 new"));
  EXPECT_TRUE(e.says("event 1 context-switches: state INACTIVE, attach_state -, ctx -"))
      << e.explain.text();
  EXPECT_TRUE(e.says("rule: SCH-8: "));
}

TEST(Explain, LinesOfTheLogAndResultsHaveNoPath) {
  const LogBuilder log = opened();
  const std::string lines = Explained(log, 1).lines;
  const Explained read(log, line_with(lines, "read event 1"));
  EXPECT_TRUE(read.says("path: none, the log's own line")) << read.explain.text();
  EXPECT_TRUE(read.says("state before it:\n"));
  EXPECT_TRUE(read.says("  event 1 context-switches: state ACTIVE"));
  const Explained result(log, line_with(lines, "perf_event_open = "));
  EXPECT_TRUE(result.says("path: the end of perf_event_open, which entered at "));
  EXPECT_TRUE(result.says("  event 1 context-switches: state ACTIVE"));
}

TEST(Explain, ALineThatThereIsNotIsNotExplained) {
  const LogBuilder log = opened();
  const Explained none(log, 0);
  EXPECT_EQ(none.explain.text(), "");
  EXPECT_EQ(Explained(log, none.explain.lines() + 1).explain.text(), "");
  EXPECT_NE(Explained(log, none.explain.lines()).explain.text(), "");
}

}  // namespace
}  // namespace reperf::replay
