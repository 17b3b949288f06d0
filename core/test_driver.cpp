#include "core/test_driver.h"

#include <algorithm>

namespace reperf::core::testing {

// ---- what went wrong

void Ledger::on_fact(const Fact& fact, const World& world) {
  if (fact.kind == FactKind::warn) problems.push_back({fact.text, "warning"});
  if (fact.kind == FactKind::finding && fact.text != known_defect) {
    const auto word = [](const char* what, auto value) {
      return value == 0 ? std::string{} : std::string{what} + std::to_string(value);
    };
    std::string words = fact.detail == nullptr ? fact.text : fact.detail;
    words += word(" e=", fact.event.serial) + word(" f=", fact.event2.serial);
    words += word(" c=", fact.ctx.serial) + word(" d=", fact.ctx2.serial);
    words += word(" a=", fact.a) + word(" b=", fact.b) + word(" cpu=", fact.cpu);
    words += " after " + std::string{rule_name(fact.after)};
    problems.push_back(
        {fact.detail == nullptr ? fact.text : std::string{rule_name(fact.rule)}, words});
  }
  if (fact.kind != FactKind::event_count) return;
  const perf_event& x = world.events[fact.event];
  counted[x.parent ? x.parent : fact.event] += static_cast<std::uint64_t>(fact.a);
}

std::optional<Problem> Driver::problem() {
  if (!ledger_.problems.empty()) return ledger_.problems.front();
  if (!wrong_value_.empty()) return Problem{"value", wrong_value_};
  if (!machine_.model.engine().quiescent()) {
    if (holds_) return std::nullopt;
    return Problem{"stuck", "a path did not end though nobody was held"};
  }
  constexpr std::uint64_t kSweepEvery = 16;  // a look at the whole world costs more than a step
  if (steps_ % kSweepEvery != 0) return std::nullopt;
  std::string words = lifetime_.check(world(), open_);
  if (words.empty()) return std::nullopt;
  return Problem{"lifetime", std::move(words)};
}

// ---- choices

bool RandomChooser::hold(const Run& run, std::string_view) {
  if (!holds_ || held_ >= kHeldMax || run.context == RunContext::work) return false;
  if (random_() % 24 != 0) return false;
  ++held_;
  return true;
}

std::size_t RandomChooser::choose(std::string_view, std::span<const Option> options) {
  return random_() % options.size();
}

// ---- stimuli

namespace {

// Few counters, and a timer that leaves time for other things between two rotations.
MachineConfig busy_machine(std::uint32_t cpus, std::int32_t counters) {
  MachineConfig config = machine(cpus, counters);
  config.pmus.back().mux_interval_ms = 100;
  return config;
}

}  // namespace

Driver::Driver(const VersionInfo& version, std::uint64_t seed, FactCounter& facts)
    : modern_(version.number == 15),
      exchanges_(seed % 4 == 0),
      holds_(races(seed)),
      chooser_(seed, holds_),
      machine_(version, busy_machine(kCpus, kCounters), chooser_),
      invariants_(machine_.model.engine(), machine_.model.world(), version.not_judged),
      random_(seed) {
  // LIFE-55: from tombstone to v4.10.
  if (version.number >= 3 && version.number < 11) ledger_.known_defect = "freed-while-in-group";
  machine_.model.add_observer(&ledger_);
  machine_.model.add_observer(&facts);
  machine_.model.add_observer(&invariants_);
  for (Tid tid = 1; tid <= 6; ++tid) add_task(tid);
  machine_.run(0, 1);
  if (version.number != 0) return;
  // Base breaks down by design when the hooks go off while contexts are active (S000-1): one
  // event of a task that never runs keeps them on.
  add_task(kAnchor);
  const OpenArgs args = open_args(switches(), static_cast<std::int32_t>(kAnchor), kNoCpu);
  pending_[1].result = &machine_.model.perf_event_open(0, 1, args, false);
  anchor_ = pending_[1].result->event;
  while (chooser_.held() > 0) resume_one();
  settle();
  anchor_ = *open_.begin();
}

std::optional<Problem> Driver::step() {
  ++steps_;
  machine_.tick(below(20) == 0 ? below(2'000'000'000) : below(3'000'000));
  act();
  settle();
  return problem();
}

std::optional<Problem> Driver::end() {
  chooser_.stop();
  // Whoever waits for another's mutex goes on when that one is through.
  for (int round = 0; round < 100 && !machine_.model.engine().quiescent(); ++round) {
    while (chooser_.held() > 0) resume_one();
    settle();
    const std::map<Tid, Pending> waiting = pending_;
    for (const auto& [tid, call] : waiting) {
      if (!world().tasks[world().find_task(tid)].on_cpu) machine_.run(0, tid);
      settle();
    }
  }
  if (!machine_.model.engine().quiescent()) {
    std::string words = "paths that never end:";
    for (const auto& run : machine_.model.engine().runs()) {
      words += std::string{" "} + run->name + " at " + run->point;
    }
    return Problem{"stuck", std::move(words)};
  }
  if (anchor_) tasks_.push_back(kAnchor);
  while (!tasks_.empty()) {
    const Tid tid = tasks_.back();
    if (machine_.tid_on(0) != tid) machine_.run(0, tid);
    leave(0, tid);
    settle();
    if (std::optional<Problem> found = problem()) return found;
    if (busy(tid)) return Problem{"stuck", "an exit never ends"};
  }
  while (!open_.empty()) close(0, *open_.begin());
  settle();
  machine_.tick(3'000'000'000);
  steps_ = 0;  // look at everything
  if (std::optional<Problem> found = problem()) return found;
  std::string words = LifetimeInvariants::check_end(world());
  if (words.empty()) return std::nullopt;
  return Problem{"lifetime", std::move(words)};
}

void Driver::add_task(Tid tid) {
  machine_.model.task(tid, 0);
  if (tid != kAnchor) tasks_.push_back(tid);
}

EventId Driver::any_event() {
  auto it = open_.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(below(open_.size())));
  return *it;
}

bool Driver::in_use(EventId event) const {
  return std::any_of(pending_.begin(), pending_.end(), [event](const auto& call) {
    const std::vector<EventId>& files = call.second.files;
    return std::find(files.begin(), files.end(), event) != files.end();
  });
}

void Driver::act() {
  if (chooser_.held() > 0 && one_in(5)) return resume_one();
  const Cpu cpu = any_cpu();
  if (machine_.model.engine().irqs_off(cpu)) return resume_one();
  const std::uint64_t what = below(100);
  const Tid tid = machine_.tid_on(cpu);
  if (what < 30 || tid == 0 || busy(tid)) return switch_on(cpu);
  if (what < 36) return migrate();
  if (what < 44) return fork(cpu);
  if (what < 47) {
    pending_[tid] = {};
    return machine_.model.sched_process_exec(cpu, tid, "new");
  }
  if (what < 52) return exit(cpu);
  if (what < 66) return open(cpu);
  if (open_.empty()) return;
  const EventId event = any_event();
  if (what < 82) return control(cpu, event);
  if (what < 94) return read(cpu, event);
  if (!(event == anchor_)) close(cpu, event);
}

void Driver::resume_one() {
  std::vector<RunId> held;
  for (const auto& run : machine_.model.engine().runs()) {
    if (run->state == RunState::held) held.push_back(run->id);
  }
  if (held.empty()) return;
  chooser_.resumed();
  machine_.model.engine().resume_run(held[below(held.size())]);
  machine_.model.engine().pump();
}

void Driver::settle() {
  const Engine& engine = machine_.model.engine();
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto& [tid, call] = *it;
    const TaskId task = world().find_task(tid);
    const bool returned = engine.find_task_run(task) == nullptr;
    if (!returned || (call.exits && engine.irqs_off(world().tasks[task].cpu))) {
      ++it;
      continue;
    }
    const Pending done = call;
    const Tid who = tid;
    it = pending_.erase(it);
    settle(who, done);
  }
}

void Driver::settle(Tid tid, const Pending& done) {
  if (done.result != nullptr && done.result->event) {
    machine_.model.bind_event(++last_log_id_, done.result->event);
    open_.insert(done.result->event);
  }
  if (done.child != 0) tasks_.push_back(done.child);
  if (!done.exits) return;
  // Its last switch may have been filtered: then somebody else is simply there.
  const Cpu cpu = world().tasks[world().find_task(tid)].cpu;
  tasks_.erase(std::remove(tasks_.begin(), tasks_.end(), tid), tasks_.end());
  if (one_in(4)) {
    machine_.model.make_current(0, cpu);
  } else {
    machine_.run(cpu, 0, true);
  }
}

bool Driver::leaves_cpu(Tid tid) const {
  const auto runs = machine_.model.engine().runs();
  return std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
    return std::string_view{run->name} == "sched_switch" &&
           left_[static_cast<std::size_t>(run->cpu)] == tid;
  });
}

