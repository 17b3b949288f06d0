#include "replayer/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace reperf::replay {

namespace {

// X and Z as the tracepoint reports them: the task will never run again.
constexpr std::uint16_t kDeadBits = 0x10 | 0x20;

core::PmuModel model_of(const log::Pmu& p) {
  if (p.name == "software") return core::PmuModel::software;
  if (p.name == "cpu_clock") return core::PmuModel::cpu_clock;
  if (p.name == "task_clock") return core::PmuModel::task_clock;
  return p.counters != 0 ? core::PmuModel::counting : core::PmuModel::opaque;
}

// PID_MAX_LIMIT of 64-bit kernels.
constexpr std::uint32_t kTidMax = 4194304;

bool needs_no_cpu(const log::Record& record) {
  const log::Kind kind = record.kind();
  if (log::kind_class(kind) == log::KindClass::directive) return record.tid != 0;
  return kind == log::Kind::snapshot_begin || kind == log::Kind::snapshot_end ||
         kind == log::Kind::snapshot_event || kind == log::Kind::lost ||
         kind == log::Kind::filtered || kind == log::Kind::finish;
}

// The call that a return belongs to; the return's own kind when it is none.
log::Kind entry_of(log::Kind kind) {
  switch (kind) {
    case log::Kind::perf_event_open_ret:
      return log::Kind::perf_event_open;
    case log::Kind::ioctl_ret:
      return log::Kind::ioctl;
    case log::Kind::read_ret:
      return log::Kind::read;
    case log::Kind::close_ret:
      return log::Kind::close;
    case log::Kind::prctl_ret:
      return log::Kind::prctl;
    case log::Kind::kernel_counter_ret:
      return log::Kind::kernel_counter;
    default:
      return kind;
  }
}

bool is_return(log::Kind kind) { return entry_of(kind) != kind; }

}  // namespace

core::MachineConfig machine_of(const log::Header& header) {
  core::MachineConfig config;
  config.cpus = std::max(header.cpus, 1U);
  config.hz = header.hz;
  for (const log::Pmu& p : header.pmus) {
    core::pmu made;
    made.name = p.name;
    made.type = p.type;
    made.model = model_of(p);
    made.counters = static_cast<std::int32_t>(p.counters);
    for (const log::PmuConstraint& c : p.constraints) {
      made.constraints.push_back({c.config, c.counters});
    }
    made.mux_interval_ms = p.mux_interval_ms;
    made.task_ctx_nr =
        made.model == core::PmuModel::counting ? core::perf_hw_context : core::perf_sw_context;
    config.pmus.push_back(made);
  }
  // The software PMU and its clocks are always there; a log need not know the clocks' numbers.
  const auto add_missing = [&config](const char* name, core::PmuModel model, std::uint32_t type) {
    const bool there = std::any_of(config.pmus.begin(), config.pmus.end(),
                                   [model](const core::pmu& p) { return p.model == model; });
    if (!there) config.pmus.push_back({name, type, model, core::perf_sw_context});
  };
  constexpr std::uint32_t kNoType = 0xffffffff;
  add_missing("software", core::PmuModel::software, core::PERF_TYPE_SOFTWARE);
  add_missing("cpu_clock", core::PmuModel::cpu_clock, kNoType);
  add_missing("task_clock", core::PmuModel::task_clock, kNoType);
  for (const log::Sysctl& s : header.sysctls) config.sysctls[s.name] = s.value;
  return config;
}

std::string machine_problem(const log::Header& header) {
  // CONFIG_NR_CPUS of x86-64 ends at 8192, HZ at 1200; no PMU has a hundred counters a CPU.
  constexpr std::uint32_t kCpusMax = 8192, kHzMax = 10000, kCountersMax = 1024;
  if (header.cpus > kCpusMax) {
    return fmt::format("{} CPUs are more than {}", header.cpus, kCpusMax);
  }
  if (header.hz > kHzMax) return fmt::format("hz={} is more than {}", header.hz, kHzMax);
  for (const log::Pmu& p : header.pmus) {
    if (p.counters > kCountersMax) {
      return fmt::format("{} counters of PMU {} are more than {}", p.counters, p.name,
                         kCountersMax);
    }
  }
  return {};
}

