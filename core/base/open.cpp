// perf_event_open() after its checks (LIFE section 3, steps O7 to O19), and contexts of tasks
// (SCH-4, SCH-5). What it refuses is in core/versions/open_check_*.cpp.
#include <algorithm>
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

EventId Base::perf_event_alloc(const perf_event_attr& attr, PmuIndex pmu, Cpu cpu, EventId leader,
                               EventId parent) {
  const EventId id = w.events.create();
  init_event(id, attr, pmu, cpu, leader, parent);
  ev(id).refcount = 1;
  return id;
}

// A frequency starts with a period of 1 and finds its own (SCH-123); timers have one at once.
void Base::init_period(EventId id) {
  perf_event& x = ev(id);
  const PmuModel model =
      x.pmu < 0 ? PmuModel::opaque : w.pmus[static_cast<std::size_t>(x.pmu)].model;
  const bool timer = model == PmuModel::cpu_clock || model == PmuModel::task_clock;
  if (timer && x.attr.frequency()) {
    constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
    x.attr.sample_period = std::max<std::uint64_t>(kNsPerSecond / x.attr.sample_period, 1);
    x.attr.clear(AttrBit::freq);
  }
  x.hw.sample_period = x.attr.frequency() ? 1 : x.attr.sample_period;
  x.hw.last_period = x.hw.sample_period;
  x.hw.period_left = static_cast<std::int64_t>(x.hw.sample_period);
}

void Base::init_event(EventId id, const perf_event_attr& attr, PmuIndex pmu, Cpu cpu,
                      EventId leader, EventId parent) {
  perf_event& x = ev(id);
  x.pmu = pmu;
  x.attr = attr;
  x.cpu = cpu;
  x.group_leader = leader ? leader : id;
  x.parent = parent;
  x.state = attr.disabled() ? PERF_EVENT_STATE_OFF : PERF_EVENT_STATE_INACTIVE;
  init_period(id);
  if (pmu >= 0 && w.pmus[static_cast<std::size_t>(pmu)].model == PmuModel::software &&
      attr.config < kSwIds) {
    ++w.perf_swevent_enabled[attr.config];
  }
  if (e.observed()) {
    e.emit(Fact{.kind = FactKind::event_new, .rule = Rule::SCH_8, .event = id, .event2 = parent});
  }
}

CtxId Base::alloc_perf_context(perf_event_task_context nr, TaskId task) {
  const CtxId ctx = w.contexts.create();
  perf_event_context& c = cx(ctx);
  c.nr = nr;
  c.refcount = 1;
  c.task = task;
  ++tk(task).usage;
  e.emit(Fact{.kind = FactKind::ctx_new, .rule = Rule::SCH_4, .task = task, .ctx = ctx});
  return ctx;
}

void Base::put_task(TaskId task) {
  if (--tk(task).usage == 0) w.tasks.destroy(task);
}

void Base::put_ctx(CtxId ctx) {
  perf_event_context& c = cx(ctx);
  if (--c.refcount != 0) return;
  const CtxId parent = c.parent_ctx;
  const TaskId task = c.task;
  for (cpu_struct& cpu : w.cpus) {
    CtxId& task_ctx = cpu.cpuctx[static_cast<std::size_t>(c.nr)].task_ctx;
    if (!(task_ctx == ctx)) continue;
    // In the kernel the pointer dangles (scheduling.md INV-4, base).
    e.emit(Fact{.kind = FactKind::finding,
                .rule = Rule::LIFE_15,
                .task = task,
                .ctx = ctx,
                .text = "context-freed-while-on-cpu"});
    task_ctx = CtxId{};
  }
  if (c.active_on != kNoCpu) perf_event_ctx_deactivate(ctx);
  e.emit(Fact{.kind = FactKind::ctx_free, .rule = Rule::LIFE_15, .task = task, .ctx = ctx});
  w.contexts.destroy(ctx);
  if (parent) put_ctx(parent);
  if (task) put_task(task);
}

// Locks: CL. The clone relation ends; the contexts keep whatever events they have now (SCH-68).
void Base::unclone_ctx(CtxId ctx) {
  perf_event_context& c = cx(ctx);
  const CtxId parent = std::exchange(c.parent_ctx, CtxId{});
  ++c.generation;
  if (!parent) return;
  e.emit(Fact{.kind = FactKind::ctx_unclone, .rule = Rule::SCH_68, .ctx = ctx, .ctx2 = parent});
  put_ctx(parent);
}

