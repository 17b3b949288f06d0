// How transcripts and reports name things: as ftrace and perf do.
#pragma once

#include <string>
#include <string_view>

#include "core/fact.h"
#include "core/world.h"

namespace reperf::replay {

// Which numbers people see: here the model's own serials. A comparison of two runs has others.
class Numbering {
 public:
  virtual ~Numbering() = default;
  virtual void append_number(std::string& out, core::EventId event) const;
  virtual void append_number(std::string& out, core::CtxId ctx) const;
};
[[nodiscard]] const Numbering& own_numbers();

// "perf-4711", "4711" without a name, "<idle>-0".
void append_task(std::string& out, const core::World& world, core::TaskId task);
// "event 3", "event 7 (copy of 3)", "event -" for none.
void append_event(std::string& out, const core::World& world, core::EventId event,
                  const Numbering& numbering = own_numbers());
// "ctx 5 of perf-4711", "ctx 1 of CPU 0".
void append_ctx(std::string& out, const core::World& world, core::CtxId ctx,
                const Numbering& numbering = own_numbers());
// A cgroup's name, "cgroup 7" while it has none, "-" for id 0.
void append_cgroup(std::string& out, const core::World& world, std::uint64_t id);

// What an invariant's finding says is wrong, its %-signs filled in (core/invariants.h).
void append_detail(std::string& out, const core::World& world, const core::Fact& fact,
                   const Numbering& numbering = own_numbers());

[[nodiscard]] std::string_view state_name(int state);  // "ACTIVE"
[[nodiscard]] std::string active_name(int is_active);  // "PINNED|FLEXIBLE|TIME", "-" for 0
// What an event counts: "context-switches", "cycles", "type 9 config 0x3".
[[nodiscard]] std::string what_counted(const core::perf_event_attr& attr);

}  // namespace reperf::replay
