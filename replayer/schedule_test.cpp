// Schedules: their text, and that a run is reproduced by the schedule that it printed.
#include "replayer/schedule.h"

#include <gtest/gtest.h>

#include "replayer/test_log.h"
#include "replayer/transcript.h"

namespace reperf::replay {
namespace {

using namespace testing;
using model::switches;
using Verb = ScheduleEntry::Verb;

TEST(Schedule, ItsTextIsReadBack) {
  for (const std::string_view text :
       {"1000 hold 200@task_function_call:before-ipi", "1500+2 resume 200",
        "0 hold cpu1@switch:between#3?; 0 resume cpu1", "7 queue cpu0?; 8 deliver cpu0 one",
        "8 deliver cpu0", "1 defer key-off; 2 run_work key-off",
        "3+1 next cpu1@sched_switch; 3+1 next work@work#2; 4 next 200@ctx->lock"}) {
    const Result<Schedule> parsed = parse_schedule(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().what;
    EXPECT_EQ(format_schedule(parsed.value()), text);
  }
}

TEST(Schedule, LinesCommentsAndTheTranscriptsOwnLineAreRead) {
  const Result<Schedule> parsed = parse_schedule(
      "# how it was found\nschedule 1 defer key-off;\n\n  5+1  run_work key-off ;; 6 queue cpu2\n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().what;
  EXPECT_EQ(format_schedule(parsed.value()), "1 defer key-off; 5+1 run_work key-off; 6 queue cpu2");
  EXPECT_EQ(parsed.value()[1].when, (When{5, 1}));
  EXPECT_TRUE(parse_schedule("").value().empty());
}

struct BadText {
  std::string_view text;
  std::string_view problem;
};

TEST(Schedule, WhatIsWrongIsNamed) {
  for (const BadText& bad : {
           BadText{"soon resume 1", "'soon resume 1': 'soon' is not TIME or TIME+RECORDS"},
           BadText{"1+ resume 1", "'1+ resume 1': '1+' is not TIME or TIME+RECORDS"},
           BadText{"1 wait 1", "'1 wait 1': 'wait' is no directive"},
           BadText{"1 resume T", "'1 resume T': 'T' is not a thread or cpuN"},
           BadText{"1 resume work", "'1 resume work': 'work' is not a thread or cpuN"},
           BadText{"1 queue 5", "'1 queue 5': '5' is not cpuN"},
           BadText{"1 deliver cpu1 two", "'1 deliver cpu1 two': 'two' is too much"},
           BadText{"1 hold 5", "'1 hold 5': '5' is not THREAD@POINT or cpuN@POINT"},
           BadText{"1 hold work@ipi:begin", "'1 hold work@ipi:begin': work cannot be held"},
           BadText{"1 hold 5@ipi:begin#x", "'1 hold 5@ipi:begin#x': 'x' is not a number"},
           BadText{"1 hold 5@ipi:begn",
                   "'1 hold 5@ipi:begn': no scheduling point is called "
                   "'ipi:begn'; did you mean 'ipi:begin'?"},
           BadText{"1 hold 5@no:such-place",
                   "'1 hold 5@no:such-place': no scheduling point is called 'no:such-place'"},
           BadText{"1 defer keyoff",
                   "'1 defer keyoff': no deferred work is called 'keyoff'; did "
                   "you mean 'key-off'?"},
           BadText{"5 resume 1; 4+9 resume 2",
                   "'4+9 resume 2': is earlier than the entry before it"},
       }) {
    const Result<Schedule> parsed = parse_schedule(bad.text);
    ASSERT_FALSE(parsed.ok()) << bad.text;
    EXPECT_EQ(parsed.error().what, "schedule entry " + std::string{bad.problem});
  }
}

// Picks the last of several runs, and counts the choices.
struct LastFirst : core::Chooser {
  std::size_t choose(std::string_view, std::span<const core::Option> options) override {
    ++choices;
    return options.size() - 1;
  }
  int choices = 0;
};

struct Replayed {
  explicit Replayed(const LogBuilder& log, const Schedule* schedule = nullptr,
                    core::Chooser* chooser = nullptr)
      : session(*core::find_version("base"), log.header),
        transcript(session, {}, [this](std::string_view line) { text += line; }) {
    if (schedule != nullptr) session.use_schedule(*schedule);
    session.ask(chooser);
    session.add_listener(&transcript);
    session.add_observer(&transcript);
    session.add_observer(&digest);
    for (const log::Record& record : log.records) {
      if (!keep(session.step(record))) return;
    }
    if (keep(session.finish())) transcript.finish();
  }
  bool keep(const Result<void>& done) {
    if (!done.ok()) problem = done.error().what;
    return done.ok();
  }
  [[nodiscard]] std::uint64_t value() { return digest.value(session.model().world()); }

  Session session;
  std::string text;
  Transcript transcript;
  Digest digest;
  std::string problem;
};

// Parsed; the text is right.
Schedule scheduled(std::string_view text) {
  Result<Schedule> parsed = parse_schedule(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return std::move(*parsed);
}

// Its records point into `log`.
LogBuilder without_directives(const LogBuilder& log) {
  LogBuilder out;
  for (const log::Record& record : log.records) {
    if (log::kind_class(record.kind()) != log::KindClass::directive) out.records.push_back(record);
  }
  return out;
}

// The log with its own directives, with its schedule instead, and with the schedule alone.
void expect_reproduced(const LogBuilder& log, core::Chooser* chooser = nullptr) {
  Replayed first{log, nullptr, chooser};
  EXPECT_EQ(first.problem, "");
  const std::string text = format_schedule(first.session.schedule());
  const Schedule schedule = scheduled(text);
  for (const LogBuilder& again : {log, without_directives(log)}) {
    Replayed second{again, &schedule};
    EXPECT_EQ(second.problem, "") << text;
    EXPECT_EQ(second.text, first.text) << text;
    EXPECT_EQ(second.value(), first.value()) << text;
  }
}

// Three threads that open an event each on thread 20, which runs on CPU 1; CPU 0 is T's opener's.
LogBuilder three_openers(std::string_view point) {
  LogBuilder log;
  log.sched_switch(1, 0, 20);
  log.sched_switch(0, 0, 10);
  log.sched_switch(2, 0, 11);
  log.sched_switch(3, 0, 12);
  log.open(0, 10, switches(), 1, 20);
  log.add(1, 0, log::Queue{});
  if (!point.empty()) log.add(0, 10, log::Hold{point});
  log.open_enter(0, 10, switches(), 20);
  log.open_enter(2, 11, switches(), 20);
  log.open_enter(3, 12, switches(), 20);
  return log;
}

TEST(Schedule, HoldsQueuesAndWorkAreReproduced) {
  LogBuilder log = three_openers("open:before-owner");
  log.add(0, 0, log::Defer{"key-off"});
  log.add(1, 20, log::Deliver{true});
  log.open_return(2, 11, 4, 3);
  log.add(1, 20, log::Deliver{});
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 4, 2);
  log.open_return(3, 12, 4, 4);
  for (std::uint64_t event = 1; event <= 4; ++event) log.release(0, 10, event);
  log.tick(2'000'000'000);
  log.sched_switch(2, 11, 0);
  log.add(0, 0, log::RunWork{"key-off"});
  log.sched_switch(2, 0, 11);
  expect_reproduced(log);
  const Replayed run{log};
  EXPECT_NE(run.text.find("IPI __perf_install_in_context stays queued for CPU 1"),
            std::string::npos);
  EXPECT_NE(run.text.find("work key-off runs"), std::string::npos);
  EXPECT_NE(run.text.find("\nschedule 7000 queue cpu1; 8000 hold 10@open:before-owner; "
                          "12000 defer key-off; 13000 deliver cpu1 one; 15000 deliver cpu1; "
                          "16000 resume 10; 2000024000 run_work key-off\n"),
            std::string::npos);
}

TEST(Schedule, DirectivesOfOneTimeKeepTheirPlace) {
  LogBuilder log = three_openers("open:before-owner");
  log.add(1, 0, log::Deliver{});
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 4, 2);
  for (log::Record& record : log.records) record.time = record.time < 5000 ? 1 : 5;
  expect_reproduced(log);
  const Replayed run{log};
  EXPECT_EQ(format_schedule(run.session.schedule()),
            "5+2 queue cpu1; 5+2 hold 10@open:before-owner; 5+5 deliver cpu1; 5+5 resume 10");
}

TEST(Schedule, ChoicesOfAnotherChooserAreReproduced) {
  LogBuilder log = three_openers("");
  log.add(1, 0, log::Deliver{});
  log.sched_switch(1, 20, 0);
  LastFirst last;
  expect_reproduced(log, &last);
  EXPECT_GT(last.choices, 0);
  Replayed chosen{log, nullptr, &last};
  EXPECT_NE(chosen.text, Replayed(log).text);
  EXPECT_NE(format_schedule(chosen.session.schedule()).find(" next "), std::string::npos);
}

TEST(Schedule, TheDefaultScheduleIsNotPrinted) {
  const LogBuilder opened = three_openers("");
  const LogBuilder log = without_directives(opened);
  const Replayed run{log};
  EXPECT_TRUE(run.session.schedule().empty());
  EXPECT_EQ(run.text.find("schedule "), std::string::npos);
}

struct Misfit {
  std::string_view schedule;
  std::string_view problem;
};

TEST(Schedule, WhatDoesNotFitTheLogIsNamed) {
  const LogBuilder opened = three_openers("");
  const LogBuilder log = without_directives(opened);
  for (const Misfit& bad : {
           Misfit{"1 hold 99@open:before-owner",
                  "entry '1 hold 99@open:before-owner': the log has no thread 99"},
           Misfit{"1 hold 10@exec:before-lock; 1 hold cpu2@switch:before-swap",
                  "entry '1 hold 10@exec:before-lock': thread 10 did not come to that point; entry "
                  "'1 hold cpu2@switch:before-swap': CPU 2 did not come to that point"},
           Misfit{"1 hold 10@open:before-owner#7",
                  "entry '1 hold 10@open:before-owner#7': thread 10 did not come to that point 7 "
                  "times"},
           Misfit{"1 resume 10", "entry '1 resume 10': nothing of thread 10 is held"},
           Misfit{"1 queue cpu9", "entry '1 queue cpu9': CPU 9 is not one of the machine's"},
           Misfit{"1 queue cpu65536",
                  "entry '1 queue cpu65536': CPU 65536 is not one of the machine's"},
           Misfit{"1 queue cpu3", "entry '1 queue cpu3': no IPI was sent to CPU 3"},
           Misfit{"1 deliver cpu1", "entry '1 deliver cpu1': CPU 1 does not queue IPIs"},
           Misfit{"1 queue cpu3; 2 queue cpu3", "entry '2 queue cpu3': CPU 3 queues IPIs already"},
           Misfit{"1 queue cpu3; 2 deliver cpu3",
                  "entry '2 deliver cpu3': no IPI is queued for CPU 3"},
           Misfit{"1 defer key-off", "entry '1 defer key-off': no work key-off was due"},
           Misfit{"1 run_work key-off", "entry '1 run_work key-off': work key-off is not deferred"},
           Misfit{"1 defer key-off; 1 run_work key-off",
                  "entry '1 run_work key-off': no work key-off is queued"},
           Misfit{"1000+3 resume 10", "entry '1000+3 resume 10': the log has no record 3 at 1000"},
           Misfit{"999999 queue cpu1", "entry '999999 queue cpu1': the log ends at 10000"},
           Misfit{"8000+1 next 11@x", "entry '8000+1 next 11@x': there was nothing to choose"},
       }) {
    const Schedule schedule = scheduled(bad.schedule);
    const Replayed run{log, &schedule};
    EXPECT_EQ(run.problem, "schedule " + std::string{bad.problem});
  }
}

TEST(Schedule, AnEntryMayAllowThatItFindsNothing) {
  LogBuilder log = three_openers("exec:before-lock");
  const Replayed run{log};
  EXPECT_NE(run.text.find("NOTE 8000 hold 10@exec:before-lock?: thread 10 did not come to that"),
            std::string::npos);
  EXPECT_NE(run.text.find("NOTE IPI __perf_install_in_context is still queued for CPU 1"),
            std::string::npos);
  expect_reproduced(log);
}

TEST(Schedule, AChoiceThatIsGoneSaysWhatThereIs) {
  LogBuilder log = three_openers("");
  log.add(1, 0, log::Deliver{});
  LastFirst last;
  const Replayed chosen{log, nullptr, &last};
  Schedule schedule = chosen.session.schedule();
  const auto next = std::find_if(schedule.begin(), schedule.end(), [](const ScheduleEntry& entry) {
    return entry.verb == Verb::next;
  });
  ASSERT_NE(next, schedule.end());
  const std::string was = format_who(next->who) + "@" + next->name;
  next->name = "gone";
  const Replayed run{log, &schedule};
  EXPECT_NE(run.problem.find("@gone': could go on there: "), std::string::npos) << run.problem;
  EXPECT_NE(run.problem.find(was), std::string::npos) << run.problem;
}

}  // namespace
}  // namespace reperf::replay
