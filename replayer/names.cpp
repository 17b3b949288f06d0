#include "replayer/names.h"

#include <array>
#include <iterator>

#include <fmt/format.h>

namespace reperf::replay {

void Numbering::append_number(std::string& out, core::EventId event) const {
  fmt::format_to(std::back_inserter(out), "{}", event.serial);
}

void Numbering::append_number(std::string& out, core::CtxId ctx) const {
  fmt::format_to(std::back_inserter(out), "{}", ctx.serial);
}

const Numbering& own_numbers() {
  static const Numbering numbers;
  return numbers;
}

void append_task(std::string& out, const core::World& world, core::TaskId task) {
  if (!world.tasks.alive(task)) {
    out += "<gone>";
    return;
  }
  const core::task_struct& t = world.tasks[task];
  if (t.tid == 0) {
    out += "<idle>-0";
  } else if (t.name().empty()) {
    fmt::format_to(std::back_inserter(out), "{}", t.tid);
  } else {
    fmt::format_to(std::back_inserter(out), "{}-{}", t.name(), t.tid);
  }
}

void append_event(std::string& out, const core::World& world, core::EventId event,
                  const Numbering& numbering) {
  if (!event) {
    out += "event -";
    return;
  }
  out += "event ";
  numbering.append_number(out, event);
  if (!world.events.alive(event)) return;
  const core::EventId parent = world.events[event].parent;
  if (!parent) return;
  out += " (copy of ";
  numbering.append_number(out, parent);
  out += ')';
}

void append_ctx(std::string& out, const core::World& world, core::CtxId ctx,
                const Numbering& numbering) {
  out += "ctx ";
  numbering.append_number(out, ctx);
  if (!world.contexts.alive(ctx)) return;
  const core::perf_event_context& c = world.contexts[ctx];
  if (c.cpu != core::kNoCpu) {
    fmt::format_to(std::back_inserter(out), " of CPU {}", c.cpu);
  } else {
    out += " of ";
    append_task(out, world, c.task);
  }
}

void append_cgroup(std::string& out, const core::World& world, std::uint64_t id) {
  const core::CgroupIndex cgroup = id == 0 ? core::kNoCgroup : world.find_cgroup(id);
  const bool named =
      cgroup != core::kNoCgroup && !world.cgroups[static_cast<std::size_t>(cgroup)].name.empty();
  if (named) {
    out += world.cgroups[static_cast<std::size_t>(cgroup)].name;
  } else if (id == 0) {
    out += '-';
  } else {
    fmt::format_to(std::back_inserter(out), "cgroup {}", id);
  }
}

void append_detail(std::string& out, const core::World& world, const core::Fact& fact,
                   const Numbering& numbering) {
  for (const char* c = fact.detail; *c != '\0'; ++c) {
    if (*c != '%') {
      out += *c;
      continue;
    }
    switch (*++c) {
      case 'e':
        append_event(out, world, fact.event, numbering);
        break;
      case 'f':
        append_event(out, world, fact.event2, numbering);
        break;
      case 'c':
        append_ctx(out, world, fact.ctx, numbering);
        break;
      case 'd':
        append_ctx(out, world, fact.ctx2, numbering);
        break;
      case 'u':
        append_task(out, world, fact.task2);
        break;
      case 'm':
        out += active_name(static_cast<int>(fact.a));
        break;
      case 'n':
        out += active_name(static_cast<int>(fact.b));
        break;
      case 'a':
        fmt::format_to(std::back_inserter(out), "{}", fact.a);
        break;
      case 'b':
        fmt::format_to(std::back_inserter(out), "{}", fact.b);
        break;
      default:
        return;  // a template ends in its middle: there is none
    }
  }
}

std::string_view state_name(int state) {
  switch (state) {
    case core::PERF_EVENT_STATE_DEAD:
      return "DEAD";
    case core::PERF_EVENT_STATE_EXIT:
      return "EXIT";
    case core::PERF_EVENT_STATE_ERROR:
      return "ERROR";
    case core::PERF_EVENT_STATE_OFF:
      return "OFF";
    case core::PERF_EVENT_STATE_INACTIVE:
      return "INACTIVE";
    case core::PERF_EVENT_STATE_ACTIVE:
      return "ACTIVE";
    default:
      return "?";
  }
}

std::string active_name(int is_active) {
  if (is_active == 0) return "-";
  std::string out;
  if ((is_active & core::EVENT_PINNED) != 0) out += "PINNED";
  if ((is_active & core::EVENT_FLEXIBLE) != 0) out += out.empty() ? "FLEXIBLE" : "|FLEXIBLE";
  if ((is_active & core::EVENT_TIME) != 0) out += out.empty() ? "TIME" : "|TIME";
  return out;
}

std::string what_counted(const core::perf_event_attr& attr) {
  static constexpr std::array<std::string_view, 12> kSoftware = {
      "cpu-clock",        "task-clock",   "page-faults",  "context-switches",
      "cpu-migrations",   "minor-faults", "major-faults", "alignment-faults",
      "emulation-faults", "dummy",        "bpf-output",   "cgroup-switches"};
  static constexpr std::array<std::string_view, 10> kHardware = {"cycles",
                                                                 "instructions",
                                                                 "cache-references",
                                                                 "cache-misses",
                                                                 "branches",
                                                                 "branch-misses",
                                                                 "bus-cycles",
                                                                 "stalled-cycles-frontend",
                                                                 "stalled-cycles-backend",
                                                                 "ref-cycles"};
  if (attr.type == core::PERF_TYPE_SOFTWARE && attr.config < kSoftware.size()) {
    return std::string{kSoftware[attr.config]};
  }
  if (attr.type == core::PERF_TYPE_HARDWARE && attr.config < kHardware.size()) {
    return std::string{kHardware[attr.config]};
  }
  if (attr.type == core::PERF_TYPE_TRACEPOINT) return fmt::format("tracepoint {}", attr.config);
  if (attr.type == core::PERF_TYPE_RAW) return fmt::format("raw {:#x}", attr.config);
  return fmt::format("type {} config {:#x}", attr.type, attr.config);
}

}  // namespace reperf::replay
