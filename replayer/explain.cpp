#include "replayer/explain.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "replayer/names.h"

namespace reperf::replay {

namespace {

// The objects that a line names, each once, in order of mention.
struct Objects {
  std::vector<core::TaskId> tasks;
  std::vector<core::EventId> events;
  std::vector<core::CtxId> contexts;
  core::Cpu cpu = core::kNoCpu;

  template <class IdT>
  static void add(std::vector<IdT>& list, IdT id) {
    if (id && std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
  }
};

std::string_view class_of(int nr) { return nr == core::perf_hw_context ? "hardware" : "software"; }

std::string attach_name(int attach) {
  std::string out;
  const auto add = [&](int bit, std::string_view name) {
    if ((attach & bit) == 0) return;
    if (!out.empty()) out += '|';
    out += name;
  };
  add(core::PERF_ATTACH_CONTEXT, "CONTEXT");
  add(core::PERF_ATTACH_GROUP, "GROUP");
  add(core::PERF_ATTACH_TASK, "TASK");
  return out.empty() ? "-" : out;
}

void append_ctx_or_none(std::string& out, const core::World& w, core::CtxId ctx) {
  if (ctx) {
    append_ctx(out, w, ctx);
  } else {
    out += '-';
  }
}

void append_cpu_number(std::string& out, core::Cpu cpu) {
  if (cpu == core::kNoCpu) {
    out += '-';
  } else {
    fmt::format_to(std::back_inserter(out), "{}", cpu);
  }
}

void tell(std::string& out, const core::World& w, core::TaskId id) {
  out += "  task ";
  append_task(out, w, id);
  if (!w.tasks.alive(id)) {
    out += '\n';
    return;
  }
  const core::task_struct& t = w.tasks[id];
  fmt::format_to(std::back_inserter(out), ": {} CPU {}{}", t.on_cpu ? "runs on" : "last on", t.cpu,
                 t.exiting ? ", exiting" : "");
  for (std::size_t nr = 0; nr < t.perf_event_ctxp.size(); ++nr) {
    if (!t.perf_event_ctxp[nr]) continue;
    fmt::format_to(std::back_inserter(out), ", {} context ctx {}", class_of(static_cast<int>(nr)),
                   t.perf_event_ctxp[nr].serial);
  }
  out += '\n';
}

void tell(std::string& out, const core::World& w, core::EventId id) {
  const auto to = std::back_inserter(out);
  out += "  ";
  append_event(out, w, id);
  if (!w.events.alive(id)) {
    out += ": freed\n";
    return;
  }
  const core::perf_event& x = w.events[id];
  fmt::format_to(to, " {}: state {}, attach_state {}, ctx ", what_counted(x.attr),
                 state_name(x.state), attach_name(x.attach_state));
  if (x.ctx) {
    fmt::format_to(to, "{}", x.ctx.serial);
  } else {
    out += '-';
  }
  if (!x.is_leader(id)) fmt::format_to(to, ", group of event {}", x.group_leader.serial);
  out += ", oncpu ";
  append_cpu_number(out, x.oncpu);
  fmt::format_to(to, ", references {}\n", x.refcount);
  fmt::format_to(to, "    count {}, total_time_enabled {}, total_time_running {}\n", x.count,
                 x.total_time_enabled, x.total_time_running);
  fmt::format_to(to, "    tstamp_enabled {}, tstamp_running {}, tstamp_stopped {}\n",
                 x.tstamp_enabled, x.tstamp_running, x.tstamp_stopped);
  if (x.child_list.empty() && x.child_count == 0 && x.child_total_time_enabled == 0) return;
  fmt::format_to(to, "    copies {}, from copies that are gone: count {}, enabled {}, running {}\n",
                 x.child_list.size(), x.child_count, x.child_total_time_enabled,
                 x.child_total_time_running);
}

void tell(std::string& out, const core::World& w, core::CtxId id) {
  const auto to = std::back_inserter(out);
  out += "  ";
  append_ctx(out, w, id);
  if (!w.contexts.alive(id)) {
    out += ": freed\n";
    return;
  }
  const core::perf_event_context& c = w.contexts[id];
  fmt::format_to(to, ", {}: is_active {}, nr_events {}, nr_active {}, references {}\n",
                 class_of(c.nr), active_name(c.is_active), c.nr_events, c.nr_active, c.refcount);
  fmt::format_to(to, "    time {}, timestamp {}, generation {}, clone of ", c.time, c.timestamp,
                 c.generation);
  append_ctx_or_none(out, w, c.parent_ctx);
  out += '\n';
}

void tell_cpu(std::string& out, const core::World& w, core::Cpu cpu,
              core::perf_event_task_context nr) {
  const core::perf_cpu_context& cpuctx = w.cpu(cpu).cpuctx[static_cast<std::size_t>(nr)];
  fmt::format_to(std::back_inserter(out), "  CPU {}, {}: task_ctx ", cpu, class_of(nr));
  append_ctx_or_none(out, w, cpuctx.task_ctx);
  fmt::format_to(std::back_inserter(out), ", active_oncpu {}, exclusive {}\n", cpuctx.active_oncpu,
                 cpuctx.exclusive ? "yes" : "no");
}

// The event that a record is about, by its id; 0: none.
std::uint64_t event_of(const log::Record& record) {
  if (const auto* x = std::get_if<log::Ioctl>(&record.payload)) return x->event;
  if (const auto* x = std::get_if<log::Read>(&record.payload)) return x->event;
  if (const auto* x = std::get_if<log::Close>(&record.payload)) return x->event;
  if (const auto* x = std::get_if<log::Release>(&record.payload)) return x->event;
  if (const auto* x = std::get_if<log::PerfEventOpen>(&record.payload)) return x->group_event;
  return 0;
}

// The task that a record is about, beside the one that acts.
core::TaskId other_task(const log::Record& record, const core::World& w) {
  if (const auto* x = std::get_if<log::SchedSwitch>(&record.payload)) {
    return x->next_tid == 0 ? core::TaskId{} : w.find_task(x->next_tid);
  }
  if (const auto* x = std::get_if<log::SchedMigrateTask>(&record.payload)) {
    return w.find_task(x->task);
  }
  if (const auto* x = std::get_if<log::PerfEventOpen>(&record.payload)) {
    return x->pid > 0 ? w.find_task(static_cast<core::Tid>(x->pid)) : core::TaskId{};
  }
  return core::TaskId{};
}

// An event's context is part of what it does.
void tell_all(std::string& out, const core::World& w, Objects& objects) {
  for (const core::EventId id : objects.events) {
    if (w.events.alive(id)) Objects::add(objects.contexts, w.events[id].ctx);
  }
  for (const core::TaskId id : objects.tasks) tell(out, w, id);
  for (const core::EventId id : objects.events) tell(out, w, id);
  for (const core::CtxId id : objects.contexts) tell(out, w, id);
  // Where a context runs, or would: its own CPU, its running task's, else the CPU of the line.
  std::vector<std::pair<core::Cpu, core::perf_event_task_context>> cpus;
  for (const core::CtxId id : objects.contexts) {
    if (!w.contexts.alive(id)) continue;
    const core::perf_event_context& c = w.contexts[id];
    core::Cpu cpu = c.cpu != core::kNoCpu ? c.cpu : objects.cpu;
    if (w.tasks.alive(c.task) && w.tasks[c.task].on_cpu) cpu = w.tasks[c.task].cpu;
    const std::pair place{cpu, c.nr};
    if (!w.cpu_valid(place.first) || c.nr < 0) continue;
    if (std::find(cpus.begin(), cpus.end(), place) == cpus.end()) cpus.push_back(place);
  }
  for (const auto& [cpu, nr] : cpus) tell_cpu(out, w, cpu, nr);
}

}  // namespace

void Explain::on_fact(const core::Fact& fact, const core::World&) {
  fact_ = &fact;
  record_ = nullptr;
  call_ = nullptr;
}

void Explain::on_record(const log::Record& record) {
  fact_ = nullptr;
  record_ = &record;
  call_ = nullptr;
  record_number_ = session_.records();
  record_what_ = log::kind_name(record.kind());
}

void Explain::on_result(const Call& call) {
  fact_ = nullptr;
  record_ = nullptr;
  call_ = &call;
}

void Explain::take(std::string_view line) {
  if (++lines_ != wanted_) return;
  fmt::format_to(std::back_inserter(text_), "line {} of the transcript at {}:\n{}", lines_,
                 session_.model().version().name, line);
  tell_place();
  if (fact_ != nullptr) {
    tell_path(*fact_);
    tell_rule(fact_->rule);
  }
  tell_objects();
}

void Explain::tell_place() {
  const auto to = std::back_inserter(text_);
  if (session_.records() != record_number_) {
    fmt::format_to(to, "record: work that was due before record {}\n", session_.records());
  } else {
    fmt::format_to(to, "record: {}, {}\n", record_number_, record_what_);
  }
  if (call_ != nullptr) {
    fmt::format_to(to, "path: the end of {}, which entered at {}\n", log::kind_name(call_->kind),
                   call_->time);
  } else if (record_ != nullptr) {
    text_ += "path: none, the log's own line: the model has not seen the record yet\n";
  }
}

void Explain::tell_path(const core::Fact& fact) {
  const auto to = std::back_inserter(text_);
  const core::World& w = session_.model().world();
  const core::Run* run = session_.model().engine().find(fact.run);
  if (run == nullptr) {
    text_ += "path: none, said of the log itself\n";
    return;
  }
  fmt::format_to(to, "path: {}", run->name);
  if (run->task) {
    text_ += " of ";
    append_task(text_, w, run->task);
  }
  if (run->cpu != core::kNoCpu) fmt::format_to(to, " on CPU {}", run->cpu);
  fmt::format_to(to, ", interrupts {}", run->irq_off > 0 ? "off" : "on");
  const std::string_view point = run->point;
  if (point.empty()) {
    text_ += ", no scheduling point passed yet\n";
  } else if (point.find(':') != std::string_view::npos) {
    fmt::format_to(to, ", last scheduling point {}\n", point);
  } else {
    fmt::format_to(to, ", after waiting for {}\n", point);  // locks have no colon
  }
}

void Explain::tell_rule(core::Rule rule) {
  if (rule == core::Rule::none) {
    text_ += "rule: none\n";
    return;
  }
  for (const core::RuleText& text : core::all_rules()) {
    if (text.rule != rule) continue;
    fmt::format_to(std::back_inserter(text_), "rule: {}: {}\n", text.name, text.sentence);
  }
}

void Explain::tell_objects() {
  core::Model& model = session_.model();
  const core::World& w = model.world();
  Objects objects;
  if (fact_ != nullptr) {
    for (const core::TaskId id : {fact_->task, fact_->task2}) Objects::add(objects.tasks, id);
    for (const core::EventId id : {fact_->event, fact_->event2}) Objects::add(objects.events, id);
    for (const core::CtxId id : {fact_->ctx, fact_->ctx2}) Objects::add(objects.contexts, id);
    objects.cpu = fact_->cpu;
  } else if (record_ != nullptr) {
    if (record_->cpu != log::kNoCpu) {
      objects.cpu = record_->cpu;
      Objects::add(objects.tasks,
                   record_->tid == 0 ? w.cpu(objects.cpu).idle : w.find_task(record_->tid));
    }
    Objects::add(objects.tasks, other_task(*record_, w));
    Objects::add(objects.events, model.find_event(event_of(*record_)));
    // What the model finds when it begins.
    for (const core::TaskId id : objects.tasks) {
      for (const core::CtxId ctx : w.tasks[id].perf_event_ctxp) {
        Objects::add(objects.contexts, ctx);
      }
    }
  } else if (call_ != nullptr) {
    objects.cpu = call_->cpu;
    Objects::add(objects.tasks, w.find_task(call_->tid));
    Objects::add(objects.events, call_->event);
    Objects::add(objects.events, call_->result->event);
  }
  text_ += record_ != nullptr ? "state before it:\n" : "state at that moment:\n";
  if (objects.tasks.empty() && objects.events.empty() && objects.contexts.empty()) {
    text_ += "  it names no task, event or context\n";
  }
  tell_all(text_, w, objects);
}

}  // namespace reperf::replay