Session::Session(const core::VersionInfo& version, const log::Header& header)
    : model_(std::make_unique<core::Model>(version, machine_of(header), chooser_)) {
  chooser_.attach(&model_->world());
}

Result<void> Session::step(const log::Record& record) {
  const bool elsewhere = record.cpu == log::kNoCpu && needs_no_cpu(record);
  problem_.clear();
  if (!elsewhere && !cpu_usable(record.cpu)) return Error{ErrorKind::input, problem_, "", 0, 0};
  if (!tid_valid(record.tid)) return Error{ErrorKind::input, problem_, "", 0, 0};
  if (!time_valid(record.time)) return Error{ErrorKind::input, problem_, "", 0, 0};
  ++records_;
  end_ = std::max(end_, record.time);
  if (log::kind_class(record.kind()) == log::KindClass::directive) return on_directive(record);
  if (scripted_) REPERF_TRY(play_until(place(record.time, true)));
  move_to(place(record.time, true));
  model_->advance(record.time);
  tell_late_results();
  for (Listener* listener : listeners_) listener->on_record(record);
  std::visit([&](const auto& payload) { on(record, payload); }, record.payload);
  if (!problem_.empty()) return Error{ErrorKind::input, problem_, "", 0, 0};
  tell_results();
  if (is_return(record.kind())) {
    Call* call = returned(record);
    for (Listener* listener : listeners_) listener->on_return(record, call);
    if (call != nullptr) returned_early(record, *call);
    calls_.erase(record.tid);
  }
  for (Listener* listener : listeners_) listener->after_record(record);
  return settle_answers();
}

Result<void> Session::run(log::Source& source, const std::string& name) {
  log::Record record;
  std::size_t damages = 0;
  while (true) {
    Result<bool> more = source.next(record);
    if (!more) return more.take_error();
    // What salvaging passed over is missing as if the recorder had lost it.
    const log::Reader* reader = source.reader();
    for (; reader != nullptr && damages < reader->damage().size(); ++damages) {
      log::Record gap;
      gap.time = model_->world().now;
      gap.cpu = log::kNoCpu;
      gap.payload = log::Lost{log::LossCause::unreadable,
                              std::max<std::uint64_t>(reader->damage()[damages].missing, 1), 0, 0};
      REPERF_TRY(step(gap));
    }
    Result<void> done = *more ? step(record) : finish();
    if (done.ok()) {
      if (*more) continue;
      return {};
    }
    Error error = done.take_error();
    error.file = name;
    if (schedule_problem_) return error;
    if (source.is_text()) {
      error.line = static_cast<std::uint32_t>(source.position());
      error.column = 1;
    } else {
      error.what = fmt::format("record {}: {}", source.position(), error.what);
    }
    return error;
  }
}

// The machine has answered, and the model is not through: its answer is told when it is.
void Session::returned_early(const log::Record& record, const Call& call) {
  if (call.result == nullptr || call.result->done) return;
  LateCall late{.call = call};
  if (const auto* open = std::get_if<log::PerfEventOpenRet>(&record.payload)) {
    late.ret = open->ret;
    late.event = open->event;
  }
  late_calls_.push_back(late);
}

void Session::tell_late_results() {
  if (late_calls_.empty()) return;
  const auto settle = [this](LateCall& late) {
    if (!late.call.result->done) return false;
    if (!std::exchange(late.call.told, true)) {
      for (Listener* listener : listeners_) listener->on_result(late.call);
    }
    if (!late.call.result->event) return true;
    if (late.ret >= 0) {
      model_->bind_event(late.event, late.call.result->event);
      return true;
    }
    // The machine refused: the task closes the event again as soon as it runs.
    const core::World& w = model_->world();
    const core::TaskId task = w.find_task(late.call.tid);
    if (!w.tasks.alive(task)) return true;
    if (!w.tasks[task].on_cpu) return false;
    model_->release(w.tasks[task].cpu, late.call.tid, late.call.result->event);
    return true;
  };
  late_calls_.erase(std::remove_if(late_calls_.begin(), late_calls_.end(), settle),
                    late_calls_.end());
}

