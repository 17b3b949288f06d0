// Which event and which context of one run is which of another run of the same log.
//
// Two versions usually create the same objects in the same order, and then the model's serials
// agree. Where one version creates more, less or later than the other, they do not, and every
// later line would differ by a number. So objects are paired by where they come from:
//  - events: created at the same record of the log, for the same task, from the same original,
//    the n-th with the n-th; or the log gives them the same id (one version refused an open that
//    the machine let pass, and the model made up for it when the call returned);
//  - task contexts: of the same task and class, the oldest that has no partner yet (a version may
//    create one at a later record than the other);
//  - CPU contexts and tasks come from the log and are the same.
// People see the serials of the first run. What the first run has no partner for keeps the serial
// of the second one, with a prime: 7'.
//
// Memory is bounded by the live objects.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/fact.h"
#include "core/world.h"
#include "replayer/names.h"

namespace reperf::replay {

// The two runs: 0 is the first, 1 the second.
using Side = std::size_t;
inline constexpr std::array<Side, 2> kSides = {0, 1};

using PairNumber = std::uint32_t;  // 0: none

class Pairing {
 public:
  Pairing();

  // Learns of new and freed objects. Call it before the fact is printed.
  void see(Side side, const core::Fact& fact, const core::World& world);
  // The log calls these two by one name: whatever they were taken for, they are a pair. Only when
  // neither has a partner; returns the number that the second run's event had before, 0: nothing
  // changed.
  PairNumber join(core::EventId first, core::EventId second);
  // Both runs are through with a record. Returns the events of which no run has a live one any
  // more; their numbers are forgotten.
  std::vector<PairNumber> end_record();

  // 0: no fact named the event yet.
  [[nodiscard]] PairNumber event(Side side, core::EventId event) const;
  // Whether this run ever had it.
  [[nodiscard]] bool has(Side side, PairNumber event) const;
  [[nodiscard]] const Numbering& numbering(Side side) const { return numbering_[side]; }

 private:
  struct Pair {
    std::array<std::uint32_t, 2> serial{};
    std::array<bool, 2> freed{};
  };
  // Pairs of one type of object, by number and by either serial.
  struct Pairs {
    PairNumber last = 0;
    std::map<PairNumber, Pair> all;
    std::array<std::map<std::uint32_t, PairNumber>, 2> by_serial;

    PairNumber add(Side side, std::uint32_t serial);
    void join(PairNumber pair, Side side, std::uint32_t serial);
    [[nodiscard]] PairNumber find(Side side, std::uint32_t serial) const;
    void free(Side side, std::uint32_t serial);
    std::vector<PairNumber> forget_freed();
    void append(std::string& out, Side side, std::uint32_t serial) const;

   private:
    std::vector<PairNumber> maybe_gone_;
  };
  struct Numbers : Numbering {
    void append_number(std::string& out, core::EventId event) const override;
    void append_number(std::string& out, core::CtxId ctx) const override;
    const Pairing* pairing = nullptr;
    Side side = 0;
  };
  struct Birth {
    PairNumber parent = 0;
    core::Tid tid = 0;
    std::uint32_t nth = 0;  // with this parent and task, in this record
    friend auto operator<=>(const Birth&, const Birth&) = default;
  };
  struct Owner {
    core::Tid tid = 0;
    int nr = 0;  // perf_event_task_context
    friend auto operator<=>(const Owner&, const Owner&) = default;
  };

  PairNumber see_event(Side side, core::EventId event, core::TaskId task, const core::World& world);
  void see_ctx(Side side, core::CtxId ctx, const core::World& world);

  Pairs events_;
  Pairs contexts_;
  std::map<Birth, PairNumber> births_;                 // of this record, without a partner
  std::array<std::map<Birth, std::uint32_t>, 2> nth_;  // of this record, with nth = 0
  std::array<std::map<Owner, std::deque<PairNumber>>, 2> single_;  // contexts without a partner
  std::array<Numbers, 2> numbering_;
};

}  // namespace reperf::replay
