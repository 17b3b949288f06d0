#include "core/model.h"

#include <algorithm>
#include <utility>

namespace reperf::core {

namespace {

// An exited task's last switches matter to nobody and are usually filtered; it is forgotten when
// this many others have exited since.
constexpr std::size_t kExitedKept = 1024;

}  // namespace

Model::Model(const VersionInfo& version, const MachineConfig& config, Chooser& chooser)
    : version_(&version),
      world_(make_world(config)),
      engine_(world_, chooser),
      core_(version.make(world_, engine_)) {}

void Model::run(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path) {
  engine_.start(name, context, task, cpu, std::move(path));
  if (!engine_.quiescent()) engine_.pump();
}

void Model::gap(const char* what, Cpu cpu, TaskId task) {
  engine_.emit(Fact{.kind = FactKind::gap, .cpu = cpu, .task = task, .text = what});
}

void Model::advance(Ns now) {
  std::size_t passed_over = 0;  // due, but put off
  while (passed_over < world_.work.size() && world_.work[passed_over].when <= now) {
    const Work& item = world_.work[passed_over];
    if (engine_.chooser().defer(item.name)) {
      ++passed_over;
      continue;
    }
    world_.now = std::max(world_.now, item.when);
    take_work(passed_over);
  }
  world_.now = std::max(world_.now, now);
}

void Model::take_work(std::size_t index) {
  const Work item = world_.work[index];
  world_.work.erase(world_.work.begin() + static_cast<std::ptrdiff_t>(index));
  if (item.kind == WorkKind::mux_hrtimer) {
    fire_mux_hrtimer(item.ctx);
  } else {
    run("work", RunContext::work, TaskId{}, kNoCpu, core_->run_work(item));
  }
}

void Model::fire_mux_hrtimer(CtxId ctx) {
  const perf_event_context& c = world_.contexts[ctx];
  run("hrtimer", RunContext::irq, world_.cpu(c.cpu).curr, c.cpu,
      core_->perf_mux_hrtimer_handler(c.cpu, c.nr));
}

const Work* Model::find_work(std::string_view name) const {
  const auto it = std::find_if(world_.work.begin(), world_.work.end(),
                               [name](const Work& item) { return item.name == name; });
  return it == world_.work.end() ? nullptr : &*it;
}

void Model::run_work(std::string_view name) {
  take_work(static_cast<std::size_t>(find_work(name) - world_.work.data()));
}

TaskId Model::task(Tid tid, Cpu cpu) {
  if (tid == 0) return world_.cpu(cpu).idle;
  const TaskId known = world_.find_task(tid);
  if (known) return known;
  const TaskId fresh = world_.tasks.create();
  task_struct& t = world_.tasks[fresh];
  t.tid = tid;
  t.pid = tid;
  t.cpu = cpu;
  t.has_run = true;
  world_.bind_tid(tid, fresh);
  engine_.emit(Fact{.kind = FactKind::task_new, .cpu = cpu, .task2 = fresh});
  return fresh;
}

void Model::set_task(Tid tid, Tid pid, std::string_view comm) {
  const TaskId id = world_.find_task(tid);
  if (!id) return;
  world_.tasks[id].pid = pid;
  world_.tasks[id].set_name(comm);
}

void Model::silent_switch(Cpu cpu, TaskId next) {
  const TaskId prev = world_.cpu(cpu).curr;
  for (const perf_cpu_context& cpuctx : world_.cpu(cpu).cpuctx) {
    if (!cpuctx.task_ctx) continue;
    gap("switch-not-seen", cpu, prev);
    break;
  }
  run("sched_switch", RunContext::irq, prev, cpu, core_->silent_switch(cpu, prev, next));
}

TaskId Model::make_current(Tid tid, Cpu cpu) {
  const TaskId id = task(tid, cpu);
  if (world_.cpu(cpu).curr == id) return id;
  const task_struct& t = world_.tasks[id];
  if (t.on_cpu && t.cpu != cpu) silent_switch(t.cpu, world_.cpu(t.cpu).idle);
  silent_switch(cpu, id);
  return id;
}

void Model::forget_task(Tid tid) {
  const TaskId id = world_.find_task(tid);
  if (!id || world_.tasks[id].on_cpu || world_.tasks[id].exiting || !engine_.quiescent()) return;
  retire(id);
}

// The task's last reference by the scheduler goes.
void Model::retire(TaskId id) {
  task_struct& t = world_.tasks[id];
  if (t.on_cpu) {
    cpu_struct& cpu = world_.cpu(t.cpu);
    cpu.curr = cpu.idle;
    world_.tasks[cpu.idle].on_cpu = true;
    t.on_cpu = false;
  }
  if (world_.find_task(t.tid) == id) world_.unbind_tid(t.tid);
  if (--t.usage == 0) world_.tasks.destroy(id);
}

void Model::sched_switch(Cpu cpu, Tid prev, Tid next, bool prev_dead) {
  const TaskId from = make_current(prev, cpu);
  const TaskId to = task(next, cpu);
  const task_struct& t = world_.tasks[to];
  if (t.on_cpu && !(from == to)) silent_switch(t.cpu, world_.cpu(t.cpu).idle);
  run("sched_switch", RunContext::irq, from, cpu, core_->context_switch(cpu, from, to));
  // A path in flight may still refer to the task: it is forgotten later then.
  if (!prev_dead || prev == 0 || !engine_.quiescent()) return;
  const auto it = std::find(exited_.begin(), exited_.end(), from);
  if (it == exited_.end()) return;
  exited_.erase(it);
  retire(from);
}

void Model::sched_migrate_task(Tid tid, Cpu orig, Cpu dest) {
  const TaskId id = task(tid, orig);
  engine_.touch();
  task_struct& t = world_.tasks[id];
  // A running task cannot move: that it stopped was not seen.
  if (t.on_cpu && t.cpu != dest) silent_switch(t.cpu, world_.cpu(t.cpu).idle);
  // The first placement of a new task is not traced (PRED-27): the record knows better.
  if (!t.on_cpu) t.cpu = orig;
  core_->set_task_cpu(id, dest);
  if (!engine_.quiescent()) engine_.pump();
}

void Model::sched_process_fork(Cpu cpu, Tid parent, Tid child, Tid child_pid,
                               std::string_view comm) {
  const TaskId from = make_current(parent, cpu);
  if (child == 0 || child == parent) return;  // no kernel does that
  // A thread id that is used again: its former task is gone, whether its exit was seen or not.
  const TaskId stale = world_.find_task(child);
  if (stale && !world_.tasks[stale].exiting) {
    gap("exit-not-seen", cpu, stale);
    sched_process_exit(cpu, child);
    make_current(parent, cpu);
  }
  if (stale) {
    const auto it = std::find(exited_.begin(), exited_.end(), stale);
    if (engine_.quiescent()) {
      if (it != exited_.end()) exited_.erase(it);
      retire(stale);
    } else {
      world_.unbind_tid(child);  // a path may still be its; it is forgotten with the others
    }
  }
  const TaskId id = world_.tasks.create();
  task_struct& t = world_.tasks[id];
  t.tid = child;
  t.pid = child_pid;
  t.cpu = cpu;
  t.cgroup = world_.tasks[from].cgroup;
  t.set_name(comm);
  world_.bind_tid(child, id);
  engine_.emit(Fact{.kind = FactKind::task_new, .cpu = cpu, .task = from, .task2 = id});
  run("fork", RunContext::process, from, cpu, core_->perf_event_init_task(from, id));
}

void Model::sched_process_exec(Cpu cpu, Tid tid, std::string_view comm) {
  const TaskId id = make_current(tid, cpu);
  world_.tasks[id].set_name(comm);
  run("exec", RunContext::process, id, cpu, core_->perf_event_exec(id));
}

void Model::sched_process_exit(Cpu cpu, Tid tid) {
  if (tid == 0) return;  // idle tasks do not exit
  const TaskId id = make_current(tid, cpu);
  if (world_.tasks[id].exiting) return;
  world_.tasks[id].exiting = true;
  run("exit", RunContext::process, id, cpu, core_->perf_event_exit_task(id));
  exited_.push_back(id);
  while (exited_.size() > kExitedKept && engine_.quiescent()) {
    const TaskId oldest = exited_.front();
    exited_.pop_front();
    retire(oldest);
  }
}

CallResult& Model::fresh_result(TaskId task) {
  if (task.slot >= results_.size()) results_.resize(task.slot + 1);
  std::unique_ptr<CallResult>& slot = results_[task.slot];
  // A path that is stuck in the model still writes to its own result one day.
  if (slot && !slot->done) unfinished_.push_back(std::move(slot));
  if (!slot) slot = std::make_unique<CallResult>();
  std::vector<std::uint64_t> words = std::move(slot->words);
  words.clear();
  *slot = CallResult{};
  slot->words = std::move(words);  // its memory serves the next read
  return *slot;
}

CallResult& Model::perf_event_open(Cpu cpu, Tid tid, const OpenArgs& args, bool force_success) {
  const TaskId id = make_current(tid, cpu);
  const OpenVerdict verdict = core_->check_open(id, args);
  // A target that the log has not named before existed all along, if the call succeeds.
  if (args.pid > 0 && (verdict.error == 0 || force_success)) {
    task(static_cast<Tid>(args.pid), cpu);
  }
  CallResult& result = fresh_result(id);
  result.force_success = force_success;
  run("perf_event_open", RunContext::process, id, cpu, core_->perf_event_open(id, args, &result));
  result.verdict = verdict;
  return result;
}

CallResult& Model::kernel_counter(Cpu cpu, Tid tid, const OpenArgs& args) {
  const TaskId id = make_current(tid, cpu);
  CallResult& result = fresh_result(id);
  run("kernel_counter", RunContext::process, id, cpu,
      core_->perf_event_create_kernel_counter(id, args, &result));
  return result;
}

void Model::cgroup_attach_task(Cpu cpu, Tid tid, Tid task_tid, CgroupIndex cgroup) {
  const TaskId by = make_current(tid, cpu);
  const TaskId moved = task(task_tid, cpu);
  if (world_.tasks[moved].cgroup == cgroup) return;
  run("cgroup_attach_task", RunContext::process, by, cpu, core_->perf_cgroup_attach(moved, cgroup));
}

void Model::cpu_down(Cpu cpu, Tid tid, Cpu target) {
  const TaskId by = make_current(tid, cpu);
  run("cpu_down", RunContext::process, by, cpu, core_->cpu_down(target));
}

void Model::cpu_up(Cpu cpu, Tid tid, Cpu target) {
  const TaskId by = make_current(tid, cpu);
  run("cpu_up", RunContext::process, by, cpu, core_->cpu_up(target));
}

CallResult& Model::ioctl(Cpu cpu, Tid tid, EventId event, std::uint32_t cmd, std::uint64_t arg,
                         std::uint64_t value) {
  const TaskId id = make_current(tid, cpu);
  CallResult& result = fresh_result(id);
  run("ioctl", RunContext::process, id, cpu, core_->perf_ioctl(event, cmd, arg, value, &result));
  return result;
}

CallResult& Model::prctl(Cpu cpu, Tid tid, bool enable) {
  const TaskId id = make_current(tid, cpu);
  CallResult& result = fresh_result(id);
  run("prctl", RunContext::process, id, cpu, core_->perf_event_task_control(id, enable, &result));
  return result;
}

CallResult& Model::read(Cpu cpu, Tid tid, EventId event, std::uint64_t size) {
  const TaskId id = make_current(tid, cpu);
  CallResult& result = fresh_result(id);
  run("read", RunContext::process, id, cpu, core_->perf_read(event, size, &result));
  return result;
}

void Model::reread(Cpu cpu, EventId event, std::uint64_t size, CallResult* result) {
  engine_.mute(true);
  run("read", RunContext::work, TaskId{}, cpu, core_->perf_read(event, size, result));
  engine_.mute(false);
}

void Model::release(Cpu cpu, Tid tid, EventId event) {
  const TaskId id = make_current(tid, cpu);
  const std::uint64_t log_id = world_.events[event].id;
  if (log_id != 0) events_.erase(log_id);
  run("close", RunContext::process, id, cpu, core_->perf_release(event));
}

// An NMI asks nobody: it comes in even where interrupts are off.
void Model::overflow(Cpu cpu, Tid tid, EventId event, bool in_del) {
  const TaskId id = make_current(tid, cpu);
  if (in_del) {
    core_->overflow_in_del(event);
    return;
  }
  run("overflow", RunContext::work, id, cpu, core_->pmu_interrupt(event, cpu));
}

void Model::tick(Cpu cpu, Tid tid) {
  const TaskId id = make_current(tid, cpu);
  run("tick", RunContext::irq, id, cpu, core_->perf_event_task_tick(cpu));
}

void Model::adopt(EventId event, const AdoptedEvent& adopted, std::uint64_t log_id) {
  core_->adopt_event(event, adopted);
  if (!adopted.parent && log_id != 0) events_[log_id] = event;
}

void Model::start_contexts() {
  for (Cpu cpu = 0; world_.cpu_valid(cpu); ++cpu) {
    const TaskId curr = world_.cpu(cpu).curr;
    run("sched_switch", RunContext::irq, curr, cpu, core_->start_contexts(cpu));
  }
}

void Model::bind_event(std::uint64_t log_id, EventId event) {
  if (log_id == 0 || !world_.events.alive(event)) return;
  world_.events[event].id = log_id;
  events_[log_id] = event;
}

EventId Model::find_event(std::uint64_t log_id) const {
  const auto it = events_.find(log_id);
  if (it == events_.end() || !world_.events.alive(it->second)) return EventId{};
  return it->second;
}

bool Model::deliver(Cpu cpu, bool all) {
  if (!engine_.deliver(cpu, all)) return false;
  engine_.pump();
  return true;
}

bool Model::resume(Tid tid, Cpu cpu) {
  const TaskId id = tid == 0 ? TaskId{} : world_.find_task(tid);
  for (const auto& r : engine_.runs()) {
    const bool wanted = tid == 0 ? r->context == RunContext::irq && r->cpu == cpu
                                 : r->context == RunContext::process && r->task == id;
    if (r->state != RunState::held || !wanted) continue;
    engine_.resume_run(r->id);
    engine_.pump();
    return true;
  }
  return false;
}

}  // namespace reperf::core
