// The engine runs kernel paths: it owns time and choice.
//
// A *run* is one top-level path in flight: what a system call does for its task, an interrupt or
// IPI on a CPU, a work item. The rules (SCH-53, SCH-124, SCH-126):
//  - a run in process context advances only while its task is current on a CPU;
//  - a run with interrupts off keeps every IPI and context switch of its CPU waiting;
//  - an IPI is delivered when its target has interrupts on; its sender waits.
// By default a run goes on until it ends or has to wait, an IPI is delivered at once, and deferred
// work runs when it is due. Whatever else is possible goes through the Chooser, by name: holding a
// run at a scheduling point, keeping an IPI queued, putting work off, picking which of several runs
// goes on.
//
// Runs in flight are not part of the World; a World may be copied when quiescent() is true.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/fact.h"
#include "core/ids.h"
#include "core/path.h"
#include "core/world.h"

namespace reperf::core {

enum class RunContext : std::uint8_t {
  process,  // a system call, fork, exit, ...
  irq,      // IPI, context switch: interrupts off from its first to its last step
  work,     // kernel thread: runs whenever it likes
};

enum class RunState : std::uint8_t {
  runnable,
  blocked_lock,  // until a lock is free
  blocked_run,   // until another run has ended
  held,          // by a directive, until resumed
  queued,        // an IPI that is not delivered yet, by a directive
  spinning,      // in a retry loop, until anything else happened
};

// The scheduling points that a run has passed since its last turn of a retry loop: one turn is the
// cycle of a livelock. When there are more, the first ones are kept.
class PassedPoints {
 public:
  void clear() { count_ = 0; }
  void add(const char* name) {
    if (count_ < names_.size()) names_[count_++] = name;
  }
  [[nodiscard]] std::span<const char* const> names() const {
    return std::span{names_}.first(count_);
  }

 private:
  std::array<const char*, 12> names_{};
  std::uint32_t count_ = 0;
};

// What the next turn of a retry loop hopes for.
struct SpinTarget {
  TaskId task{};     // its being scheduled
  Cpu cpu = kNoCpu;  // its coming up
};

struct Run {
  RunId id;
  const char* name = "";
  RunContext context = RunContext::process;
  RunState state = RunState::runnable;
  TaskId task;             // process: on whose behalf
  Cpu cpu = kNoCpu;        // where it runs (process: where its task ran last)
  int irq_off = 0;         // nesting of interrupts-off sections
  bool ipi = false;        // sent by another run, which waits for it
  bool started = false;    // has made its first step
  const char* point = "";  // the scheduling point at which it stands
  const Lock* waits_for_lock = nullptr;
  std::uint32_t lock_serial = 0;  // of the object whose lock it is
  RunId waits_for_run;
  SpinTarget spins_for;
  std::uint64_t turn_epoch = 0;  // a retry loop: when its present turn began
  std::uint64_t spin_epoch = 0;  // when its last turn began
  bool proving = false;          // turns once more, to prove a livelock
  PassedPoints passed;
  bool livelock_reported = false;
  FrameStack frames;
  Path<> root;

  explicit Run(Path<> path) : root(std::move(path)) {}
};

// One thing that could happen next.
struct Option {
  const Run* run;
};

// The one source of choice. The default answers 0 to everything and holds nobody.
class Chooser {
 public:
  virtual ~Chooser() = default;
  // Which of `options` (at least two, in order of appearance) comes next at `point`.
  virtual std::size_t choose(std::string_view point, std::span<const Option> options);
  // Whether `run` stops here until Engine::resume_run(). Asked at each passing.
  virtual bool hold(const Run& run, std::string_view point);
  // Whether `ipi`, just sent to ipi.cpu, stays queued until Engine::deliver(), though interrupts
  // are on there (SCH-126).
  virtual bool queue(const Run& ipi);
  // Whether work of this name, due now, waits until it is told to run (Y14).
  virtual bool defer(std::string_view work);
};

class Engine {
 public:
  Engine(World& world, Chooser& chooser);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void add_observer(Observer* observer) { observers_.push_back(observer); }
  [[nodiscard]] bool observed() const { return !observers_.empty() && !muted_; }
  void mute(bool on) { muted_ = on; }
  // Fills in time, CPU, task and run where the fact leaves them out.
  void emit(Fact fact);

  // ---- starting and driving runs

  // Starts a run and goes on until it has ended or waits. Returns its id.
  RunId start(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path);
  // Lets everything that can go on go on; ends when nothing can. Reports livelocks.
  void pump();
  // Something outside changed the world: retry loops get another iteration.
  void touch() { ++epoch_; }
  // A run held at a scheduling point goes on.
  void resume_run(RunId id);
  // The oldest IPI that is queued for `cpu` runs, with `all` each of them in the order of sending;
  // while interrupts are off there, as soon as they are on. False when none is.
  bool deliver(Cpu cpu, bool all);
  // At the end: whoever waits and is not held will wait for ever.
  void report_stuck();

