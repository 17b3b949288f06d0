#include "core/engine.h"

#include <algorithm>
#include <utility>

namespace reperf::core {

std::size_t Chooser::choose(std::string_view, std::span<const Option>) { return 0; }
bool Chooser::hold(const Run&, std::string_view) { return false; }
bool Chooser::queue(const Run&) { return false; }
bool Chooser::defer(std::string_view) { return false; }

Engine::Engine(World& world, Chooser& chooser) : world_(world), chooser_(chooser) {}
Engine::~Engine() = default;

void Engine::emit(Fact fact) {
  if (!observed()) return;
  fact.time = world_.now;
  if (current_ != nullptr) {
    if (fact.cpu == kNoCpu) fact.cpu = current_->cpu;
    if (!fact.task) fact.task = current_->task;
    fact.run = current_->id;
  }
  for (Observer* observer : observers_) observer->on_fact(fact, world_);
}

void Engine::emit_as(Run& run, Fact fact) {
  Run* const before = std::exchange(current_, &run);
  emit(fact);
  current_ = before;
}

std::unique_ptr<Run> Engine::fresh_run(Path<> path) {
  if (spare_.empty()) return std::make_unique<Run>(std::move(path));
  std::unique_ptr<Run> run = std::move(spare_.back());
  spare_.pop_back();
  run->root = std::move(path);
  return run;
}

void Engine::recycle(std::unique_ptr<Run> run) {
  FrameStack frames = std::move(run->frames);
  frames.clear();
  *run = Run{std::move(run->root)};
  run->frames = std::move(frames);
  spare_.push_back(std::move(run));
}

Run& Engine::make_run(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path) {
  in_flight_.push_back(fresh_run(std::move(path)));
  Run& run = *in_flight_.back();
  run.id = RunId{0, ++last_serial_};
  run.name = name;
  run.context = context;
  run.task = task;
  run.cpu = cpu;
  run.irq_off = context == RunContext::irq ? 1 : 0;
  run.root.handle().promise().frames = &run.frames;
  run.frames.push_back(run.root.handle());
  return run;
}

// A run that may not start yet (interrupts are off there) waits with the others.
void Engine::launch(Run& run) {
  if (eligible(run) && slice(run)) finish(run.id);
}

RunId Engine::start(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path) {
  if (current_ == nullptr) touch();
  Run& run = make_run(name, context, task, cpu, std::move(path));
  const RunId id = run.id;
  launch(run);
  return id;
}

bool Engine::slice(Run& run) {
  Run* const before = current_;
  current_ = &run;
  if (!run.started || run.state == RunState::spinning) run.turn_epoch = epoch_;
  run.state = RunState::runnable;
  // An IPI interrupts whoever is current when it is served (SCH-126).
  if (run.ipi && !run.started) run.task = world_.cpu(run.cpu).curr;
  run.started = true;
  run.waits_for_lock = nullptr;
  if (run.context == RunContext::process && world_.tasks.alive(run.task)) {
    run.cpu = world_.tasks[run.task].cpu;
  }
  bool ended = false;
  while (true) {
    const std::coroutine_handle<> frame = run.frames.back();
    frame.resume();
    if (!run.frames.back().done()) break;  // waits, in whatever frame is innermost now
    run.frames.pop_back();
    if (run.frames.empty()) {
      ended = true;
      break;
    }
  }
  current_ = before;
  return ended;
}

void Engine::finish(RunId id) {
  const auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                               [id](const auto& run) { return run->id == id; });
  std::unique_ptr<Run> run = std::move(*it);
  in_flight_.erase(it);
  if (current_ == nullptr) touch();
  if (observed()) {
    for (Observer* observer : observers_) observer->on_run_end(*run, world_);
  }
  recycle(std::move(run));
}

const Run* Engine::find(RunId id) const {
  for (const auto& run : in_flight_) {
    if (run->id == id) return run.get();
  }
  return nullptr;
}