void Session::tell_results() {
  tell_late_results();
  for (auto& [tid, call] : calls_) {
    if (call.told || call.result == nullptr || !call.result->done) continue;
    call.told = true;
    for (Listener* listener : listeners_) listener->on_result(call);
  }
}

bool Session::tid_valid(std::uint32_t tid) {
  if (tid <= kTidMax) return true;
  problem_ = fmt::format("thread id {} is above {}", tid, kTidMax);
  return false;
}

// A multiplexing timer that is armed fires in every period up to the next record.
bool Session::time_valid(log::Ns time) {
  constexpr log::Ns kTimeMax = log::Ns{1} << 62;  // 146 years
  constexpr log::Ns kRotationsMax = 10'000'000;   // hours of a kernel with 1000 ticks a second
  if (time > kTimeMax) {
    problem_ = fmt::format("time {} is behind what a machine can be up for", time);
    return false;
  }
  const core::World& w = model_->world();
  if (time <= w.now) return true;
  for (const core::Work& item : w.work) {
    if (item.kind != core::WorkKind::mux_hrtimer) continue;
    const core::perf_event_context& c = w.contexts[item.ctx];
    const core::Ns interval = w.cpu(c.cpu).cpuctx[static_cast<std::size_t>(c.nr)].hrtimer_interval;
    if (interval == 0 || (time - w.now) / interval <= kRotationsMax) continue;
    problem_ = fmt::format("{} ns pass here while events take turns: more than {} rotations",
                           time - w.now, kRotationsMax);
    return false;
  }
  return true;
}

Call& Session::enter(const log::Record& record, std::uint64_t log_event) {
  // A call that the model is late with ends before the next one of its thread begins, if it can:
  // its result is gone then.
  if (std::any_of(late_calls_.begin(), late_calls_.end(),
                  [&](const LateCall& late) { return late.call.tid == record.tid; })) {
    model_->make_current(record.tid, record.cpu);
    tell_late_results();
  }
  const core::TaskId task = model_->world().find_task(record.tid);
  const core::Run* busy = task ? model_->engine().find_task_run(task) : nullptr;
  if (busy != nullptr && busy->state == core::RunState::held) {
    problem_ = fmt::format("thread {} is held in {} at {}", record.tid, busy->name, busy->point);
  }
  Call& call = calls_[record.tid];
  call = Call{};
  call.kind = record.kind();
  call.tid = record.tid;
  call.cpu = record.cpu;
  call.time = record.time;
  call.log_event = log_event;
  call.event = model_->find_event(log_event);
  return call;
}

Call* Session::returned(const log::Record& record) {
  const auto it = calls_.find(record.tid);
  if (it == calls_.end()) return nullptr;
  return it->second.kind == entry_of(record.kind()) ? &it->second : nullptr;
}

void Session::on(const log::Record& r, const log::SchedSwitch& x) {
  if (!tid_valid(x.next_tid)) return;
  if (x.next_tid == r.tid) {
    problem_ = fmt::format("a switch from thread {} to itself", r.tid);
    return;
  }
  model_->sched_switch(r.cpu, r.tid, x.next_tid, (x.prev_state & kDeadBits) != 0);
}

// Whether `cpu` exists, and no record has taken it down. (What a snapshot says of CPUs may be old.)
bool Session::cpu_usable(std::uint16_t cpu) {
  if (!model_->world().cpu_valid(cpu)) {
    problem_ = fmt::format("CPU {} is not one of the machine's", cpu);
  } else if (down_.contains(cpu) && !model_->world().cpu(cpu).online) {
    problem_ = fmt::format("CPU {} is down", cpu);
  }
  return problem_.empty();
}

void Session::on(const log::Record&, const log::SchedMigrateTask& x) {
  if (!tid_valid(x.task)) return;
  if (!model_->world().cpu_valid(x.orig_cpu)) {
    problem_ = fmt::format("CPU {} is not one of the machine's", x.orig_cpu);
    return;
  }
  if (!cpu_usable(x.dest_cpu)) return;
  model_->sched_migrate_task(x.task, x.orig_cpu, x.dest_cpu);
}

