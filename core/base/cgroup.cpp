// Events of cgroups: an event of a CPU that is on only while tasks of its cgroup run there
// (SCH-26, SCH-27, SCH-115 to SCH-119). Locks: KL and CL of the task context, on the CPU concerned.
#include "core/base/base.h"

namespace reperf::core {

namespace {

perf_cgroup_info& info_of(World& w, CgroupIndex cgrp, Cpu cpu) {
  return w.cgroups[static_cast<std::size_t>(cgrp)].info[static_cast<std::size_t>(cpu)];
}

}  // namespace

// The cgroup itself, not those that it lies in (SCH-116).
void Base::__update_cgrp_time(CgroupIndex cgrp, Cpu cpu) {
  perf_cgroup_info& info = info_of(w, cgrp, cpu);
  info.time += w.now - info.timestamp;
  info.timestamp = w.now;
}

// Wherever it is called: what counts is who runs there, not where the event belongs.
void Base::update_cgrp_time_from_event(EventId event) {
  const CgroupIndex cgrp = ev(event).cgrp;
  if (cgrp == kNoCgroup) return;
  const Cpu cpu = smp_processor_id();
  if (!w.cpu_valid(cpu) || tk(w.cpu(cpu).curr).cgroup != cgrp) return;
  __update_cgrp_time(cgrp, cpu);
}

void Base::start_cgrp_time(CtxId ctx, Cpu cpu) {
  info_of(w, tk(w.cpu(cpu).curr).cgroup, cpu).timestamp = cx(ctx).timestamp;
}

// SCH-27: the cgroup that runs, or one that it lies in.
bool Base::perf_cgroup_match(const perf_event& event, Cpu cpu) const {
  CgroupIndex cgrp = w.cpuctx(cpu, w.contexts[event.ctx].nr).cgrp;
  while (cgrp != kNoCgroup && cgrp != event.cgrp) {
    cgrp = w.cgroups[static_cast<std::size_t>(cgrp)].parent;
  }
  return cgrp != kNoCgroup;
}

void Base::perf_cgroup_defer_enabled(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  if (x.cgrp == kNoCgroup || perf_cgroup_match(x, cpu)) return;
  x.cgrp_defer_enabled = true;
  e.emit(Fact{.kind = FactKind::event_defer, .rule = Rule::SCH_119, .event = event, .a = 1});
}

// SCH-42, the last row of its table; the group with it.
void Base::mark_deferred_enabled(EventId event) {
  perf_event& x = ev(event);
  x.cgrp_defer_enabled = false;
  mark_times_enabled(event);
  for (const EventId sibling : x.sibling_list) {
    if (ev(sibling).state < PERF_EVENT_STATE_INACTIVE) continue;
    mark_times_enabled(sibling);
    ev(sibling).cgrp_defer_enabled = false;
  }
  e.emit(Fact{.kind = FactKind::event_defer, .rule = Rule::SCH_119, .event = event, .a = 0});
}

void Base::set_cgrp(Cpu cpu, perf_event_task_context nr, CgroupIndex cgrp) {
  perf_cpu_context& cpuctx = w.cpuctx(cpu, nr);
  const auto id = [this](CgroupIndex g) {
    return g == kNoCgroup ? 0
                          : static_cast<std::int64_t>(w.cgroups[static_cast<std::size_t>(g)].id);
  };
  const std::int64_t before = id(cpuctx.cgrp);
  cpuctx.cgrp = cgrp;
  if (before == id(cgrp)) return;
  e.emit(Fact{.kind = FactKind::cgroup_switch,
              .rule = Rule::SCH_115,
              .cpu = cpu,
              .ctx = cpuctx.ctx,
              .a = before,
              .b = id(cgrp)});
}

// All events of the CPU go and come, not only those of cgroups. Between the way out of one task and
// the way in of the next the CPU's contexts are down.
Path<> Base::perf_cgroup_switch(Cpu cpu, TaskId task, bool out, bool in) {
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    const CtxId ctx = w.cpuctx(cpu, nr).ctx;
    if (cx(ctx).nr_cgroups == 0) continue;
    const CtxId task_ctx = w.cpuctx(cpu, nr).task_ctx;
    co_await perf_ctx_lock(cpu, nr, task_ctx);
    if (out) {
      ctx_sched_out(ctx, cpu, EVENT_ALL);
      set_cgrp(cpu, nr, kNoCgroup);
    }
    if (in) {
      warn_on(w.cpuctx(cpu, nr).cgrp != kNoCgroup, "W-cgrp-set", Rule::SCH_115, ctx);
      set_cgrp(cpu, nr, tk(task).cgroup);
      ctx_sched_in(ctx, cpu, EVENT_ALL);
    }
    perf_ctx_unlock(cpu, nr, task_ctx);
  }
}

Path<int> Base::__perf_cgroup_move(EventCall call) {
  co_await perf_cgroup_switch(smp_processor_id(), call.task, true, true);
  co_return 0;
}

// A task that does not run is seen to at its next switch.
Path<> Base::perf_cgroup_attach(TaskId task, CgroupIndex cgroup) {
  tk(task).cgroup = cgroup;
  co_await task_function_call(task, "__perf_cgroup_move", &Base::__perf_cgroup_move,
                              EventCall{.task = task});
}

}  // namespace reperf::core
