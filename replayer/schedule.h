// A schedule: what was chosen in a run where more than one thing was possible, in order.
//
// It is what a scenario's directives say, and which run came next where the default would have
// picked another. Printed as one line it reproduces the run (docs/scenarios.md, "Schedules"):
//
//   1000 hold 200@task_function_call:before-ipi; 1500 resume 200; 1500+1 next cpu1@sched_switch
//
// Choices are named, never numbered, so that a schedule survives changes of the code; one that
// does not fit any more says which names are gone.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traces/record.h"
#include "traces/result.h"

namespace reperf::replay {

// A place in a log: at `time`, behind `after` of its records of that time, directives not counted.
struct When {
  log::Ns time = 0;
  std::uint32_t after = 0;
  friend auto operator<=>(const When&, const When&) = default;
};

// Whose paths are meant.
struct Who {
  enum class Kind : std::uint8_t {
    thread,  // "200": what this thread runs
    cpu,     // "cpu1": what runs on this CPU with interrupts off, IPIs that wait there
    work,    // "work": deferred work
  };
  Kind kind = Kind::thread;
  std::uint32_t number = 0;  // thread id or CPU
  friend auto operator<=>(const Who&, const Who&) = default;
};

struct ScheduleEntry {
  enum class Verb : std::uint8_t {
    hold,         // who stops at scheduling point `name`
    resume,       // who goes on
    queue,        // IPIs to who stay queued
    deliver,      // ... and run
    deliver_one,  // ... the oldest of them
    defer,        // work `name` waits
    run_work,     // ... and runs
    next,         // the run of who that stands at `name` goes on
  };
  When when;
  Verb verb{};
  Who who;
  std::string name;
  std::uint32_t nth = 0;  // hold: at this passing only, 0: at each; next: among equals, from 1
  bool idle = false;      // a trailing `?`: may find nothing to stop, to keep or to put off
  friend bool operator==(const ScheduleEntry&, const ScheduleEntry&) = default;
};

using Schedule = std::vector<ScheduleEntry>;

[[nodiscard]] std::string format_who(Who who);
[[nodiscard]] std::string format_entry(const ScheduleEntry& entry);
// One line without its end; "" for an empty schedule.
[[nodiscard]] std::string format_schedule(const Schedule& schedule);

// Entries end at `;` or at the end of a line; lines that begin with # are comments, and the word
// `schedule` in front is that of the transcript. Checks the form, the order of the times, and that
// this program has the points and kinds of work. Errors name the entry.
[[nodiscard]] Result<Schedule> parse_schedule(std::string_view text);

// "no scheduling point is called 'x'; did you mean 'y'?"; empty when there is one.
[[nodiscard]] std::string unknown_point(std::string_view name);
[[nodiscard]] std::string unknown_work(std::string_view name);

}  // namespace reperf::replay
