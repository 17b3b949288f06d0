// The perf core as of January 2016: version `base` (labels V0 of scheduling.md and lifetime.md).
//
// One virtual function for each kernel function that a patch of the series may replace, with the
// kernel's own name. A later version derives from the one before it and overrides those that its
// patch touched (core/versions/). Files of this folder hold one kernel path each.
//
// Conventions:
//  - functions that return a Path contain scheduling points; all others are atomic;
//  - "Locks:" in a comment names what the caller holds: CL(ctx) is ctx->lock with interrupts off,
//    CM(ctx) ctx->mutex, XM(e) e->child_mutex, PEM(t) t->perf_event_mutex, KL the lock of a CPU
//    context;
//  - kernel errors are plain negative ints, as in the kernel.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/engine.h"
#include "core/open_args.h"
#include "core/world.h"

namespace reperf::core {

class Base {
 public:
  Base(World& world, Engine& engine) : w(world), e(engine) {}
  virtual ~Base() = default;
  Base(const Base&) = delete;
  Base& operator=(const Base&) = delete;

  // ---- entry points: what drives the core

  // One context switch on `cpu`, interrupts off throughout (Y8).
  Path<> context_switch(Cpu cpu, TaskId prev, TaskId next);
  // The same without counting anything: the log does not tell how `next` got there.
  Path<> silent_switch(Cpu cpu, TaskId prev, TaskId next);
  void set_task_cpu(TaskId task, Cpu dest);

  virtual Path<> perf_event_open(TaskId caller, OpenArgs args, CallResult* result);
  // `value`: what `arg` points to, 0: not known.
  virtual Path<> perf_ioctl(EventId event, std::uint32_t cmd, std::uint64_t arg,
                            std::uint64_t value, CallResult* result);
  // prctl(): enables or disables what `task` owns.
  Path<> perf_event_task_control(TaskId task, bool enable, CallResult* result);
  virtual Path<> perf_read(EventId event, std::uint64_t size, CallResult* result);
  // The last reference to the event's file went, in `task`.
  virtual Path<> perf_release(EventId event);
  virtual Path<> perf_event_init_task(TaskId parent, TaskId child);  // fork
  virtual Path<> perf_event_exec(TaskId task);
  virtual Path<> perf_event_exit_task(TaskId task);
  // A sampling event's counter overflows on `cpu`; nothing happens when it does not count there.
  Path<> pmu_interrupt(EventId event, Cpu cpu);
  // Not now, but inside the next pmu->del() of the event.
  void overflow_in_del(EventId event) { ev(event).hw.overflow_in_del = true; }
  // The scheduler's tick of `cpu`.
  Path<> perf_event_task_tick(Cpu cpu);
  // In the kernel, by `caller`: no file, no owner, no hotplug lock (LIFE-25).
  Path<> perf_event_create_kernel_counter(TaskId caller, OpenArgs args, CallResult* result);
  // `task` gets another cgroup.
  Path<> perf_cgroup_attach(TaskId task, CgroupIndex cgroup);
  // `cpu` goes, or comes back. Only its idle task may be there.
  Path<> cpu_down(Cpu cpu);
  Path<> cpu_up(Cpu cpu);
  // The multiplexing timer of a class on `cpu` fires, interrupts off throughout (Y9).
  Path<> perf_mux_hrtimer_handler(Cpu cpu, perf_event_task_context nr);
  // A work item that is due.
  Path<> run_work(Work work);

  // What perf_event_open() would answer; changes nothing. open_check.cpp and versions.
  virtual OpenVerdict check_open(TaskId caller, const OpenArgs& args) = 0;

  // Puts an event into the world that existed before a recording began.
  EventId adopt_shell();
  void adopt_event(EventId shell, const AdoptedEvent& adopted);
  // Puts on what adopted events left off on `cpu`, interrupts off throughout.
  Path<> start_contexts(Cpu cpu);

 protected:
  // A body that runs on the target CPU with interrupts off, and its argument.
  struct EventCall {
    EventId event{};
    CtxId ctx{};  // filled in by perf_install_in_context of later versions
    bool detach_group = false;
    TaskId task{};            // __perf_cgroup_move
    std::uint64_t value = 0;  // perf_event_period
  };

  // ---- objects
  perf_event& ev(EventId id) { return w.events[id]; }
  perf_event_context& cx(CtxId id) { return w.contexts[id]; }
  task_struct& tk(TaskId id) { return w.tasks[id]; }
  [[nodiscard]] Cpu smp_processor_id() const { return e.current()->cpu; }
  // ctx->task == current on `cpu`; a dead context has no task.
  [[nodiscard]] bool is_current(CtxId ctx, Cpu cpu) {
    return !cx(ctx).tombstone && cx(ctx).task == w.cpu(cpu).curr;
  }
  perf_cpu_context& cpuctx_of(CtxId ctx, Cpu cpu) { return w.cpuctx(cpu, cx(ctx).nr); }

