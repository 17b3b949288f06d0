// What the core says about itself while it runs.
//
// The core emits facts, and others judge: transcript, digest, check, invariant and lock checkers
// are observers. A fact is a small flat value; with no observer it costs one branch.
#pragma once

#include <cstdint>
#include <span>

#include "core/ids.h"
#include "core/rules.h"

namespace reperf::core {

// Names and meanings of the fields for each kind. Values enter digests of golden tests: new kinds
// go to the end.
enum class FactKind : std::uint8_t {
  point_held,             // text: scheduling point at which a directive stopped the run
  point_resumed,          // text: the same, the run goes on
  task_switch,            // task leaves `cpu`, task2 comes
  task_moved,             // task: a = CPU before, b = CPU after
  task_new,               // task2 forked by task (no task: it existed before)
  task_exit,              // task
  task_exec,              // task
  event_new,              // event made, event2: its parent or none
  event_attach,           // event put on ctx (list_add_event), event2: its leader
  event_detach,           // event taken off ctx
  event_state,            // event: a = state before, b = state after
  event_fail,             // event did not fit on its PMU
  event_count,            // event counted: a = how many
  event_enabled_on_exec,  // event
  event_fold,             // child event2 folded into event: a = count, b = time enabled
  event_reset,            // event: local count cleared
  event_put,              // event: a = references left
  event_free,             // event
  owner_set,              // event owned by task
  owner_clear,            // event lost its owner
  ctx_new,                // ctx of task (none: of cpu)
  ctx_free,               // ctx
  ctx_active,             // ctx: a = is_active before, b = after
  ctx_swap,               // ctx and ctx2 traded tasks: task now has ctx2, task2 has ctx
  ctx_unclone,            // ctx is no clone any more
  ctx_dead,               // ctx of an exited task
  key_on,                 // the scheduler hooks went live
  key_off,                // ... and dead
  ipi_send,               // to CPU a, text: function
  ipi_return,             // text: function, a: what it returned
  lock_take,              // text: class, a: serial of the object
  lock_drop,              // same
  work_queue,             // text: name, a: due time
  work_run,               // text: name
  warn,                   // text: canonical name of the WARN site; a: 1 when it warned before
  finding,                // text: kind of finding; "invariant" uses `after` and `detail` too;
                          // "stuck": a = serial of the lock's object, task2 = the holder's task
  gap,                    // text: why the log does not connect here
  txn_fail,               // group of event: its members fit one by one, but not together
  txn_cancel,             // group of event: its transaction was given up
  event_overflow,         // event overflowed: a = interrupts in this tick
  event_throttle,         // THROTTLE record of event
  event_unthrottle,       // UNTHROTTLE record of event
  event_hup,              // event reached its limit: POLL_HUP, it is to be disabled
  event_period,           // event: sample_period a = before, b = after
  irq_work_queue,         // of event, text: function
  irq_work_run,           // of event, text: function
  irq_work_return,        // of event, text: function, a: what it returned
  hrtimer_start,          // multiplexing timer of cpu context ctx armed: a = due time
  hrtimer_stop,           // ... not needed any more
  ctx_rotate,             // flexible groups of ctx and (none: not there) ctx2 rotated
  cgroup_switch,          // cpu context ctx: a = id of its cgroup before, b = after, 0: none
  event_defer,            // event: a = 1: enabled for when its cgroup runs next, 0: it does now
  cpu_state,              // cpu: a = online
  ipi_queued,             // to CPU a, text: function; a directive keeps it there
  ipi_deliver,            // text: function, it runs as soon as interrupts are on
};

struct Fact {
  FactKind kind{};
  Rule rule = Rule::none;
  Ns time = 0;
  Cpu cpu = kNoCpu;
  RunId run{};
  TaskId task{};
  TaskId task2{};
  EventId event{};
  EventId event2{};
  CtxId ctx{};
  CtxId ctx2{};
  std::int64_t a = 0;
  std::int64_t b = 0;
  const char* text = nullptr;  // a string literal

  CtxId unlocked{};              // lock_drop of a ctx->lock: that context
  Rule after = Rule::none;       // invariant: the step after which it was noticed, rule: which one
  const char* detail = nullptr;  // invariant: what is wrong (core/invariants.h), a string literal
  // livelock: the points of one turn, in order, its task2: whose being scheduled would end it, a:
  // which CPU's coming up (-1: none). Valid while the fact is told.
  std::span<const char* const> points{};
};

class World;
struct Run;

class Observer {
 public:
  virtual ~Observer() = default;
  // `world` is the state right after the step that the fact tells of.
  virtual void on_fact(const Fact& fact, const World& world) = 0;
  // `run`, a top-level path or an IPI, has made its last step and is not in flight any more.
  virtual void on_run_end(const Run&, const World&) {}
};

}  // namespace reperf::core
