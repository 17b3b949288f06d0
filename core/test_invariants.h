// What must hold in a world at a quiescent point: INV rules of scheduling.md section 16 and
// lifetime.md section 19, as far as the modelled state shows them.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/world.h"

namespace reperf::core::testing {

struct InvariantOptions {
  // Base keeps contexts active that have no events (SCH-36, SCH-39).
  bool empty_contexts_active = false;
  // Totals are accumulated (SCH-136) and never exchanged (SCH-71). The older ones, derived from
  // stamps, go below 0 when an event is enabled while its task sleeps: tstamp_stopped is of a time
  // before tstamp_enabled (SCH-42).
  bool totals_accumulate = false;
};

class Invariants {
 public:
  explicit Invariants(InvariantOptions options) : options_(options) {}

  // Empty when all hold, else the first that does not. `open` are the events whose file is open.
  std::string check(const World& world, const std::set<EventId>& open);
  // What must be left when all tasks have exited and all files are closed.
  static std::string check_end(const World& world);

 private:
  struct Tally {
    std::map<EventId, int> children;  // by original
    std::map<CtxId, int> references;  // of events and clones
    std::map<CtxId, int> active;
    std::map<std::pair<Cpu, int>, int> active_oncpu;
    std::map<TaskId, int> contexts;
    int accounted = 0;
    std::array<int, kSwIds> software{};
  };
  void fail(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  void require(bool holds, const char* what, std::uint32_t serial);
  void tally(const World& w);
  void check_event(const World& w, EventId id, const perf_event& x, bool file_open);
  void check_on_pmu(const World& w, EventId id, const perf_event& x);
  void check_group(const World& w, EventId id, const perf_event& x);
  void check_context(const World& w, CtxId id, const perf_event_context& c);
  void check_time(CtxId id, const perf_event_context& c, Ns now);
  void check_cpus(const World& w);
  void check_pmus(const World& w);
  void check_active_lists(const World& w);
  void check_tasks(const World& w);
  void check_globals(const World& w);

  InvariantOptions options_;
  Tally tally_;
  std::map<CtxId, Ns> time_before_;
  std::string problem_;
};

}  // namespace reperf::core::testing