void Driver::switch_on(Cpu cpu) {
  const Tid next = one_in(6) ? 0 : any_task();
  const TaskId task = world().find_task(next);
  if (next != 0 && (world().tasks[task].on_cpu || leaves_cpu(next))) return;
  left_[static_cast<std::size_t>(cpu)] = machine_.tid_on(cpu);
  if (one_in(12)) {  // a switch that the log does not show
    machine_.model.make_current(next, cpu);
  } else {
    machine_.run(cpu, next);
  }
}

void Driver::migrate() {
  const Tid tid = any_task();
  const task_struct& task = world().tasks[world().find_task(tid)];
  // A running task has left unseen, which no path may be held in: it comes back elsewhere at once.
  if (task.on_cpu ? holds_ || !one_in(10) : leaves_cpu(tid)) return;
  machine_.model.sched_migrate_task(tid, any_cpu(), any_cpu());
}

void Driver::fork(Cpu cpu) {
  if (tasks_.size() + pending_.size() >= kTasks) return;
  // Thread ids are used again, sometimes at once.
  Tid child = one_in(3) ? 1 + static_cast<Tid>(below(last_tid_)) : ++last_tid_;
  const bool taken = std::find(tasks_.begin(), tasks_.end(), child) != tasks_.end() ||
                     std::any_of(pending_.begin(), pending_.end(),
                                 [&](const auto& call) { return call.second.child == child; });
  if (taken) child = ++last_tid_;
  const Tid parent = machine_.tid_on(cpu);
  pending_[parent].child = child;
  machine_.model.sched_process_fork(cpu, parent, child, one_in(2) ? parent : child, "child");
}

