// The invariants INV-1 to INV-24 of scheduling.md section 16, judged while the core runs.
//
// When they are judged:
//  - at every release of a ctx->lock (@L): that context, its events, and the CPU of the release;
//  - when no CPU has interrupts off (@Q), at the end of a path or where a directive holds one: the
//    contexts and CPUs that were looked at since the last time;
//  - at the end of a path (@E).
// What cannot have changed is not looked at again, so that a long log stays affordable.
//
// A violation is a fact of kind `finding`: text "invariant", rule the invariant, `after` the rule
// of the last step before it was noticed, `detail` what is wrong. In `detail`, %e and %f stand for
// the fact's event and event2, %c and %d for ctx and ctx2, %u for task2, %a and %b for the numbers,
// %m and %n for the same as values of is_active. One that persists is told once, until it has held
// again.
//
// Not judged: INV-23, for which one would have to know who was refused. INV-24 is the engine's own
// finding "livelock".
//
// Add it as the last observer: a finding follows the step that it is about. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/fact.h"
#include "core/world.h"

namespace reperf::core {

class Invariants : public Observer {
 public:
  // `not_judged`: those that the version does not promise, as "INV-3 INV-6"; others are judged,
  // also where the version is known to break them. `engine` takes the findings, and outlives this.
  Invariants(Engine& engine, const World& world, std::string_view not_judged);

  void on_fact(const Fact& fact, const World& world) override;
  void on_run_end(const Run& run, const World& world) override;

 private:
  // What is kept of an object from one look to the next, by its slot.
  struct CtxMemory {
    CtxId id;  // slots are used again: whose memory it is
    Ns time = 0;
    std::uint64_t generation = 0;
    std::uint64_t compared = 0;  // generation at which INV-19 was last judged
    std::uint32_t changes = 0;   // adds, deletes and unclones since the last look
    std::int32_t on_cpus = 0;    // CPUs that have it as task_ctx
    bool touched = true;         // a fact told of its events since they were looked at
    bool adopted = false;        // has events from before the log, and was not scheduled since
    bool time_ran = false;       // EVENT_TIME at the last look
    bool exec_stopped = false;   // an exec stopped its time, which may stay so (SCH-101)
    bool waits = false;          // is in waiting_ctxs_
  };
  struct EventMemory {
    EventId id;
    Ns enabled = 0;
    Ns running = 0;
    Cpu counted_on = kNoCpu;    // where it is in CpuMemory::active_oncpu
    bool unstamped = false;     // INV-14 does not speak of it, see inv_14()
    bool exchanged = false;     // neither INV-14 nor INV-15 do, see note_swap()
    bool lags = false;          // enabled since it ran last, its context not active: see inv_14()
    bool attached = false;      // its stamps are new since its totals were last updated
    std::uint32_t refused = 0;  // refused_ when it was attached
    bool on_running = false;    // its task ran when it was attached
  };
  struct CpuMemory {
    std::array<CtxId, perf_nr_task_contexts> task_ctx;
    std::array<std::int32_t, perf_nr_task_contexts> active_oncpu{};
    bool waits = false;  // is in waiting_cpus_
  };
  enum class Who : std::uint8_t { ctx, ctx_pins, event, cpu };
  using Broken = std::pair<std::pair<Who, std::uint32_t>, Rule>;
  // An event whose open has not returned yet.
  struct Opened {
    RunId run;
    EventId event;
  };

  [[nodiscard]] bool judged(Rule invariant) const { return (judged_ >> index(invariant) & 1) != 0; }
  static unsigned index(Rule invariant) {
    return static_cast<unsigned>(invariant) - static_cast<unsigned>(Rule::INV_1);
  }
  // Whether a violation is to be told: `holds` is false, and was true at the last look.
  bool news(Rule invariant, Who who, std::uint32_t serial, bool holds) {
    if (holds && broken_.empty()) return false;
    return note(invariant, who, serial, holds);
  }
  bool note(Rule invariant, Who who, std::uint32_t serial, bool holds);
  void tell(Rule invariant, const char* detail, Fact fact);
  void forget(Who who, std::uint32_t serial);

