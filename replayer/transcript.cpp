#include "replayer/transcript.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "replayer/finding.h"
#include "replayer/names.h"
#include "traces/text.h"

namespace reperf::replay {

namespace {

constexpr std::size_t kTextColumn = 44;
constexpr std::size_t kRuleColumns = 9;

std::string_view ioctl_name(std::uint32_t cmd) {
  switch (cmd) {
    case core::PERF_EVENT_IOC_ENABLE:
      return "ENABLE";
    case core::PERF_EVENT_IOC_DISABLE:
      return "DISABLE";
    case core::PERF_EVENT_IOC_RESET:
      return "RESET";
    case core::PERF_EVENT_IOC_REFRESH:
      return "REFRESH";
    case core::PERF_EVENT_IOC_PERIOD:
      return "PERIOD";
    case core::PERF_EVENT_IOC_SET_OUTPUT:
      return "SET_OUTPUT";
    case core::PERF_EVENT_IOC_ID:
      return "ID";
    default:
      return "";
  }
}

}  // namespace

std::string finding_text(const core::Fact& fact, const core::Engine& engine) {
  if (fact.detail != nullptr) {
    return fmt::format("{} {} (after {})", fact.text, core::rule_name(fact.rule),
                       core::rule_name(fact.after));
  }
  const core::Run* run = fact.run ? engine.find(fact.run) : nullptr;
  if (run == nullptr) return fact.text;
  return fmt::format("{} in {} at {}", fact.text, run->name, run->point);
}

Transcript::Transcript(Session& session, TranscriptOptions options, Sink sink)
    : session_(session), options_(options), sink_(std::move(sink)) {}

void Transcript::begin(core::Ns time, core::Cpu cpu, core::Rule rule) {
  line_.clear();
  if (options_.rules) {
    fmt::format_to(std::back_inserter(line_), "{:<9}", core::rule_name(rule));
  }
  if (cpu == core::kNoCpu) {
    fmt::format_to(std::back_inserter(line_), "{:>14} [---] ", time);
  } else {
    fmt::format_to(std::back_inserter(line_), "{:>14} [{:03}] ", time, cpu);
  }
}

std::size_t Transcript::text_column() const {
  return kTextColumn + (options_.rules ? kRuleColumns : 0);
}

void Transcript::pad_to(std::size_t column) {
  if (line_.size() < column) {
    line_.append(column - line_.size(), ' ');
  } else {
    line_ += ' ';
  }
}

void Transcript::end() {
  line_ += '\n';
  sink_(line_);
}

void Transcript::tell_event(std::uint64_t log_event) {
  const core::EventId event = session_.model().find_event(log_event);
  if (event) {
    append_event(line_, session_.model().world(), event);
  } else {
    fmt::format_to(std::back_inserter(line_), "event id {} (not known)", log_event);
  }
}

void Transcript::tell_task(core::Cpu cpu, std::uint32_t tid) {
  const core::World& w = session_.model().world();
  if (cpu == core::kNoCpu) {
    line_ += '-';
    return;
  }
  const core::TaskId task = tid == 0 ? w.cpu(cpu).idle : w.find_task(tid);
  if (task) {
    append_task(line_, w, task);
  } else {
    fmt::format_to(std::back_inserter(line_), "{}", tid);
  }
}

void Transcript::on_record(const log::Record& record) {
  if (log::kind_class(record.kind()) == log::KindClass::observation) return;
  const core::Cpu cpu = record.cpu == log::kNoCpu ? core::kNoCpu : core::Cpu{record.cpu};
  begin(session_.model().world().now, cpu, core::Rule::none);
  const bool of_cpu = record.kind() == log::Kind::queue || record.kind() == log::Kind::deliver;
  tell_task(of_cpu ? core::kNoCpu : cpu, record.tid);
  pad_to(text_column());
  std::visit([&](const auto& payload) { tell(record, payload); }, record.payload);
  end();
}

void Transcript::tell(const log::Record& r, const log::SchedSwitch& x) {
  line_ += "sched_switch to ";
  tell_task(r.cpu, x.next_tid);
}

void Transcript::tell(const log::Record& r, const log::SchedMigrateTask& x) {
  line_ += "sched_migrate_task ";
  tell_task(r.cpu, x.task);
  fmt::format_to(std::back_inserter(line_), " from CPU {} to CPU {}", x.orig_cpu, x.dest_cpu);
}

void Transcript::tell(const log::Record&, const log::SchedProcessFork& x) {
  fmt::format_to(std::back_inserter(line_), "fork {}{}", x.child,
                 x.child_pid == x.parent_pid ? " (thread)" : "");
}

void Transcript::tell(const log::Record&, const log::SchedProcessExec& x) {
  fmt::format_to(std::back_inserter(line_), "exec {}", x.comm);
}

void Transcript::tell(const log::Record&, const log::SchedProcessExit&) { line_ += "exit"; }

void Transcript::tell(const log::Record&, const log::PerfEventOpen& x) {
  const auto out = std::back_inserter(line_);
  line_ += "perf_event_open ";
  log::format_attr(line_, x.attr);
  fmt::format_to(out, " pid={} cpu={}", x.pid, x.cpu);
  if (x.group_fd != -1) {
    line_ += " group=";
    tell_event(x.group_event);
  }
  if (x.flags != 0) fmt::format_to(out, " flags={:#x}", x.flags);
  if (x.cgroup == 0) return;
  line_ += " cgroup=";
  append_cgroup(line_, session_.model().world(), x.cgroup);
}

void Transcript::tell(const log::Record&, const log::Ioctl& x) {
  const std::string_view name = ioctl_name(x.cmd);
  line_ += "ioctl ";
  if (name.empty()) {
    fmt::format_to(std::back_inserter(line_), "{:#x}", x.cmd);
  } else {
    line_ += name;
  }
  line_ += ' ';
  tell_event(x.event);
  if (x.arg != 0) fmt::format_to(std::back_inserter(line_), " arg={:#x}", x.arg);
  if (x.value != 0) fmt::format_to(std::back_inserter(line_), " value={}", x.value);
}

void Transcript::tell(const log::Record&, const log::Read& x) {
  line_ += "read ";
  tell_event(x.event);
  fmt::format_to(std::back_inserter(line_), " size={}", x.size);
}

void Transcript::tell(const log::Record&, const log::Close& x) {
  line_ += "close ";
  tell_event(x.event);
}

void Transcript::tell(const log::Record&, const log::Release& x) {
  line_ += "release ";
  tell_event(x.event);
}

void Transcript::tell(const log::Record&, const log::Overflow& x) {
  line_ += x.in_del ? "overflow in the next del of " : "overflow ";
  tell_event(x.event);
}

void Transcript::tell(const log::Record&, const log::Prctl& x) {
  line_ += x.op == log::PrctlOp::enable ? "prctl ENABLE" : "prctl DISABLE";
}

void Transcript::tell(const log::Record&, const log::SnapshotEvent& x) {
  fmt::format_to(std::back_inserter(line_), "existed before: {} ", state_name(x.state));
  log::format_attr(line_, x.attr);
  fmt::format_to(std::back_inserter(line_), " count={} enabled={} running={}", x.count,
                 x.time_enabled, x.time_running);
}

void Transcript::tell(const log::Record&, const log::Lost& x) {
  fmt::format_to(std::back_inserter(line_), "LOST {} records", x.count);
}

void Transcript::tell(const log::Record&, const log::Filtered& x) {
  fmt::format_to(std::back_inserter(line_), "filtered {} {}", x.count,
                 x.what == log::FilterClass::sched_switch ? "switches" : "migrations");
}

void Transcript::tell(const log::Record&, const log::Hold& x) {
  fmt::format_to(std::back_inserter(line_), "hold at {}", x.point);
  if (x.nth != 0) fmt::format_to(std::back_inserter(line_), ", passing {}", x.nth);
}

void Transcript::tell(const log::Record&, const log::Deliver& x) {
  line_ += x.one ? "deliver one" : "deliver";
}

void Transcript::tell(const log::Record&, const log::Defer& x) {
  fmt::format_to(std::back_inserter(line_), "defer {}", x.work);
}

void Transcript::tell(const log::Record&, const log::RunWork& x) {
  fmt::format_to(std::back_inserter(line_), "run_work {}", x.work);
}

void Transcript::finish() {
  for (const std::string& note : session_.notes()) sink_("NOTE " + note + '\n');
  if (session_.schedule().empty()) return;
  sink_("schedule " + format_schedule(session_.schedule()) + '\n');
}

void Transcript::tell(const log::Record&, const log::CpuDown& x) {
  fmt::format_to(std::back_inserter(line_), "cpu_down CPU {}", x.target);
}

void Transcript::tell(const log::Record&, const log::CpuUp& x) {
  fmt::format_to(std::back_inserter(line_), "cpu_up CPU {}", x.target);
}

void Transcript::tell(const log::Record&, const log::CgroupMkdir& x) {
  fmt::format_to(std::back_inserter(line_), "cgroup_mkdir {} {} in ", x.cgroup, x.name);
  append_cgroup(line_, session_.model().world(), x.parent);
}

void Transcript::tell(const log::Record& r, const log::CgroupAttachTask& x) {
  line_ += "cgroup_attach_task ";
  tell_task(r.cpu, x.task);
  line_ += " to ";
  append_cgroup(line_, session_.model().world(), x.cgroup);
}

void Transcript::tell(const log::Record&, const log::KernelCounter& x) {
  line_ += "kernel_counter ";
  log::format_attr(line_, x.attr);
  fmt::format_to(std::back_inserter(line_), " pid={} cpu={}", x.pid, x.cpu);
}

void Transcript::on_result(const Call& call) {
  const core::Model& model = session_.model();
  const core::CallResult& result = *call.result;
  begin(model.world().now, call.cpu, core::Rule::none);
  tell_task(call.cpu, call.tid);
  pad_to(text_column());
  fmt::format_to(std::back_inserter(line_), "  {} = ", log::kind_name(call.kind));
  if (!result.modelled) {
    line_ += "? (not modelled)";
  } else if (result.event) {
    const core::perf_event& x = model.world().events[result.event];
    append_event(line_, model.world(), result.event);
    line_ += ' ' + what_counted(x.attr);
  } else {
    log::format_errno(line_, result.ret);
  }
  for (const std::uint64_t word : result.words) {
    fmt::format_to(std::back_inserter(line_), " {}", word);
  }
  end();
}

void Transcript::on_fact(const core::Fact& fact, const core::World& world) {
  begin(fact.time, fact.cpu, fact.rule);
  if (fact.task) {
    append_task(line_, world, fact.task);
  } else {
    line_ += '-';
  }
  pad_to(text_column());
  line_ += "  ";
  if (describe(fact, world)) end();
}

bool Transcript::describe(const core::Fact& fact, const core::World& world) {
  return describe_event(fact, world) || describe_pmu(fact, world) || describe_ctx(fact, world) ||
         describe_cpu(fact, world) || describe_other(fact, world);
}

bool Transcript::describe_event(const core::Fact& fact, const core::World& world) {
  using core::FactKind;
  const auto out = std::back_inserter(line_);
  const auto event = [&] { append_event(line_, world, fact.event); };
  switch (fact.kind) {
    case FactKind::event_new:
      event();
      line_ += " new " + what_counted(world.events[fact.event].attr);
      return true;
    case FactKind::event_attach:
      event();
      line_ += " added to ";
      append_ctx(line_, world, fact.ctx);
      if (!(fact.event2 == fact.event)) {
        fmt::format_to(out, ", group of event {}", number(fact.event2));
      }
      return true;
    case FactKind::event_detach:
      event();
      line_ += " taken off ";
      append_ctx(line_, world, fact.ctx);
      return true;
    case FactKind::event_state:
      event();
      fmt::format_to(out, " {} -> {}", state_name(static_cast<int>(fact.a)),
                     state_name(static_cast<int>(fact.b)));
      return true;
    case FactKind::event_fail:
      event();
      line_ += " does not fit";
      return true;
    case FactKind::event_count:
      event();
      fmt::format_to(out, " counts {}", fact.a);
      return options_.verbose;
    case FactKind::event_enabled_on_exec:
      event();
      line_ += " enabled on exec";
      return true;
    case FactKind::event_fold:
      event();
      fmt::format_to(out, " takes over from copy {}: count {} enabled {}", number(fact.event2),
                     fact.a, fact.b);
      return true;
    case FactKind::event_reset:
      event();
      line_ += " reset";
      return true;
    case FactKind::event_put:
      event();
      fmt::format_to(out, " references left {}", fact.a);
      return options_.verbose;
    case FactKind::event_free:
      event();
      line_ += " freed";
      return true;
    case FactKind::owner_set:
      event();
      line_ += " owned";
      return options_.verbose;
    case FactKind::owner_clear:
      event();
      line_ += " has no owner any more";
      return true;
    default:
      return false;
  }
}

// What a PMU does or makes the core do.
bool Transcript::describe_pmu(const core::Fact& fact, const core::World& world) {
  using core::FactKind;
  const auto out = std::back_inserter(line_);
  const auto event = [&] { append_event(line_, world, fact.event); };
  switch (fact.kind) {
    case FactKind::txn_fail:
      line_ += "group of ";
      event();
      line_ += " does not fit together";
      return true;
    case FactKind::txn_cancel:
      line_ += "group of ";
      event();
      line_ += " cancelled";
      return options_.verbose;
    case FactKind::event_overflow:
      event();
      line_ += " overflows";
      return true;
    case FactKind::event_throttle:
      event();
      line_ += " THROTTLE";
      return true;
    case FactKind::event_unthrottle:
      event();
      line_ += " UNTHROTTLE";
      return true;
    case FactKind::event_hup:
      event();
      line_ += " at its limit: POLL_HUP, to be disabled";
      return true;
    case FactKind::event_period:
      event();
      fmt::format_to(out, " period {} -> {}", static_cast<std::uint64_t>(fact.a),
                     static_cast<std::uint64_t>(fact.b));
      return true;
    case FactKind::irq_work_queue:
      fmt::format_to(out, "irq_work {} queued", fact.text);
      return true;
    case FactKind::irq_work_run:
      fmt::format_to(out, "irq_work {} runs", fact.text);
      return true;
    case FactKind::irq_work_return:
      fmt::format_to(out, "irq_work {} = ", fact.text);
      log::format_errno(line_, fact.a);
      return true;
    default:
      return false;
  }
}

bool Transcript::describe_ctx(const core::Fact& fact, const core::World& world) {
  using core::FactKind;
  const auto out = std::back_inserter(line_);
  switch (fact.kind) {
    case FactKind::ctx_new:
      append_ctx(line_, world, fact.ctx);
      line_ += " new";
      return true;
    case FactKind::ctx_free:
      fmt::format_to(out, "ctx {} freed", number(fact.ctx));
      return true;
    case FactKind::ctx_active:
      append_ctx(line_, world, fact.ctx);
      fmt::format_to(out, " is_active {} -> {}", active_name(static_cast<int>(fact.a)),
                     active_name(static_cast<int>(fact.b)));
      return true;
    case FactKind::ctx_swap:
      append_ctx(line_, world, fact.ctx);
      line_ += " swapped with ";
      append_ctx(line_, world, fact.ctx2);
      return true;
    case FactKind::ctx_unclone:
      append_ctx(line_, world, fact.ctx);
      fmt::format_to(out, " is no clone of {} any more", number(fact.ctx2));
      return true;
    case FactKind::ctx_dead:
      append_ctx(line_, world, fact.ctx);
      line_ += world.contexts[fact.ctx].tombstone ? " dead: TASK_TOMBSTONE" : " dead";
      return true;
    default:
      return false;
  }
}

// Timers, cgroups and CPUs.
bool Transcript::describe_cpu(const core::Fact& fact, const core::World& world) {
  using core::FactKind;
  const auto out = std::back_inserter(line_);
  switch (fact.kind) {
    case FactKind::ctx_rotate:
      append_ctx(line_, world, fact.ctx);
      if (fact.ctx2) {
        line_ += " and ";
        append_ctx(line_, world, fact.ctx2);
      }
      line_ += " rotate";
      return true;
    case FactKind::cgroup_switch:
      append_ctx(line_, world, fact.ctx);
      line_ += " cgroup ";
      append_cgroup(line_, world, static_cast<std::uint64_t>(fact.a));
      line_ += " -> ";
      append_cgroup(line_, world, static_cast<std::uint64_t>(fact.b));
      return true;
    case FactKind::event_defer:
      append_event(line_, world, fact.event);
      line_ += fact.a != 0 ? " waits for its cgroup" : " is enabled from here on: its cgroup runs";
      return true;
    case FactKind::hrtimer_start:
      fmt::format_to(out, "multiplexing timer armed for {}", fact.a);
      return true;
    case FactKind::hrtimer_stop:
      line_ += "multiplexing timer stops";
      return true;
    case FactKind::cpu_state:
      fmt::format_to(out, "CPU {} is {}", fact.cpu, fact.a != 0 ? "online" : "offline");
      return true;
    default:
      return false;
  }
}

bool Transcript::describe_other(const core::Fact& fact, const core::World& world) {
  using core::FactKind;
  const auto out = std::back_inserter(line_);
  switch (fact.kind) {
    case FactKind::point_held:
      fmt::format_to(out, "held at {}", fact.text);
      return true;
    case FactKind::point_resumed:
      fmt::format_to(out, "goes on from {}", fact.text);
      return true;
    case FactKind::key_on:
      line_ += "scheduler hooks on";
      return true;
    case FactKind::key_off:
      line_ += "scheduler hooks off";
      return true;
    case FactKind::ipi_send:
      fmt::format_to(out, "IPI {} to CPU {}", fact.text, fact.a);
      return true;
    case FactKind::ipi_return:
      fmt::format_to(out, "IPI {} = ", fact.text);
      log::format_errno(line_, fact.a);
      return true;
    case FactKind::ipi_queued:
      fmt::format_to(out, "IPI {} stays queued for CPU {}", fact.text, fact.a);
      return true;
    case FactKind::ipi_deliver:
      fmt::format_to(out, "IPI {} is delivered", fact.text);
      return true;
    case FactKind::lock_take:
      fmt::format_to(out, "takes {} {}", fact.text, fact.a);
      return options_.verbose;
    case FactKind::lock_drop:
      fmt::format_to(out, "drops {} {}", fact.text, fact.a);
      return options_.verbose;
    case FactKind::work_queue:
      fmt::format_to(out, "work {} queued for {}", fact.text, fact.a);
      return true;
    case FactKind::work_run:
      fmt::format_to(out, "work {} runs", fact.text);
      return true;
    case FactKind::warn:
      fmt::format_to(out, "WARN {}", fact.text);
      if (fact.ctx) {
        line_ += ' ';
        append_ctx(line_, world, fact.ctx);
      }
      if (fact.a != 0) line_ += " (again)";
      return true;
    case FactKind::finding:
      line_ += "FINDING ";
      if (fact.detail != nullptr) {
        line_ += finding_text(fact, session_.model().engine()) + ' ';
        append_detail(line_, world, fact, *options_.numbering);
      } else {
        line_ += fact.text;
        append_finding(line_, fact, session_.model().engine(), world);
      }
      return true;
    case FactKind::gap:
      fmt::format_to(out, "GAP {}", fact.text);
      return true;
    default:
      return false;  // what the record's own line has said
  }
}

void Digest::on_fact(const core::Fact& fact, const core::World&) {
  const auto add = [this](std::uint64_t word) {
    hash_ ^= word;
    hash_ *= 0x100000001b3ULL;
    hash_ ^= hash_ >> 29;
  };
  if (fact.kind == core::FactKind::finding) ++findings_;
  add(static_cast<std::uint64_t>(fact.kind));
  add(fact.time);
  add(static_cast<std::uint64_t>(fact.cpu));
  for (const std::uint32_t serial : {fact.task.serial, fact.task2.serial, fact.event.serial,
                                     fact.event2.serial, fact.ctx.serial, fact.ctx2.serial}) {
    add(serial);
  }
  add(static_cast<std::uint64_t>(fact.a));
  add(static_cast<std::uint64_t>(fact.b));
  for (const char* text : {fact.text, fact.detail}) {
    if (text == nullptr) continue;
    for (const char* c = text; *c != '\0'; ++c) add(static_cast<unsigned char>(*c));
  }
  for (const char* point : fact.points) {
    for (const char* c = point; *c != '\0'; ++c) add(static_cast<unsigned char>(*c));
  }
}

std::uint64_t Digest::value(const core::World& world) const {
  return (hash_ ^ core::digest(world)) * 0x100000001b3ULL;
}

}  // namespace reperf::replay
