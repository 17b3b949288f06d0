#include "replayer/finding.h"

#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "replayer/names.h"

namespace reperf::replay {

namespace {

void append_run(std::string& out, const core::Run* run, const core::World& world) {
  if (run == nullptr) {
    out += "a path that has ended";
    return;
  }
  out += run->name;
  if (run->context != core::RunContext::process) return;
  out += " of ";
  append_task(out, world, run->task);
}

void append_livelock(std::string& out, const core::Fact& fact, const core::World& world) {
  const auto cpu = static_cast<core::Cpu>(fact.a);
  if (fact.task2) {
    out += ", waits for ";
    append_task(out, world, fact.task2);
    out += " to be scheduled";
  }
  if (cpu != core::kNoCpu) {
    fmt::format_to(std::back_inserter(out), "{} CPU {} to come up",
                   fact.task2 ? " or" : ", waits for", cpu);
  }
  const char* before = ", cycle: ";
  for (const char* point : fact.points) {
    out += before;
    out += point;
    before = " -> ";
  }
}

void append_stuck(std::string& out, const core::Run& run, const core::Engine& engine,
                  const core::World& world) {
  if (run.state == core::RunState::blocked_lock) {
    fmt::format_to(std::back_inserter(out), ", waits for {} {}, held by ", run.point,
                   run.lock_serial);
    append_run(out, engine.find(core::RunId{0, run.waits_for_lock->owner}), world);
  } else {
    out += ", waits for the end of ";
    append_run(out, engine.find(run.waits_for_run), world);
  }
}

}  // namespace

void append_finding(std::string& out, const core::Fact& fact, const core::Engine& engine,
                    const core::World& world) {
  const core::Run* run = engine.find(fact.run);
  if (run == nullptr) return;
  const std::string_view kind = fact.text;
  fmt::format_to(std::back_inserter(out), " in {}", run->name);
  if (*run->point != '\0') fmt::format_to(std::back_inserter(out), " at {}", run->point);
  if (kind == "livelock") append_livelock(out, fact, world);
  if (kind == "stuck") append_stuck(out, *run, engine, world);
}

}  // namespace reperf::replay
