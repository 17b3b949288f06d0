// Session: a log drives the model, and the machine's answers put it right; and the digest of what
// comes of it.
#include "replayer/session.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "replayer/test_log.h"
#include "replayer/transcript.h"

namespace reperf::replay {
namespace {

using namespace testing;
using model::switches;

struct Replayed {
  explicit Replayed(const LogBuilder& log, std::string_view version = "linux-6.18")
      : session(*core::find_version(version), log.header),
        transcript(session, {}, [this](std::string_view line) { text += line; }) {
    session.add_listener(&transcript);
    session.add_observer(&transcript);
    session.add_observer(&digest);
    for (const log::Record& record : log.records) {
      const Result<void> done = session.step(record);
      if (!done.ok()) problem = done.error().what;
    }
  }
  [[nodiscard]] core::World& world() { return session.model().world(); }
  std::uint64_t value() { return digest.value(world()); }

  Session session;
  std::string text;
  Transcript transcript;
  Digest digest;
  std::string problem;
};

LogBuilder opened() {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.open(0, 10, switches(), 1);
  return log;
}

TEST(Session, EventsAreKnownByTheirId) {
  LogBuilder log = opened();
  Replayed r(log);
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().find_event(1));
  log.release(0, 10, 1);
  Replayed after(log);
  EXPECT_FALSE(after.session.model().find_event(1));
  EXPECT_EQ(after.world().events.live(), 0U);
}

// The machine refused for a reason that no log can tell: what the model opened goes again.
TEST(Session, ARefusedOpenIsTakenBack) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.open_enter(0, 10, switches());
  log.open_return(0, 10, -EMFILE, 0);
  Replayed r(log);
  EXPECT_EQ(r.world().events.live(), 0U);
  EXPECT_TRUE(r.session.calls().empty());
}

TEST(Session, AnOpenThatTheModelRefusesIsForced) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.open(0, 10, core::testing::make_attr(99, 0), 7);
  Replayed r(log);
  EXPECT_TRUE(r.session.model().find_event(7));
  LogBuilder impossible;
  impossible.open(0, 10, switches(), 7, -1, 5000);
  Replayed s(impossible);
  EXPECT_FALSE(s.session.model().find_event(7)) << "on a CPU that the log does not have";
}

TEST(Session, BadRecordsAreErrorsNotAccidents) {
  LogBuilder log;
  log.add(99, 10, log::SchedProcessExit{});
  EXPECT_EQ(Replayed(log).problem, "CPU 99 is not one of the machine's");
  LogBuilder idle;
  idle.exit(0, 0);
  EXPECT_EQ(Replayed(idle).problem, "the idle task does not exit");
  LogBuilder self;
  self.fork(0, 10, 10);
  EXPECT_EQ(Replayed(self).problem, "thread 10 cannot fork thread 10");
  LogBuilder far;
  far.add(0, 0, log::SchedMigrateTask{10, 0, 64});
  EXPECT_EQ(Replayed(far).problem, "CPU 64 is not one of the machine's");
  LogBuilder nothing;
  nothing.add(0, 10, log::Resume{});
  EXPECT_EQ(Replayed(nothing).problem, "nothing of thread 10 is held");
}

TEST(Session, HoldAndResume) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.add(0, 10, log::Hold{"open:before-mutex"});
  log.open_enter(0, 10, switches());
  Replayed held(log);
  EXPECT_FALSE(held.session.model().engine().quiescent());
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 3, 1);
  Replayed r(log);
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().engine().quiescent());
  EXPECT_TRUE(r.session.model().find_event(1));
}

TEST(Session, AHoldMayMeanOnePassing) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.add(0, 10, log::Hold{"find_get_context:begin", 2});
  log.open(0, 10, switches(), 1);
  log.open_enter(0, 10, switches());
  Replayed held(log);
  EXPECT_EQ(held.problem, "");
  EXPECT_TRUE(held.session.model().find_event(1)) << "the first passing";
  EXPECT_FALSE(held.session.model().engine().quiescent()) << "the second";
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 4, 2);
  log.open(0, 10, switches(), 3);
  Replayed r(log);
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().find_event(3)) << "the third";
  EXPECT_NE(r.text.find("hold at find_get_context:begin, passing 2"), std::string::npos);
}

TEST(Session, AHoldAtAPointThatIsNotThereIsAnError) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.add(0, 10, log::Hold{"open:before-mutx"});
  EXPECT_EQ(Replayed(log).problem,
            "no scheduling point is called 'open:before-mutx'; did you mean 'open:before-mutex'?");
}