  [[nodiscard]] bool quiescent() const { return in_flight_.empty(); }
  [[nodiscard]] bool in_flight(RunId id) const { return find(id) != nullptr; }
  [[nodiscard]] const Run* find(RunId id) const;
  [[nodiscard]] const Run* find_task_run(TaskId task) const;
  [[nodiscard]] std::span<const std::unique_ptr<Run>> runs() const { return in_flight_; }
  [[nodiscard]] bool irqs_off(Cpu cpu) const;
  [[nodiscard]] Run* current() const { return current_; }
  [[nodiscard]] Chooser& chooser() const { return chooser_; }

  // ---- what paths await

  // A named scheduling point: another run may come in here.
  struct PointAwaiter {
    Engine& engine;
    const char* name;
    bool await_ready() { return !engine.stops_at(name); }
    void await_suspend(std::coroutine_handle<>) {}
    void await_resume() {}
  };
  PointAwaiter point(const char* name) { return {*this, name}; }

  // Takes a lock when it is free. `raw`: a raw spinlock, interrupts stay off while it is held.
  struct LockAwaiter {
    Engine& engine;
    Lock& lock;
    const char* cls;
    std::uint32_t serial;
    bool raw;
    bool await_ready() { return engine.try_lock(*this); }
    void await_suspend(std::coroutine_handle<>) { engine.wait_for_lock(*this); }
    // Whoever is continued after waiting finds the lock free: the engine saw to that.
    void await_resume() { engine.take_lock(*this); }
  };
  LockAwaiter lock(Lock& l, const char* cls, std::uint32_t serial, bool raw) {
    return {*this, l, cls, serial, raw};
  }
  // `ctx`: whose ctx->lock it is, if it is one.
  void unlock(Lock& l, const char* cls, std::uint32_t serial, bool raw, CtxId ctx = {});

  // One more turn of a retry loop in which this run changed nothing: waits for anything else to
  // happen, if nothing did since the turn began. When nothing can, that is a livelock (SCH-80).
  // `target`: what would end the loop.
  struct SpinAwaiter {
    Engine& engine;
    const char* name;
    SpinTarget target;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<>) { engine.wait_spinning(name, target); }
    void await_resume() { engine.current_->passed.clear(); }
  };
  SpinAwaiter spin(const char* name, SpinTarget target = {}) { return {*this, name, target}; }

  // Runs `body` with interrupts off on an online `cpu` and waits for its end; on the own CPU it is
  // a plain call. Elsewhere the handler begins with the scheduling point `ipi:begin`, interrupts
  // off. The path's value is smp_call_function_single()'s: whatever `body` returned.
  Path<int> call_on(Cpu cpu, const char* name, Path<int> body);

  // Returns when every section with interrupts off that is in flight now is over: the switches and
  // IPIs that run on other CPUs.
  Path<> synchronize_sched();

  // The context switch in progress goes on as `task` (finish_task_switch()).
  void continue_as(TaskId task) { current_->task = task; }

  void irq_disable() { ++current_->irq_off; }
  void irq_enable() { --current_->irq_off; }

 private:
  struct RunAwaiter {
    Engine& engine;
    RunId run;
    bool await_ready() const { return !engine.in_flight(run); }
    void await_suspend(std::coroutine_handle<>) { engine.wait_for_run(run); }
    void await_resume() {}
  };

  Path<> serve_ipi(Path<int> body, int* result);
  bool stops_at(const char* name) {
    current_->point = name;
    current_->passed.add(name);
    return chooser_.hold(*current_, name) && stop_at(name);
  }
  bool stop_at(const char* name);
  bool try_lock(const LockAwaiter& l) const { return l.lock.owner == 0; }
  void take_lock(const LockAwaiter& l);
  void wait_for_lock(const LockAwaiter& l);
  void wait_for_run(RunId run);
  void wait_spinning(const char* name, SpinTarget target);

  [[nodiscard]] bool eligible(const Run& run) const;
  // Continues `run` until it waits or ends; ended runs are freed by the caller.
  bool slice(Run& run);
  void finish(RunId id);
  // Judges the retry loops; true when one of them has to turn once more first.
  bool report_livelocks();
  [[nodiscard]] bool directive_holds() const;
  void emit_as(Run& run, Fact fact);

  Run& make_run(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path);
  // Its first steps, when it may start now.
  void launch(Run& run);
  std::unique_ptr<Run> fresh_run(Path<> path);
  void recycle(std::unique_ptr<Run> run);

  World& world_;
  Chooser& chooser_;
  std::vector<Observer*> observers_;
  std::vector<std::unique_ptr<Run>> in_flight_;  // in order of start
  std::vector<std::unique_ptr<Run>> spare_;      // ended ones, to be used again
  Run* current_ = nullptr;
  bool muted_ = false;
  std::uint32_t last_serial_ = 0;
  std::uint64_t epoch_ = 0;
};

}  // namespace reperf::core