void Driver::exit(Cpu cpu) {
  if (tasks_.size() > 4) leave(cpu, machine_.tid_on(cpu));
}

void Driver::leave(Cpu cpu, Tid tid) {
  pending_[tid].exits = true;
  machine_.model.sched_process_exit(cpu, tid);
}

perf_event_attr Driver::random_attr() {
  static constexpr std::uint64_t kConfigs[] = {
      PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_COUNT_SW_CPU_MIGRATIONS, PERF_COUNT_SW_CPU_CLOCK,
      PERF_COUNT_SW_TASK_CLOCK, PERF_COUNT_SW_DUMMY};
  perf_event_attr a = one_in(2) ? make_attr(PERF_TYPE_RAW, below(4))
                                : make_attr(PERF_TYPE_SOFTWARE, kConfigs[below(5)]);
  const auto maybe = [&](AttrBit b, std::uint64_t n) {
    if (one_in(n)) a.flags |= bit(b);
  };
  maybe(AttrBit::disabled, 3);
  maybe(AttrBit::inherit, 2);
  maybe(AttrBit::pinned, 6);
  maybe(AttrBit::exclusive, 10);
  if (exchanges_) maybe(AttrBit::inherit_stat, 3);
  maybe(AttrBit::enable_on_exec, 4);
  maybe(AttrBit::inherit_thread, 10);
  maybe(AttrBit::context_switch, 10);
  a.read_format = below(16);
  return a;
}