void Session::on(const log::Record& r, const log::SchedProcessFork& x) {
  if (!tid_valid(x.child)) return;
  calls_.erase(x.child);  // of a thread that had this id before
  if (x.child == 0 || x.child == r.tid) {
    problem_ = fmt::format("thread {} cannot fork thread {}", r.tid, x.child);
    return;
  }
  model_->sched_process_fork(r.cpu, r.tid, x.child, x.child_pid, x.comm);
}

void Session::on(const log::Record& r, const log::SchedProcessExec& x) {
  model_->sched_process_exec(r.cpu, r.tid, x.comm);
}

void Session::on(const log::Record& r, const log::SchedProcessExit&) {
  if (r.tid == 0) problem_ = "the idle task does not exit";
  calls_.erase(r.tid);
  model_->sched_process_exit(r.cpu, r.tid);
}

void Session::on(const log::Record& r, const log::PerfEventOpen& x) {
  if (x.pid > 0 && !tid_valid(static_cast<std::uint32_t>(x.pid))) return;
  Call& call = enter(r, x.group_event);
  if (!problem_.empty()) return;
  core::OpenArgs& args = call.open_args;
  args.attr_known = x.attr_source != log::AttrSource::missing;
  args.attr_length = static_cast<std::uint32_t>(std::min(x.attr.size(), args.attr_bytes.size()));
  std::memcpy(args.attr_bytes.data(), x.attr.data(), args.attr_length);
  args.pid = x.pid;
  args.cpu = x.cpu;
  args.group_fd = x.group_fd;
  args.group_is_perf = x.group_event != 0;
  args.group = call.event;
  args.flags = x.flags;
  args.cgroup = x.cgroup;
  args.euid = x.cred.euid;
  args.cap_effective = x.cred.cap_effective;
  args.init_user_ns = x.cred.init_user_ns;
  call.result = &model_->perf_event_open(r.cpu, r.tid, args, false);
}

void Session::on(const log::Record& r, const log::Ioctl& x) {
  Call& call = enter(r, x.event);
  if (!problem_.empty()) return;
  call.cmd = x.cmd;
  call.arg = x.arg;
  if (call.event) call.result = &model_->ioctl(r.cpu, r.tid, call.event, x.cmd, x.arg, x.value);
}

void Session::on(const log::Record& r, const log::Prctl& x) {
  Call& call = enter(r, 0);
  if (!problem_.empty()) return;
  call.result = &model_->prctl(r.cpu, r.tid, x.op == log::PrctlOp::enable);
}

void Session::on(const log::Record& r, const log::Read& x) {
  Call& call = enter(r, x.event);
  if (!problem_.empty()) return;
  call.size = x.size;
  if (call.event) call.result = &model_->read(r.cpu, r.tid, call.event, x.size);
}

void Session::on(const log::Record& r, const log::Close& x) { enter(r, x.event); }

void Session::on(const log::Record& r, const log::Release& x) {
  const core::EventId event = model_->find_event(x.event);
  if (event) model_->release(r.cpu, r.tid, event);
}

// A scenario names what a call made only after the call is through.
bool Session::held_at_return(const log::Record& r, const Call& call) {
  if (call.result->done) return false;
  const core::Run* busy = model_->engine().find_task_run(model_->world().find_task(r.tid));
  if (busy == nullptr || busy->state != core::RunState::held) return false;
  problem_ = fmt::format("the open returns here, but a directive holds it at {}", busy->point);
  return true;
}

// The model carried the call out when it entered; here it learns the new event's name, or that the
// machine refused for a reason that the log could not tell (PRED-6).
void Session::on(const log::Record& r, const log::PerfEventOpenRet& x) {
  Call* call = returned(r);
  if (call == nullptr) return;
  core::CallResult& result = *call->result;
  if (held_at_return(r, *call)) return;
  if (x.ret < 0) {
    if (result.event) model_->release(r.cpu, r.tid, result.event);
    const std::int32_t pid = call->open_args.pid;
    if (x.ret == -ESRCH && pid > 0) model_->forget_task(static_cast<core::Tid>(pid));
    return;
  }
  if (result.done && !result.event) {
    const core::OpenVerdict verdict = result.verdict;
    call->result = &model_->perf_event_open(r.cpu, r.tid, call->open_args, true);
    call->result->verdict = verdict;
  }
  model_->bind_event(x.event, call->result->event);
}