const Run* Engine::find_task_run(TaskId task) const {
  for (const auto& run : in_flight_) {
    if (run->context == RunContext::process && run->task == task) return run.get();
  }
  return nullptr;
}

bool Engine::irqs_off(Cpu cpu) const {
  for (const auto& run : in_flight_) {
    // A run that has not made its first step has not disabled anything yet.
    if (run->cpu == cpu && run->irq_off > 0 && run->started) return true;
  }
  return current_ != nullptr && current_->cpu == cpu && current_->irq_off > 0;
}

bool Engine::eligible(const Run& run) const {
  switch (run.state) {
    case RunState::held:
    case RunState::queued:
      return false;
    case RunState::blocked_lock:
      if (run.waits_for_lock->owner != 0) return false;
      break;
    case RunState::blocked_run:
      if (in_flight(run.waits_for_run)) return false;
      break;
    case RunState::spinning:
      if (run.spin_epoch == epoch_) return false;
      break;
    case RunState::runnable:
      break;
  }
  if (run.context == RunContext::irq) return run.started || !irqs_off(run.cpu);
  if (run.context == RunContext::work) return true;
  if (!world_.tasks.alive(run.task)) return false;
  const task_struct& task = world_.tasks[run.task];
  // The own interrupts-off section does not stop the run that is in it.
  return task.on_cpu && (run.irq_off > 0 || !irqs_off(task.cpu));
}

void Engine::pump() {
  std::vector<Option> options;
  while (true) {
    options.clear();
    for (const auto& run : in_flight_) {
      if (run.get() != current_ && eligible(*run)) options.push_back(Option{run.get()});
    }
    if (options.empty()) {
      if (report_livelocks()) continue;
      break;
    }
    const std::size_t pick =
        options.size() == 1 ? 0 : chooser_.choose("engine:next", std::span{options});
    Run& run = const_cast<Run&>(*options[pick].run);
    const bool was_spinning = run.state == RunState::spinning;
    if (slice(run)) {
      finish(run.id);
    } else if (!was_spinning || run.state != RunState::spinning) {
      run.proving = false;
      touch();  // a retry loop that turned once more changed nothing; everything else may have
    }
  }
}

// Something waits for a directive, and has steps left.
bool Engine::directive_holds() const {
  return std::any_of(in_flight_.begin(), in_flight_.end(), [](const auto& run) {
    return run->state == RunState::held || run->state == RunState::queued;
  });
}

bool Engine::report_livelocks() {
  // What a directive holds may end the loop (INV-24): judge when it is through.
  if (directive_holds()) return false;
  for (const auto& run : in_flight_) {
    if (run->state != RunState::spinning || run->livelock_reported) continue;
    // Something has happened since its last turn: it will look again once its task runs.
    if (run->spin_epoch != epoch_) continue;
    if (!run->proving) {
      // The way to the loop is no part of its cycle: one whole turn from there and back tells it,
      // and proves that the loop comes back.
      run->proving = true;
      --run->spin_epoch;
      return true;
    }
    run->livelock_reported = true;
    emit_as(*run, Fact{.kind = FactKind::finding,
                       .rule = Rule::SCH_80,
                       .task2 = run->spins_for.task,
                       .a = run->spins_for.cpu,
                       .text = "livelock",
                       .points = run->passed.names()});
  }
  return false;
}

void Engine::report_stuck() {
  // With a directive that was never ended the transcript has told where it holds.
  if (directive_holds()) return;
  for (const auto& run : in_flight_) {
    const bool waits = run->state == RunState::blocked_lock || run->state == RunState::blocked_run;
    if (!waits) continue;
    Fact fact{.kind = FactKind::finding, .text = "stuck"};
    if (run->state == RunState::blocked_lock) {
      const Run* holder = find(RunId{0, run->waits_for_lock->owner});
      fact.a = run->lock_serial;
      if (holder != nullptr) fact.task2 = holder->task;
    }
    emit_as(*run, fact);
  }
}