  // ---- locks
  Engine::LockAwaiter lock_ctx(CtxId c) { return e.lock(cx(c).lock, "ctx->lock", c.serial, true); }
  void unlock_ctx(CtxId c) { e.unlock(cx(c).lock, "ctx->lock", c.serial, true, c); }
  Engine::LockAwaiter lock_mutex(CtxId c) {
    return e.lock(cx(c).mutex, "ctx->mutex", c.serial, false);
  }
  void unlock_mutex(CtxId c) { e.unlock(cx(c).mutex, "ctx->mutex", c.serial, false); }
  Engine::LockAwaiter lock_children(EventId x) {
    return e.lock(ev(x).child_mutex, "child_mutex", x.serial, false);
  }
  void unlock_children(EventId x) { e.unlock(ev(x).child_mutex, "child_mutex", x.serial, false); }
  Engine::LockAwaiter lock_task(TaskId t) {
    return e.lock(tk(t).perf_event_mutex, "perf_event_mutex", t.serial, false);
  }
  void unlock_task(TaskId t) {
    e.unlock(tk(t).perf_event_mutex, "perf_event_mutex", t.serial, false);
  }
  // KL and, when there is one, CL of the task context.
  Path<> perf_ctx_lock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx);
  virtual void perf_ctx_unlock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx);
  // LIFE-87: takes CM of whatever context the event is in once it is held; returns that context.
  Path<CtxId> perf_event_ctx_lock(EventId event);

  // ---- facts
  virtual void set_state(EventId event, perf_event_state state, Rule rule);
  void set_is_active(CtxId ctx, std::uint8_t is_active, Rule rule);
  void warn_on(bool condition, const char* name, Rule rule, CtxId ctx);
  void finding(const char* name, Rule rule, EventId event);

  // ---- time (event_times.cpp)
  void update_context_time(CtxId ctx);
  [[nodiscard]] Ns perf_event_time(const perf_event& event);
  virtual void update_event_times(EventId event);
  void update_group_times(EventId leader);
  virtual void start_times(EventId event);         // add_event_to_ctx
  virtual void mark_times_enabled(EventId event);  // __perf_event_mark_enabled
  virtual void times_in(EventId event);            // sched in succeeded
  virtual void times_out(EventId event);           // ACTIVE event sched out
  virtual void times_skip(EventId event, Ns now);  // not on: enabled goes on, running does not

  // ---- cgroups (cgroup.cpp). Nothing happens without cgroup events: the tests for that are here,
  // on the path of every switch.
  // Locks: CL of the CPU context. Time of a cgroup on a CPU (SCH-116, SCH-117):
  void update_cgrp_time_from_cpuctx(Cpu cpu, perf_event_task_context nr) {
    const CgroupIndex cgrp = w.cpuctx(cpu, nr).cgrp;
    if (cgrp != kNoCgroup) __update_cgrp_time(cgrp, cpu);
  }
  void update_cgrp_time_from_event(EventId event);  // on the CPU that executes this
  void perf_cgroup_set_timestamp(CtxId ctx, Cpu cpu) {
    if (cx(ctx).nr_cgroups != 0) start_cgrp_time(ctx, cpu);
  }
  void __update_cgrp_time(CgroupIndex cgrp, Cpu cpu);
  void start_cgrp_time(CtxId ctx, Cpu cpu);
  [[nodiscard]] bool perf_cgroup_match(const perf_event& event, Cpu cpu) const;  // SCH-27
  // SCH-119: enabled while another cgroup runs; the next time that its own does.
  void perf_cgroup_defer_enabled(EventId event, Cpu cpu);
  void perf_cgroup_mark_enabled(EventId event) {
    if (ev(event).cgrp_defer_enabled) mark_deferred_enabled(event);
  }
  void mark_deferred_enabled(EventId event);
  // Takes all events of the CPU off and on (SCH-115). Locks: takes KL and the task context's CL.
  Path<> perf_cgroup_switch(Cpu cpu, TaskId task, bool out, bool in);
  Path<int> __perf_cgroup_move(EventCall call);
  void set_cgrp(Cpu cpu, perf_event_task_context nr, CgroupIndex cgrp);

  // ---- lists and groups (event_list.cpp)
  void list_add_event(EventId event, CtxId ctx, Rule rule);
  void list_del_event(EventId event, CtxId ctx);
  void perf_group_attach(EventId event);
  void perf_group_detach(EventId event);
  // `rule`: the one by which the event comes to its context, for whoever wants to know why.
  void add_event_to_ctx(EventId event, CtxId ctx, Rule rule = Rule::SCH_22);
  [[nodiscard]] bool is_software_event(const perf_event& event) const;

  // ---- scheduling (event_sched.cpp, ctx_sched.cpp). Locks: CL (and KL), on the local CPU
  [[nodiscard]] bool event_filter_match(const perf_event& event, Cpu cpu) const;
  [[nodiscard]] bool group_can_go_on(EventId leader, Cpu cpu, bool can_add_hw);
  virtual int event_sched_in(EventId event, CtxId ctx, Cpu cpu);
  virtual void event_sched_out(EventId event, CtxId ctx, Cpu cpu);
  // Takes an ACTIVE event off its PMU: state, times, pmu->del(), oncpu, in the version's order.
  virtual void stop_and_del(EventId event, Cpu cpu);
  void state_out(EventId event);  // INACTIVE, or OFF when a disable is pending
  void perf_event_ctx_activate(CtxId ctx, Cpu cpu);
  void perf_event_ctx_deactivate(CtxId ctx);
  int group_sched_in(EventId leader, CtxId ctx, Cpu cpu);
  void group_sched_out(EventId leader, CtxId ctx, Cpu cpu);
  void ctx_pinned_sched_in(CtxId ctx, Cpu cpu);
  void ctx_flexible_sched_in(CtxId ctx, Cpu cpu);
  virtual void ctx_sched_out(CtxId ctx, Cpu cpu, std::uint8_t type);
  virtual void ctx_sched_in(CtxId ctx, Cpu cpu, std::uint8_t type);
  void perf_event_sched_in(Cpu cpu, perf_event_task_context nr, CtxId task_ctx);
  void task_ctx_sched_out(CtxId ctx, Cpu cpu);
  void ctx_resched(Cpu cpu, perf_event_task_context nr, CtxId task_ctx);
  void walk_groups_out(CtxId ctx, Cpu cpu, std::uint8_t types);

  // ---- multiplexing (rotate.cpp)
  void perf_mux_hrtimer_restart(Cpu cpu, perf_event_task_context nr);
  [[nodiscard]] Ns mux_hrtimer_forward(Cpu cpu, perf_event_task_context nr) const;
  Path<bool> perf_rotate_context(Cpu cpu, perf_event_task_context nr);
  void rotate_ctx(CtxId ctx);

  // ---- the scheduler's hooks (task_sched.cpp)
  Path<> perf_event_task_sched_out(Cpu cpu, TaskId prev, TaskId next);
  Path<> perf_event_task_sched_in(Cpu cpu, TaskId prev, TaskId next);
  Path<> perf_event_context_sched_out(Cpu cpu, TaskId task, perf_event_task_context nr,
                                      TaskId next);
  Path<> perf_event_context_sched_in(Cpu cpu, CtxId ctx);
  [[nodiscard]] bool context_equiv(CtxId ctx1, CtxId ctx2);
  void perf_event_sync_stat(CtxId ctx, CtxId next_ctx);
  Path<> swap_contexts(TaskId task, TaskId next, perf_event_task_context nr);
  // The two plain stores of a swap: here perf_event_ctxp first, then ctx->task (SCH-67).
  virtual Path<> swap_stores(TaskId task, TaskId next, CtxId ctx, CtxId next_ctx);
  void swap_ctxp(TaskId task, TaskId next, perf_event_task_context nr);

  // ---- cross-CPU calls (cross_call.cpp)
  using ActiveFn = Path<int> (Base::*)(EventCall);
  using InactiveFn = void (Base::*)(EventCall);
  virtual Path<int> task_function_call(TaskId task, const char* name, ActiveFn fn, EventCall call);
  Path<int> cpu_function_call(Cpu cpu, const char* name, ActiveFn fn, EventCall call);
  virtual Path<int> remote_function(TaskId task, Cpu cpu, ActiveFn fn, EventCall call);
  Path<> event_function_call(const char* name, ActiveFn active, InactiveFn inactive,
                             EventCall call);

  // ---- install, remove, enable, disable
  virtual Path<> perf_install_in_context(CtxId ctx, EventId event, Cpu cpu);
  virtual Path<int> __perf_install_in_context(EventCall call);
  // For derived versions, which may not name a protected member of their base.
  static constexpr ActiveFn install_body() { return &Base::__perf_install_in_context; }
  void ___perf_install_in_context(EventCall call);
  virtual Path<> perf_remove_from_context(EventId event, bool detach_group);
  virtual Path<int> __perf_remove_from_context(EventCall call);
  void ___perf_remove_from_context(EventCall call);
  virtual Path<> _perf_event_enable(EventId event);
  virtual Path<int> __perf_event_enable(EventCall call);
  void ___perf_event_enable(EventCall call);
  void __perf_event_mark_enabled(EventId event);
  virtual Path<> _perf_event_disable(EventId event);
  virtual Path<int> __perf_event_disable(EventCall call);
  void ___perf_event_disable(EventCall call);

  // ---- system calls
  using EventPath = Path<> (Base::*)(EventId);
  Path<> perf_event_for_each_child(EventId event, EventPath fn);
  Path<> perf_event_for_each(EventId event, EventPath fn);
  Path<> _perf_event_reset(EventId event);
  Path<int> _perf_event_refresh(EventId event, int refresh);
  // What PERIOD answers to `value` (not 0): 0 or -errno.
  [[nodiscard]] virtual int check_period(const perf_event& event, std::uint64_t value) const;
  virtual Path<> perf_event_period(EventId event, std::uint64_t value);
  virtual Path<int> __perf_event_period(EventCall call);
  void ___perf_event_period(EventCall call);
  void change_period(EventCall call, Cpu cpu);  // locks: CL, on `cpu`
  Path<> perf_event_read(EventId event, bool group);
  Path<int> __perf_event_read(EventCall call);
  struct ReadValue {
    std::uint64_t count = 0;
    Ns enabled = 0;
    Ns running = 0;
  };
  Path<ReadValue> perf_event_read_value(EventId event);
  [[nodiscard]] std::uint64_t perf_event_count(const perf_event& event) const {
    return event.count + event.child_count;
  }
  [[nodiscard]] std::uint64_t read_size(EventId event);
  Path<> perf_read_group(EventId event, CallResult* result);

  // ---- open (open.cpp)
  // Looked at once more with CM held: 0 or -errno.
  [[nodiscard]] virtual int may_install(CtxId) const { return 0; }
  // LIFE-20: what open does about the owner before and after the install.
  virtual void before_install(EventId, TaskId) {}
  virtual void after_install(EventId event, TaskId owner) { set_owner(event, owner); }
  void set_owner(EventId event, TaskId owner);
  EventId alloc_for_open(TaskId target, const OpenArgs& args);
  Path<int> install_new_event(EventId event, TaskId target, TaskId owner, bool forced);
  EventId perf_event_alloc(const perf_event_attr& attr, PmuIndex pmu, Cpu cpu, EventId leader,
                           EventId parent);
  void init_event(EventId event, const perf_event_attr& attr, PmuIndex pmu, Cpu cpu, EventId leader,
                  EventId parent);
  void init_period(EventId event);
  CtxId adopted_context(const AdoptedEvent& adopted, perf_event_task_context nr);
  // SCH-58: which events need the scheduler's hooks.
  [[nodiscard]] bool needs_sched_hooks(const perf_event& event) const;
  bool account_event(EventId event);
  virtual Path<> first_sched_event();
  void turn_hooks_on();
  void unaccount_event(EventId event);
  Path<int> find_get_context(TaskId task, Cpu cpu, perf_event_task_context nr, CtxId* out);
  CtxId alloc_perf_context(perf_event_task_context nr, TaskId task);
  void unclone_ctx(CtxId ctx);
  void get_ctx(CtxId ctx) { ++cx(ctx).refcount; }
  void put_ctx(CtxId ctx);
  void put_task(TaskId task);
  [[nodiscard]] PmuIndex find_pmu(const perf_event_attr& attr) const;

  // ---- groups that change their context (move_group.cpp). Locks: CM of both contexts
  [[nodiscard]] bool moves_group(EventId leader, PmuIndex pmu) const;
  Path<> lock_mutex_double(CtxId a, CtxId b);
  // Takes CM(ctx) and, when `leader`'s group has to move there, CM of the context where it is,
  // which comes back referenced in `gctx` (none: no move). 0 or -errno, or 1: the group is
  // elsewhere now, find the context anew. The locks are held in any case.
  virtual Path<int> lock_for_install(EventId leader, bool moves, CtxId ctx, CtxId* gctx);
  Path<> move_group(EventId leader, CtxId ctx);
  // The class of the context that a new event goes to (SCH-7).
  [[nodiscard]] perf_event_task_context context_class(PmuIndex pmu, EventId leader) const;

  // ---- CPU hotplug (hotplug.cpp)
  Path<> get_online_cpus();
  void put_online_cpus();
  Path<> cpu_hotplug_begin();
  void cpu_hotplug_done();
  Path<> perf_event_exit_cpu_context(Cpu cpu, perf_event_task_context nr);
  virtual Path<int> __perf_event_exit_context(EventCall call);

  // ---- end of life (release.cpp, exit.cpp, inherit.cpp)
  virtual Path<> put_event(EventId event);
  Path<> perf_remove_from_owner(EventId event);
  void free_event(EventId event);  // a child: must hold the only reference (LIFE-12)
  void _free_event(EventId event);
  [[nodiscard]] virtual bool is_orphaned_event(const perf_event& top) const;  // LIFE-40
  virtual void check_orphan(EventId child, CtxId ctx);                        // LIFE-79, LIFE-80
  Path<> orphans_remove_work(CtxId ctx);
  virtual Path<> perf_event_exit_task_context(TaskId task, perf_event_task_context nr);
  virtual Path<> __perf_event_exit_task(EventId event, CtxId ctx);
  void sync_child_event(EventId child);
  void unlink_child(EventId child);
  Path<> perf_event_init_context(TaskId parent, TaskId child, perf_event_task_context nr);
  virtual Path<EventId> inherit_event(EventId parent, CtxId parent_ctx, EventId leader,
                                      TaskId child, CtxId child_ctx);
  // LIFE-41: whether the original of the new `copy` is orphaned; the copy is freed then.
  bool refuse_orphan(EventId copy);
  void set_up_copy(EventId copy, CtxId child_ctx, bool enabled);
  Path<> inherit_group(EventId leader, CtxId parent_ctx, TaskId child, CtxId child_ctx);
  Path<bool> inherit_task_group(EventId leader, CtxId parent_ctx, TaskId child,
                                perf_event_task_context nr);
  Path<> perf_event_enable_on_exec(TaskId task, perf_event_task_context nr);
  // Brings context time up to date before exec enables events; not in `base` (SCH-101).
  virtual void exec_update_time(CtxId) {}
  // Once more behind the sched out of an exiting task, whether or not it ran (SCH-104).
  virtual void exit_update_time(CtxId ctx) { update_context_time(ctx); }

  // ---- PMUs and software events (pmu.cpp, swevent.cpp)
  // ctx->pmu of the contexts of a class (SCH-6): the first PMU that was registered for it.
  [[nodiscard]] PmuIndex pmu_of_class(perf_event_task_context nr) const;
  void perf_pmu_disable(PmuIndex pmu, Cpu cpu);
  void perf_pmu_enable(PmuIndex pmu, Cpu cpu);
  void pmu_start_txn(Cpu cpu);
  int pmu_commit_txn(Cpu cpu);  // 0 ends it; -EAGAIN leaves it open
  void pmu_cancel_txn(Cpu cpu);
  int pmu_add(EventId event, Cpu cpu);
  int add_to_counter(EventId event, Cpu cpu);
  void del_from_counter(EventId event, Cpu cpu);
  void pmu_del(EventId event, Cpu cpu);
  void pmu_read(EventId event);
  void pmu_stop(EventId event);   // PERF_EF_UPDATE: counts up to now, no further
  void pmu_start(EventId event);  // and on

  // ---- sampling (overflow.cpp, tick.cpp). With interrupts off, on the CPU of the event
  // An overflow, as the PMU's handler reports it. Locks: none; the handler may be an NMI.
  void perf_event_overflow(EventId event, Cpu cpu);
  void unthrottle(EventId event, Rule rule);
  void queue_irq_work(EventId event, Cpu cpu);
  // The irq_work of an event: carries out a pending disable (SCH-95).
  virtual Path<> perf_pending_event(EventId event);
  // What a disable that irq_work called on its own CPU returned; nobody looks at base.
  virtual void check_local_call(EventId, int) {}
  Path<> perf_adjust_freq_unthr_context(CtxId ctx, bool needs_unthr);
  void perf_adjust_freq_unthr_event(EventId event);
  void perf_adjust_period(EventId event, Ns nsec, std::uint64_t count, bool disable);
  void set_period(EventId event, std::uint64_t period, Rule rule);
  [[nodiscard]] bool counts_sw(const perf_event& event, std::uint64_t config) const;
  void perf_sw_event_sched(Cpu cpu, perf_sw_ids id);
  void count_migration(Cpu cpu, TaskId next);

  // ---- static key (open.cpp)
  void key_off_work();
  void queue_item(Ns when, WorkKind kind, CtxId ctx, const char* name);
  void queue_work(Ns when, WorkKind kind, CtxId ctx, const char* name, Rule rule);

  World& w;
  Engine& e;
};

}  // namespace reperf::core
