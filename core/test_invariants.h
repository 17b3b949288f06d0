// What must hold in a world at a quiescent point and only a test can judge, since it knows which
// files are open and when all is over: references, owners, copies, groups, global counts
// (lifetime.md section 19). What holds without that is in core/invariants.h.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/world.h"

namespace reperf::core::testing {

class LifetimeInvariants {
 public:
  // Empty when all hold, else the first that does not. `open` are the events whose file is open.
  std::string check(const World& world, const std::set<EventId>& open);
  // What must be left when all tasks have exited and all files are closed.
  static std::string check_end(const World& world);

 private:
  struct Tally {
    std::map<EventId, int> children;  // by original
    std::map<CtxId, int> references;  // of events and clones
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
  void check_group(const World& w, EventId id, const perf_event& x);
  void check_context(const World& w, CtxId id, const perf_event_context& c);
  void check_cpus(const World& w);
  void check_pmus(const World& w);
  void check_active_lists(const World& w);
  void check_tasks(const World& w);
  void check_globals(const World& w);

  Tally tally_;
  std::string problem_;
};

}  // namespace reperf::core::testing