  CtxMemory& memory(CtxId id, const World& w);
  EventMemory& memory(EventId id, const World& w);
  static std::uint32_t cpu_key(Cpu cpu, perf_event_task_context nr) {
    return static_cast<std::uint32_t>(cpu) * perf_nr_task_contexts + static_cast<std::uint32_t>(nr);
  }

  // ---- what facts tell (invariants.cpp)
  void note_state(const Fact& fact, const World& w);
  void note_attach(const Fact& fact, const World& w);
  void note_exec(const Fact& fact, const World& w);
  void note_swap(CtxId id, const World& w);
  void note_task_ctx(const World& w, Cpu cpu, perf_event_task_context nr);
  void context_gone(CtxId id);
  void event_gone(EventId id);
  void wait_for_quiescence(CtxId id, CtxMemory& m, const World& w);
  void wait_for_quiescence(Cpu cpu);

  // ---- @L (invariants_unlock.cpp)
  void at_unlock(CtxId id, Cpu cpu, const World& w);
  void look_at_events(CtxId id, const perf_event_context& c, const World& w);
  void inv_1(CtxId id, const perf_event_context& c, const World& w);
  void inv_2(CtxId id, const perf_event_context& c, const World& w);
  void inv_3(CtxId id, const perf_event_context& c);
  void inv_4(Cpu cpu, perf_event_task_context nr, const World& w);
  void inv_4(CtxId id, const perf_event_context& c, const CtxMemory& m);
  void inv_5(CtxId id, const perf_event_context& c, const CtxMemory& m);
  void inv_8(CtxId id, const perf_event_context& c, const World& w);
  void inv_9(EventId event, const perf_event& x, CtxId id, const World& w);
  void inv_12(Cpu cpu, perf_event_task_context nr, const World& w);
  void inv_12_exclusive(Cpu cpu, const World& w);
  void inv_14(EventId event, const perf_event& x, EventMemory& m, const World& w);
  void inv_15(CtxId id, const perf_event_context& c, CtxMemory& m, Ns now);
  void inv_16(CtxId id, const perf_event_context& c, const CtxMemory& m);
  void inv_17(CtxId id, const perf_event_context& c, CtxMemory& m);
  void inv_15(EventId event, const perf_event& x, EventMemory& m);
  void inv_18(CtxId id, const perf_event_context& c, CtxMemory& m);
  void inv_20(CtxId id, const perf_event_context& c, const CtxMemory& m, const World& w);

  // ---- @Q and @E (invariants_quiescent.cpp)
  void at_quiescence(const World& w);
  bool look_at_cpu(Cpu cpu, const World& w);
  bool look_at_ctx(CtxId id, CtxMemory& m, const World& w);
  void inv_6(Cpu cpu, perf_event_task_context nr, const World& w);
  bool inv_7(Cpu cpu, perf_event_task_context nr, const World& w);
  void inv_10(CtxId id, const perf_event_context& c, const World& w);
  void inv_11(CtxId id, const perf_event_context& c, const World& w);
  void inv_13(Cpu cpu, const World& w);
  bool inv_18_pins(CtxId id, const perf_event_context& c);
  bool inv_19(CtxId id, const perf_event_context& c, CtxMemory& m, const World& w);
  void inv_21(Cpu cpu, perf_event_task_context nr, const World& w);
  void inv_22(EventId event, const World& w);

  Engine& engine_;
  std::uint32_t judged_;  // bit n: INV-(n+1)
  Rule last_rule_ = Rule::none;
  Cpu ended_cpu_ = kNoCpu;  // of the path that has just ended
  TaskId ended_task_;
  std::uint32_t refused_ = 0;        // how often an event found no room, or took all of it (SCH-28)
  std::vector<CtxMemory> ctxs_;      // by slot
  std::vector<EventMemory> events_;  // by slot
  std::vector<CpuMemory> cpus_;
  std::vector<CtxId> waiting_ctxs_;  // for quiescence
  std::vector<Cpu> waiting_cpus_;
  std::vector<Opened> opened_;
  std::vector<std::pair<Cpu, perf_event_task_context>> foreign_;  // counted off by another CPU
  std::set<Broken> broken_;
};

}  // namespace reperf::core