// SCH-5. The context comes back referenced and pinned. Returns 0 or -errno.
Path<int> Base::find_get_context(TaskId task, Cpu cpu, perf_event_task_context nr, CtxId* out) {
  co_await e.point("find_get_context:begin");
  if (!task) {
    *out = w.cpuctx(cpu, nr).ctx;
    if (!w.cpu(cpu).online) co_return -ENODEV;
    get_ctx(*out);
    ++cx(*out).pin_count;
    co_return 0;
  }
  const auto slot = static_cast<std::size_t>(nr);
  while (true) {
    const CtxId ctx = tk(task).perf_event_ctxp[slot];
    if (ctx) {
      co_await e.point("find_get_context:before-lock");
      if (!w.contexts.alive(ctx)) continue;
      co_await lock_ctx(ctx);
      const bool same = tk(task).perf_event_ctxp[slot] == ctx;
      if (same) {
        unclone_ctx(ctx);
        ++cx(ctx).pin_count;
        get_ctx(ctx);
      }
      unlock_ctx(ctx);
      if (!same) continue;
      *out = ctx;
      co_return 0;
    }
    co_await e.point("find_get_context:before-publish");
    co_await lock_task(task);
    const bool exiting = tk(task).exiting;
    const bool empty = !tk(task).perf_event_ctxp[slot];
    if (!exiting && empty) {
      const CtxId fresh = alloc_perf_context(nr, task);
      tk(task).perf_event_ctxp[slot] = fresh;
      ++cx(fresh).pin_count;
      get_ctx(fresh);
      *out = fresh;
    }
    unlock_task(task);
    if (exiting) co_return -ESRCH;
    if (empty) co_return 0;
  }
}

bool Base::needs_sched_hooks(const perf_event& x) const {
  if (x.parent) return false;
  return (x.attach_state & PERF_ATTACH_TASK) != 0 || x.attr.has(AttrBit::context_switch) ||
         (x.attr.sample_type & PERF_SAMPLE_BRANCH_STACK) != 0 || x.cgrp != kNoCgroup;
}

// False: the event needs the hooks, and nobody has counted for them.
bool Base::account_event(EventId event) {
  if (!needs_sched_hooks(ev(event))) return true;
  ev(event).account_done = true;
  if (w.perf_sched_events == 0) return false;
  ++w.perf_sched_events;
  return true;
}

// SCH-62: the count is there before the hooks are, and who finds a count does not wait for them.
Path<> Base::first_sched_event() {
  ++w.perf_sched_events;
  co_await e.point("key:before-live");
  turn_hooks_on();
}

void Base::turn_hooks_on() {
  w.sched_hooks_live = true;
  e.emit(Fact{.kind = FactKind::key_on, .rule = Rule::SCH_62});
}

// SCH-60: the last decrement is put off by HZ jiffies.
void Base::unaccount_event(EventId event) {
  if (!std::exchange(ev(event).account_done, false)) return;
  if (w.perf_sched_events > 1) {
    --w.perf_sched_events;
    return;
  }
  constexpr Ns kOneSecond = 1'000'000'000;
  queue_work(w.now + kOneSecond, WorkKind::key_off, CtxId{}, "key-off", Rule::SCH_60);
}

void Base::key_off_work() {
  if (--w.perf_sched_events != 0) return;
  w.sched_hooks_live = false;
  e.emit(Fact{.kind = FactKind::key_off, .rule = Rule::SCH_60});
}

void Base::set_owner(EventId event, TaskId owner) {
  ev(event).owner = owner;
  e.emit(Fact{.kind = FactKind::owner_set, .rule = Rule::LIFE_20, .task = owner, .event = event});
}

perf_event_task_context Base::context_class(PmuIndex pmu, EventId leader) const {
  // A software member of a hardware group lives in its leader's context.
  if (leader && w.contexts.alive(w.events[leader].ctx) && !moves_group(leader, pmu)) {
    return w.contexts[w.events[leader].ctx].nr;
  }
  return pmu >= 0 ? w.pmus[static_cast<std::size_t>(pmu)].task_ctx_nr : perf_sw_context;
}

EventId Base::alloc_for_open(TaskId target, const OpenArgs& args) {
  const perf_event_attr attr = decode_attr(args.attr_span());
  const bool member = w.events.alive(args.group) && (args.flags & PERF_FLAG_FD_NO_GROUP) == 0;
  const EventId event =
      perf_event_alloc(attr, find_pmu(attr), args.cpu, member ? args.group : EventId{}, EventId{});
  perf_event& x = ev(event);
  if (target) x.attach_state |= PERF_ATTACH_TASK;
  if ((args.flags & PERF_FLAG_PID_CGROUP) != 0) {
    x.cgrp = w.find_cgroup(args.cgroup);
    // One that the log has not told of: nothing is known of who is in it.
    if (x.cgrp == kNoCgroup) x.cgrp = w.add_cgroup(args.cgroup, kRootCgroup, "");
    ++w.cpu(x.cpu).perf_cgroup_events;
  }
  return event;
}

