// A modelled machine: a world, an engine and one version of the perf core.
//
// Whoever replays a log feeds it stimuli in the order of the log; each starts a kernel path and
// lets everything go on that can. Objects are named as logs name them: tasks by thread id, events
// by perf_event.id (bind_event). Not thread-safe; several models are independent of each other.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "core/engine.h"
#include "core/versions/series.h"
#include "core/world.h"

namespace reperf::core {

class Model {
 public:
  // Precondition: version.make != nullptr.
  Model(const VersionInfo& version, const MachineConfig& config, Chooser& chooser);

  void add_observer(Observer* observer) { engine_.add_observer(observer); }
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const World& world() const { return world_; }
  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] const Engine& engine() const { return engine_; }
  [[nodiscard]] const VersionInfo& version() const { return *version_; }

  // The virtual clock moves on, never back; work that is due by then runs at its time.
  void advance(Ns now);

  // ---- what the log tells of tasks and CPUs

  // The task with this thread id; one that was not known before existed all along.
  TaskId task(Tid tid, Cpu cpu);
  // `tid` was seen running on `cpu`. When the model thought otherwise, the switches in between
  // were filtered or lost.
  TaskId make_current(Tid tid, Cpu cpu);
  void set_task(Tid tid, Tid pid, std::string_view comm);
  // The machine says that there is no such task (any more).
  void forget_task(Tid tid);

  // ---- stimuli

  void sched_switch(Cpu cpu, Tid prev, Tid next, bool prev_dead);
  void sched_migrate_task(Tid tid, Cpu orig, Cpu dest);
  void sched_process_fork(Cpu cpu, Tid parent, Tid child, Tid child_pid, std::string_view comm);
  void sched_process_exec(Cpu cpu, Tid tid, std::string_view comm);
  void sched_process_exit(Cpu cpu, Tid tid);
  // `tid` on `cpu` moves `task` to another cgroup, or takes CPU `target` down or up. Preconditions:
  // the cgroup exists; only the idle task is on `target`, and `cpu` is another one.
  void cgroup_attach_task(Cpu cpu, Tid tid, Tid task, CgroupIndex cgroup);
  void cpu_down(Cpu cpu, Tid tid, Cpu target);
  void cpu_up(Cpu cpu, Tid tid, Cpu target);

  // A call begins; its result stays valid until the next call of the same task.
  CallResult& perf_event_open(Cpu cpu, Tid tid, const OpenArgs& args, bool force_success);
  // `value`: what `arg` points to, 0: not known.
  CallResult& ioctl(Cpu cpu, Tid tid, EventId event, std::uint32_t cmd, std::uint64_t arg,
                    std::uint64_t value = 0);
  CallResult& prctl(Cpu cpu, Tid tid, bool enable);
  // A kernel counter, made on behalf of `tid`. Release it like any event.
  CallResult& kernel_counter(Cpu cpu, Tid tid, const OpenArgs& args);
  CallResult& read(Cpu cpu, Tid tid, EventId event, std::uint64_t size);
  // The last reference to the event's file goes.
  void release(Cpu cpu, Tid tid, EventId event);
  // A read that nobody observes: for the set of values that a window of time permits.
  void reread(Cpu cpu, EventId event, std::uint64_t size, CallResult* result);

  // A sampling event overflows where it is on, or `in_del`: inside its next pmu->del().
  void overflow(Cpu cpu, Tid tid, EventId event, bool in_del);
  void tick(Cpu cpu, Tid tid);

  // An event whose entry in the snapshot comes later, and the entry itself. Originals and leaders
  // may be named before they are told of.
  EventId adopt_shell() { return core_->adopt_shell(); }
  void adopt(EventId shell, const AdoptedEvent& event, std::uint64_t log_id);
  // After a snapshot: contexts of the tasks that run are put on.
  void start_contexts();

  // ---- events by perf_event.id

  void bind_event(std::uint64_t log_id, EventId event);
  // None when the model does not know it (any more).
  [[nodiscard]] EventId find_event(std::uint64_t log_id) const;

  // ---- directives

  // Continues a path that a directive holds; false when there is none.
  bool resume(Tid tid, Cpu cpu);
  // Delivers the oldest IPI that is queued for `cpu`, or all; false when none is.
  bool deliver(Cpu cpu, bool all);
  // The oldest queued work of this name, nullptr when there is none.
  [[nodiscard]] const Work* find_work(std::string_view name) const;
  // Runs it now. Precondition: there is one, and it is due.
  void run_work(std::string_view name);

 private:
  CallResult& fresh_result(TaskId task);
  void run(const char* name, RunContext context, TaskId task, Cpu cpu, Path<> path);
  void gap(const char* what, Cpu cpu, TaskId task);
  void silent_switch(Cpu cpu, TaskId next);
  void take_work(std::size_t index);
  void retire(TaskId task);
  void fire_mux_hrtimer(CtxId ctx);

  const VersionInfo* version_;
  World world_;
  Engine engine_;
  std::unique_ptr<Base> core_;
  std::deque<std::unique_ptr<CallResult>> results_;      // by task slot
  std::vector<std::unique_ptr<CallResult>> unfinished_;  // of calls that a thread left behind
  std::map<std::uint64_t, EventId> events_;
  std::deque<TaskId> exited_;  // tasks whose last switch may have been filtered
};

}  // namespace reperf::core