void Session::on(const log::Record& r, const log::Overflow& x) {
  const core::EventId event = model_->find_event(x.event);
  if (event) model_->overflow(r.cpu, r.tid, event, x.in_del);
}

void Session::on(const log::Record& r, const log::Tick&) { model_->tick(r.cpu, r.tid); }
void Session::on(const log::Record& r, const log::KernelCounter& x) {
  if (x.pid > 0 && !tid_valid(static_cast<std::uint32_t>(x.pid))) return;
  Call& call = enter(r, 0);
  if (!problem_.empty()) return;
  core::OpenArgs& args = call.open_args;
  args.attr_length = static_cast<std::uint32_t>(std::min(x.attr.size(), args.attr_bytes.size()));
  std::memcpy(args.attr_bytes.data(), x.attr.data(), args.attr_length);
  args.pid = x.pid;
  args.cpu = x.cpu;
  call.result = &model_->kernel_counter(r.cpu, r.tid, args);
}

void Session::on(const log::Record& r, const log::KernelCounterRet& x) {
  Call* call = returned(r);
  if (call == nullptr || held_at_return(r, *call)) return;
  if (x.ret >= 0) {
    model_->bind_event(x.event, call->result->event);
  } else if (call->result->event) {
    model_->release(r.cpu, r.tid, call->result->event);
  }
}

void Session::on(const log::Record&, const log::CgroupMkdir& x) {
  core::World& w = model_->world();
  if (x.cgroup == 0 || w.find_cgroup(x.cgroup) != core::kNoCgroup) {
    problem_ = fmt::format("cgroup {} exists already", x.cgroup);
  } else if (w.find_cgroup(x.parent) == core::kNoCgroup) {
    problem_ = fmt::format("cgroup {} does not exist", x.parent);
  } else {
    w.add_cgroup(x.cgroup, w.find_cgroup(x.parent), x.name);
  }
}

void Session::on(const log::Record& r, const log::CgroupAttachTask& x) {
  if (!tid_valid(x.task)) return;
  const core::CgroupIndex cgroup = model_->world().find_cgroup(x.cgroup);
  if (x.task == 0) {
    problem_ = std::string{"idle tasks stay in the root cgroup"};
  } else if (cgroup == core::kNoCgroup) {
    problem_ = fmt::format("cgroup {} does not exist", x.cgroup);
  } else {
    model_->cgroup_attach_task(r.cpu, r.tid, x.task, cgroup);
  }
}

// Who is on the CPU leaves it first: where the kernel would move tasks to, no log tells.
void Session::on(const log::Record& r, const log::CpuDown& x) {
  if (!cpu_usable(x.target)) return;
  const core::cpu_struct& cpu = model_->world().cpu(x.target);
  if (x.target == r.cpu) {
    problem_ = fmt::format("CPU {} cannot take itself down", x.target);
  } else if (!(cpu.curr == cpu.idle)) {
    problem_ = fmt::format("CPU {} is not idle: thread {} runs there", x.target,
                           model_->world().tasks[cpu.curr].tid);
  } else {
    down_.insert(x.target);
    model_->cpu_down(r.cpu, r.tid, x.target);
  }
}

void Session::on(const log::Record& r, const log::CpuUp& x) {
  if (!model_->world().cpu_valid(x.target) || model_->world().cpu(x.target).online) {
    problem_ = fmt::format("CPU {} is not down", x.target);
    return;
  }
  down_.erase(x.target);
  model_->cpu_up(r.cpu, r.tid, x.target);
}

void Session::on(const log::Record& r, const log::SnapshotCpu& x) {
  core::cpu_struct& cpu = model_->world().cpu(r.cpu);
  cpu.online = x.online;
  if (x.online) model_->make_current(r.tid, r.cpu);
}

void Session::on(const log::Record& r, const log::SnapshotTask& x) {
  model_->task(r.tid, r.cpu);
  model_->set_task(r.tid, x.pid, x.comm);
  if (x.running) model_->make_current(r.tid, r.cpu);
}