// Steps O10 to O16: finds the context and installs the event in it. 0 or -errno; the event is freed
// then.
Path<int> Base::install_new_event(EventId event, TaskId target, TaskId owner, bool forced) {
  const EventId leader = ev(event).is_leader(event) ? EventId{} : ev(event).group_leader;
  const Cpu cpu = ev(event).cpu;
  CtxId ctx;
  CtxId gctx;
  int refused = 1;
  while (refused == 1) {
    const bool moves = leader && moves_group(leader, ev(event).pmu);
    refused = co_await find_get_context(target, cpu, context_class(ev(event).pmu, leader), &ctx);
    if (refused != 0) {
      _free_event(event);
      co_return refused;
    }
    // The leader's context may have been traded away since the checks (SCH-66); pinned, it stays.
    if (leader && !moves && !forced && !(ev(leader).ctx == ctx)) {
      --cx(ctx).pin_count;
      put_ctx(ctx);
      _free_event(event);
      co_return -EINVAL;
    }
    gctx = CtxId{};
    refused = co_await lock_for_install(moves || !forced ? leader : EventId{}, moves, ctx, &gctx);
    if (refused == 0) refused = may_install(ctx);
    if (refused == 0) {
      if (owner) before_install(event, owner);
      if (gctx) co_await move_group(leader, ctx);
      co_await perf_install_in_context(ctx, event, cpu);
    }
    --cx(ctx).pin_count;
    if (gctx) {
      unlock_mutex(gctx);
      put_ctx(gctx);
    }
    unlock_mutex(ctx);
    if (refused != 0) put_ctx(ctx);
  }
  if (refused != 0) _free_event(event);
  co_return refused;
}

Path<> Base::perf_event_open(TaskId caller, OpenArgs args, CallResult* result) {
  result->verdict = check_open(caller, args);
  result->ret = -result->verdict.error;
  const bool cgroup = (args.flags & PERF_FLAG_PID_CGROUP) != 0;
  TaskId target;
  if (args.pid != -1 && !cgroup) {
    target = args.pid == 0 ? caller : w.find_task(static_cast<Tid>(args.pid));
  }
  if (!target && !w.cpu_valid(args.cpu)) {  // forced: the machine has CPUs that the log has not
    if (result->ret == 0 || result->force_success) result->ret = -EINVAL;
    result->done = true;
    co_return;
  }
  if (result->ret != 0 && !result->force_success) {
    result->done = true;
    co_return;
  }
  co_await get_online_cpus();
  const EventId event = alloc_for_open(target, args);
  if (!account_event(event)) co_await first_sched_event();
  result->ret = co_await install_new_event(event, target, caller, result->force_success);
  put_online_cpus();
  if (result->ret != 0) {
    result->done = true;
    co_return;
  }
  // LIFE-20: between the install and this the event has no owner.
  co_await e.point("open:before-owner");
  after_install(event, caller);
  co_await lock_task(caller);
  tk(caller).perf_event_list.push_back(event);
  unlock_task(caller);
  result->event = event;
  result->done = true;
}

// Nobody looks at what it may: the caller is the kernel.
Path<> Base::perf_event_create_kernel_counter(TaskId caller, OpenArgs args, CallResult* result) {
  const bool task = args.pid != -1;
  const TaskId target = args.pid == 0 || !task ? TaskId{} : w.find_task(static_cast<Tid>(args.pid));
  if (find_pmu(decode_attr(args.attr_span())) < 0) {
    result->ret = -ENOENT;
  } else if (task && args.pid != 0 && !target) {
    result->ret = -ESRCH;
  } else if (!task && !w.cpu_valid(args.cpu)) {
    result->ret = -EINVAL;
  } else {
    const TaskId whose = args.pid == 0 ? caller : target;
    const EventId event = alloc_for_open(whose, args);
    ev(event).kernel_event = true;
    if (!account_event(event)) co_await first_sched_event();
    result->ret = co_await install_new_event(event, whose, TaskId{}, false);
    if (result->ret == 0) result->event = event;
  }
  result->done = true;
}

}  // namespace reperf::core