TEST(Session, DeferredWorkIsNotRunBeforeItIsDue) {
  LogBuilder log = opened();
  log.add(0, 0, log::Defer{"key-off"});
  log.release(0, 10, 1);
  log.add(0, 0, log::RunWork{"key-off"});
  EXPECT_EQ(Replayed(log).problem, "work key-off is not due before 1000005000");
}

// Thread 10 stops inside its open, with the mutex of thread 20's context. Thread 11 waits for it.
LogBuilder opens_that_wait(std::int64_t ret) {
  LogBuilder log;
  log.sched_switch(0, 0, 10);
  log.sched_switch(1, 0, 11);
  log.add(0, 10, log::Hold{"install:before-lock"});
  log.open_enter(0, 10, switches(), 20);
  log.open_enter(1, 11, switches(), 20);
  log.open_return(1, 11, ret, ret < 0 ? 0 : 2);
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 3, 1);
  return log;
}

TEST(Session, AnOpenThatTheModelIsLateWithIsKnownAsSoonAsItEnds) {
  LogBuilder log = opens_that_wait(4);
  Replayed r(log);
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().find_event(1));
  ASSERT_TRUE(r.session.model().find_event(2));
  EXPECT_NE(r.text.find("perf_event_open = event 2"), std::string::npos);
  log.release(1, 11, 2);
  EXPECT_FALSE(Replayed(log).session.model().find_event(2));
}

TEST(Session, ARefusedOpenThatTheModelIsLateWithIsTakenBack) {
  Replayed r(opens_that_wait(-EMFILE));
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().engine().quiescent());
  EXPECT_EQ(r.world().events.live(), 1U);
}

TEST(Session, ANewCallDoesNotTakeTheResultOfALateOne) {
  LogBuilder log = opens_that_wait(4);
  // Thread 11 is off its CPU when thread 10 goes on, and comes back with its next call.
  log.records.resize(log.records.size() - 2);
  log.sched_switch(1, 11, 0);
  log.add(0, 10, log::Resume{});
  log.open_return(0, 10, 3, 1);
  log.open(1, 11, switches(), 3);
  Replayed r(log);
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(r.session.model().find_event(2));
  EXPECT_TRUE(r.session.model().find_event(3));
}

TEST(Session, ASnapshotIsTheStartOfTheStory) {
  LogBuilder log;
  core::OpenArgs attr;
  model::encode(switches(), attr);
  log.add(0, 0, log::SnapshotBegin{});
  log.add(1, 10, log::SnapshotTask{10, true, "old"});
  log::SnapshotEvent x;
  x.event = 5;
  x.object = 1;
  x.leader = 1;
  x.state = 1;
  x.count = 40;
  x.attr = attr.attr_span();
  log.add(1, 10, x);
  log.add(0, 0, log::SnapshotEnd{});
  log.sched_switch(1, 10, 0);
  Replayed r(log);
  const core::EventId event = r.session.model().find_event(5);
  ASSERT_TRUE(event);
  EXPECT_EQ(r.world().events[event].count, 41U);
  EXPECT_EQ(r.world().tasks[r.world().find_task(10)].name(), "old");
}

TEST(Transcript, TheSameLogGivesTheSameBytesAndDigest) {
  const LogBuilder log = opened();
  Replayed a(log);
  Replayed b(log);
  EXPECT_FALSE(a.text.empty());
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.value(), b.value());
}

TEST(Transcript, ADifferentRunHasADifferentDigest) {
  Replayed a(opened());
  LogBuilder log = opened();
  log.sched_switch(0, 10, 0);
  EXPECT_NE(Replayed(log).value(), a.value());
  EXPECT_NE(Replayed(opened(), "base").value(), a.value());
}

TEST(Transcript, EveryFieldOfAFactEntersTheDigest) {
  core::World world = core::make_world({});
  const auto value = [&](const core::Fact& fact) {
    Digest digest;
    digest.on_fact(fact, world);
    return digest.value(world);
  };
  const core::Fact fact{.kind = core::FactKind::event_state, .text = "text"};
  const auto differs = [&](auto change) {
    core::Fact other = fact;
    change(other);
    return value(other) != value(fact);
  };
  EXPECT_TRUE(differs([](core::Fact& f) { f.kind = core::FactKind::event_fail; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.time = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.cpu = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.task.serial = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.event.serial = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.ctx.serial = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.a = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.b = 1; }));
  EXPECT_TRUE(differs([](core::Fact& f) { f.text = "test"; }));
}

}  // namespace
}  // namespace reperf::replay