// Originals and leaders may come after what refers to them: objects are made when first named. One
// whose event went while the snapshot was taken is made again, off every context.
Session::SnapshotObject& Session::snapshot_object(std::uint32_t number) {
  SnapshotObject& object = snapshot_[number];
  if (!model_->world().events.alive(object.event)) object.event = model_->adopt_shell();
  return object;
}

// The snapshot is taken after attaching: what was opened or inherited meanwhile is known already.
core::EventId Session::known_already(const log::SnapshotEvent& x, core::TaskId task) const {
  const core::World& w = model_->world();
  if (x.parent == 0) return model_->find_event(x.event);
  const core::EventId parent = model_->find_event(x.event);
  if (!parent || !w.tasks.alive(task)) return core::EventId{};
  const auto& copies = w.events[parent].child_list;
  const auto it = std::find_if(copies.begin(), copies.end(), [&](core::EventId copy) {
    return w.contexts.alive(w.events[copy].ctx) && w.contexts[w.events[copy].ctx].task == task;
  });
  return it == copies.end() ? core::EventId{} : *it;
}

void Session::on(const log::Record& r, const log::SnapshotEvent& x) {
  if (!tid_valid(x.owner)) return;
  core::TaskId task;
  if (r.tid != 0) task = model_->task(r.tid, r.cpu == log::kNoCpu ? 0 : core::Cpu{r.cpu});
  if (const core::EventId known = known_already(x, task)) {
    SnapshotObject& object = snapshot_[x.object];
    object.event = known;
    object.told = true;
    object.placed = true;
    return;
  }
  SnapshotObject& object = snapshot_object(x.object);
  if (object.told) {
    problem_ = fmt::format("object {} a second time", x.object);
    return;
  }
  core::AdoptedEvent& a = object.adopted;
  a.attr = core::decode_attr(x.attr);
  a.task = task;
  a.cpu = r.tid == 0 && r.cpu != log::kNoCpu ? static_cast<core::Cpu>(r.cpu) : x.cpu;
  if (r.tid == 0 && r.cpu == log::kNoCpu) a.cpu = core::kNoCpu;
  a.state = x.state;
  if (x.parent != 0) a.parent = snapshot_object(x.parent).event;
  if (x.owner != 0) a.owner = model_->task(x.owner, 0);
  a.id = x.event;
  a.count = x.count;
  a.child_count = x.child_count;
  a.time_enabled = x.time_enabled;
  a.time_running = x.time_running;
  a.child_time_enabled = x.child_time_enabled;
  a.child_time_running = x.child_time_running;
  object.told = true;
  object.parent = x.parent;
  object.leader = x.leader == 0 || x.leader == x.object ? 0 : x.leader;
  if (object.leader != 0 && !snapshot_object(object.leader).placed) {
    waiting_members_.emplace(object.leader, x.object);
    return;
  }
  place(x.object);
}

// A leader, then the members that waited for it: groups have one level.
void Session::place(std::uint32_t number) {
  place_one(number);
  const auto [begin, end] = waiting_members_.equal_range(number);
  for (auto it = begin; it != end; ++it) place_one(it->second);
  waiting_members_.erase(begin, end);
}

void Session::place_one(std::uint32_t number) {
  SnapshotObject& object = snapshot_object(number);
  if (object.placed) return;
  if (object.parent != 0) object.adopted.parent = snapshot_object(object.parent).event;
  if (object.leader != 0) object.adopted.leader = snapshot_object(object.leader).event;
  object.placed = true;
  model_->adopt(object.event, object.adopted, object.adopted.id);
}

void Session::on(const log::Record&, const log::SnapshotEnd&) {
  // What was named but never told of is off every context; its copies keep it alive.
  for (auto& [number, object] : snapshot_) {
    if (object.placed) continue;
    object.leader = 0;
    object.adopted.leader = core::EventId{};
    if (!object.told) object.adopted.state = core::PERF_EVENT_STATE_EXIT;
    place_one(number);
  }
  snapshot_.clear();
  waiting_members_.clear();
  model_->start_contexts();
}

}  // namespace reperf::replay