bool Engine::deliver(Cpu cpu, bool all) {
  std::vector<RunId> ipis;
  for (const auto& run : in_flight_) {
    if (run->state != RunState::queued || run->cpu != cpu) continue;
    ipis.push_back(run->id);
    run->state = RunState::runnable;
    if (!all) break;
  }
  if (ipis.empty()) return false;
  touch();
  // One after the other, before their senders go on and send the next (SCH-126).
  for (const RunId id : ipis) {
    Run& run = const_cast<Run&>(*find(id));
    run.task = world_.cpu(cpu).curr;
    emit_as(run, Fact{.kind = FactKind::ipi_deliver, .rule = Rule::SCH_126, .text = run.name});
    launch(run);
  }
  return true;
}

void Engine::resume_run(RunId id) {
  for (const auto& run : in_flight_) {
    if (run->id != id || run->state != RunState::held) continue;
    run->state = RunState::runnable;
    touch();
    emit_as(*run, Fact{.kind = FactKind::point_resumed, .text = run->point});
    return;
  }
}

bool Engine::stop_at(const char* name) {
  current_->state = RunState::held;
  emit(Fact{.kind = FactKind::point_held, .text = name});
  return true;
}

void Engine::take_lock(const LockAwaiter& l) {
  l.lock.owner = current_->id.serial;
  if (l.raw) ++current_->irq_off;
  if (observed()) emit(Fact{.kind = FactKind::lock_take, .a = l.serial, .text = l.cls});
}

void Engine::unlock(Lock& l, const char* cls, std::uint32_t serial, bool raw, CtxId ctx) {
  l.owner = 0;
  if (raw) --current_->irq_off;
  if (!observed()) return;
  emit(Fact{.kind = FactKind::lock_drop, .a = serial, .text = cls, .unlocked = ctx});
}

void Engine::wait_for_lock(const LockAwaiter& l) {
  current_->state = RunState::blocked_lock;
  current_->waits_for_lock = &l.lock;
  current_->lock_serial = l.serial;
  current_->point = l.cls;
}

void Engine::wait_for_run(RunId run) {
  current_->state = RunState::blocked_run;
  current_->waits_for_run = run;
}

void Engine::wait_spinning(const char* name, SpinTarget target) {
  current_->state = RunState::spinning;
  current_->point = name;
  current_->passed.add(name);
  current_->spins_for = target;
  // What happened since the turn began may have come after it looked: it looks again then.
  current_->spin_epoch = current_->turn_epoch;
}

Path<> Engine::serve_ipi(Path<int> body, int* result) {
  co_await point("ipi:begin");
  *result = co_await std::move(body);
}

Path<> Engine::synchronize_sched() {
  std::vector<RunId> before;
  for (const auto& run : in_flight_) {
    if (run->context == RunContext::irq && run->started) before.push_back(run->id);
  }
  for (const RunId run : before) co_await RunAwaiter{*this, run};
}

Path<int> Engine::call_on(Cpu cpu, const char* name, Path<int> body) {
  if (current_->cpu == cpu) {
    irq_disable();
    const int result = co_await std::move(body);
    irq_enable();
    co_return result;
  }
  emit(Fact{.kind = FactKind::ipi_send, .rule = Rule::SCH_73, .a = cpu, .text = name});
  int result = 0;
  // Both live in this frame, which waits for the end of the run that uses them.
  Run& ipi = make_run(name, RunContext::irq, world_.cpu(cpu).curr, cpu,
                      serve_ipi(std::move(body), &result));
  const RunId id = ipi.id;
  ipi.ipi = true;
  ipi.point = name;
  if (chooser_.queue(ipi)) {
    ipi.state = RunState::queued;
    emit(Fact{.kind = FactKind::ipi_queued, .rule = Rule::SCH_126, .a = cpu, .text = name});
  } else {
    launch(ipi);
  }
  co_await RunAwaiter{*this, id};
  emit(Fact{.kind = FactKind::ipi_return, .rule = Rule::SCH_73, .a = result, .text = name});
  co_return result;
}

}  // namespace reperf::core