void Driver::open(Cpu cpu) {
  if (open_.size() + pending_.size() >= kEvents) return;
  perf_event_attr attr = random_attr();
  EventId group;
  if (!open_.empty() && one_in(2)) group = any_event();
  std::int32_t pid = one_in(3) ? 0 : static_cast<std::int32_t>(any_task());
  if (one_in(3)) pid = static_cast<std::int32_t>(tasks_.front());  // more events than counters
  Cpu on = one_in(5) ? any_cpu() : kNoCpu;
  if (one_in(4)) {
    pid = -1;
    on = any_cpu();
  }
  if (group && !one_in(6)) {  // a target and bits that fit, or hardly any group would come about
    if (open_.contains(world().events[group].group_leader)) {
      group = world().events[group].group_leader;
    }
    const perf_event& leader = world().events[group];
    const TaskId task = world().contexts[leader.ctx].task;
    pid = -1;
    if (world().tasks.alive(task)) pid = static_cast<std::int32_t>(world().tasks[task].tid);
    on = leader.cpu;
    attr.flags &= ~(bit(AttrBit::pinned) | bit(AttrBit::exclusive) | bit(AttrBit::inherit));
    if (leader.attr.inherit()) attr.flags |= bit(AttrBit::inherit);
  }
  const Tid tid = machine_.tid_on(cpu);
  Pending& call = pending_[tid];
  if (group) call.files.push_back(group);
  machine_.tick();
  call.result = &machine_.model.perf_event_open(cpu, tid, open_args(attr, pid, on, group), false);
}

void Driver::control(Cpu cpu, EventId event) {
  static constexpr std::uint32_t kCommands[] = {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
                                                PERF_EVENT_IOC_RESET};
  const std::uint32_t cmd = kCommands[below(3)];
  const bool group = one_in(3);
  const Tid tid = machine_.tid_on(cpu);
  pending_[tid].files.push_back(event);
  machine_.ioctl(cpu, tid, event, cmd, group ? PERF_IOC_FLAG_GROUP : 0);
  if (cmd != PERF_EVENT_IOC_RESET || holds_) return;
  const auto forget = [&](EventId x) {
    ledger_.counted[x] = world().events[x].child_count;
    reset_.insert(x);
  };
  if (!group) return forget(event);
  const EventId leader = world().events[event].group_leader;
  forget(leader);
  for (const EventId sibling : world().events[leader].sibling_list) forget(sibling);
}

void Driver::read(Cpu cpu, EventId event) {
  const Tid tid = machine_.tid_on(cpu);
  pending_[tid].files.push_back(event);
  const CallResult& result = machine_.model.read(cpu, tid, event, 4096);
  if (!exchanges_ && !holds_) check_value(event, result);
}

void Driver::check_value(EventId event, const CallResult& result) {
  const perf_event& x = world().events[event];
  if (result.words.empty() || (x.attr.read_format & PERF_FORMAT_GROUP) != 0) return;
  constexpr std::uint64_t kTimes = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  const bool task_clock =
      x.attr.type == PERF_TYPE_SOFTWARE && x.attr.config == PERF_COUNT_SW_TASK_CLOCK;
  if (modern_ && task_clock && (x.attr.read_format & kTimes) == kTimes && !reset_.contains(event) &&
      result.words[0] != result.words[2]) {
    wrong_value_ = "task-clock is not time_running (PRED-30)";
  }
  // Base drops what copies of events without owner have counted (LIFE-83).
  const bool scheduler_event =
      x.attr.type == PERF_TYPE_SOFTWARE && x.attr.config >= PERF_COUNT_SW_CONTEXT_SWITCHES;
  if (!scheduler_event || (!modern_ && !x.owner)) return;
  const std::uint64_t expected = ledger_.counted[event];
  if (result.words[0] != expected) {
    wrong_value_ = "value of event " + std::to_string(event.serial) + ": " +
                   std::to_string(result.words[0]) + ", counted " + std::to_string(expected);
  }
}

void Driver::close(Cpu cpu, EventId event) {
  if (in_use(event)) return;
  const Tid tid = machine_.tid_on(cpu);
  open_.erase(event);
  if (tid != 0) pending_[tid] = {};
  machine_.tick();
  machine_.model.release(cpu, tid, event);
}

}  // namespace reperf::core::testing
