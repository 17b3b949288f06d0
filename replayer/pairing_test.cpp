// Pairing: the same object in two runs, whatever its serials.
#include "replayer/pairing.h"

#include <gtest/gtest.h>

namespace reperf::replay {
namespace {

using core::FactKind;

// Two worlds with tasks 10 and 20, and what happens in them told to a Pairing.
struct Two {
  Two() {
    for (core::World& w : world) {
      w = core::make_world({});
      for (const core::Tid tid : {10U, 20U}) {
        const core::TaskId task = w.tasks.create();
        w.tasks[task].tid = tid;
        w.bind_tid(tid, task);
      }
    }
  }
  core::EventId event(Side side, core::Tid tid, core::EventId parent = {}) {
    core::World& w = world[side];
    const core::EventId id = w.events.create();
    w.events[id].parent = parent;
    pairing.see(
        side,
        {.kind = FactKind::event_new, .task = w.find_task(tid), .event = id, .event2 = parent}, w);
    return id;
  }
  core::CtxId ctx(Side side, core::Tid tid) {
    core::World& w = world[side];
    const core::CtxId id = w.contexts.create();
    w.contexts[id].task = w.find_task(tid);
    pairing.see(side, {.kind = FactKind::ctx_new, .ctx = id}, w);
    return id;
  }
  void free(Side side, core::EventId id) {
    pairing.see(side, {.kind = FactKind::event_free, .event = id}, world[side]);
    world[side].events.destroy(id);
  }
  template <class IdT>
  std::string number(Side side, IdT id) {
    std::string out;
    pairing.numbering(side).append_number(out, id);
    return out;
  }

  std::array<core::World, 2> world;
  Pairing pairing;
};

TEST(Pairing, EventsOfOneRecordArePairedByTaskAndOrder) {
  Two two;
  const core::EventId a = two.event(0, 10);
  const core::EventId b = two.event(0, 20);
  const core::EventId b2 = two.event(1, 20);
  const core::EventId a2 = two.event(1, 10);
  EXPECT_EQ(two.pairing.event(0, a), two.pairing.event(1, a2));
  EXPECT_EQ(two.pairing.event(0, b), two.pairing.event(1, b2));
  EXPECT_EQ(two.number(1, a2), "1");
  EXPECT_EQ(two.number(1, b2), "2");
}

// One run refuses the first open: from then on its serials are one lower.
TEST(Pairing, AnEventThatOneRunLacksMovesNoOtherNumber) {
  Two two;
  const core::EventId refused = two.event(0, 10);
  two.pairing.end_record();
  const core::EventId a = two.event(0, 10);
  const core::EventId a2 = two.event(1, 10);
  two.pairing.end_record();
  EXPECT_EQ(two.number(1, a2), "2");
  EXPECT_FALSE(two.pairing.has(1, two.pairing.event(0, refused)));
  EXPECT_TRUE(two.pairing.has(1, two.pairing.event(0, a)));
  const core::EventId only = two.event(1, 10);
  EXPECT_EQ(two.number(1, only), "2'");
}

TEST(Pairing, TheLogsIdJoinsWhatCameAtDifferentRecords) {
  Two two;
  const core::EventId late = two.event(1, 10);
  two.pairing.end_record();
  const core::EventId other = two.event(0, 10);
  EXPECT_EQ(two.number(1, late), "1'");
  EXPECT_NE(two.pairing.join(other, late), 0U);
  EXPECT_EQ(two.number(1, late), "1");
  EXPECT_EQ(two.pairing.join(other, late), 0U) << "they are a pair";
  const core::EventId next = two.event(1, 10);
  EXPECT_NE(two.pairing.event(1, next), two.pairing.event(0, other)) << "it has its partner";
}

TEST(Pairing, CopiesFollowTheirOriginals) {
  Two two;
  const core::EventId a = two.event(0, 10);
  const core::EventId b = two.event(0, 10);
  const core::EventId a2 = two.event(1, 10);
  const core::EventId b2 = two.event(1, 10);
  const core::EventId copy_b2 = two.event(1, 10, b2);
  const core::EventId copy_a = two.event(0, 10, a);
  const core::EventId copy_b = two.event(0, 10, b);
  const core::EventId copy_a2 = two.event(1, 10, a2);
  EXPECT_EQ(two.pairing.event(0, copy_a), two.pairing.event(1, copy_a2));
  EXPECT_EQ(two.pairing.event(0, copy_b), two.pairing.event(1, copy_b2));
}

TEST(Pairing, WhatBothRunsFreedIsForgotten) {
  Two two;
  const core::EventId a = two.event(0, 10);
  const core::EventId a2 = two.event(1, 10);
  const PairNumber pair = two.pairing.event(0, a);
  two.free(0, a);
  EXPECT_TRUE(two.pairing.end_record().empty()) << "the other run still has it";
  two.free(1, a2);
  EXPECT_EQ(two.pairing.end_record(), std::vector<PairNumber>{pair});
  EXPECT_EQ(two.pairing.event(0, a), 0U);
}

// A context that one run creates records later is the same context, of the same task.
TEST(Pairing, ContextsArePairedByTaskWheneverTheyCome) {
  Two two;
  const core::CtxId of10 = two.ctx(0, 10);
  two.pairing.end_record();
  const core::CtxId of20 = two.ctx(0, 20);
  const core::CtxId first = two.ctx(1, 20);
  two.pairing.end_record();
  const core::CtxId second = two.ctx(1, 10);
  EXPECT_EQ(two.number(1, first), std::to_string(of20.serial));
  EXPECT_EQ(two.number(1, second), std::to_string(of10.serial));
  const core::CtxId third = two.ctx(1, 10);
  EXPECT_EQ(two.number(1, third), std::to_string(third.serial) + "'");
}

}  // namespace
}  // namespace reperf::replay
