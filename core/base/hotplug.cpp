// CPUs that go and come back, as far as contexts are concerned (SCH-103). Open is a reader of the
// hotplug lock, who takes a CPU down or up the writer.
// Locks: the hotplug lock, then CM, then CL on the CPU that goes.
#include "core/base/base.h"

namespace reperf::core {

// Readers do not wait for each other. A writer that waits keeps new ones out.
Path<> Base::get_online_cpus() {
  cpu_hotplug_lock& hp = w.cpu_hotplug;
  if (hp.lock.owner != 0) {
    co_await e.lock(hp.lock, "cpu_hotplug.lock", 0, false);
    e.unlock(hp.lock, "cpu_hotplug.lock", 0, false);
  }
  if (hp.refcount++ == 0) hp.refcount_zero.owner = e.current()->id.serial;
}

void Base::put_online_cpus() {
  if (--w.cpu_hotplug.refcount == 0) w.cpu_hotplug.refcount_zero.owner = 0;
}

Path<> Base::cpu_hotplug_begin() {
  co_await e.lock(w.cpu_hotplug.lock, "cpu_hotplug.lock", 0, false);
  co_await e.lock(w.cpu_hotplug.refcount_zero, "cpu_hotplug.refcount", 0, false);
}

void Base::cpu_hotplug_done() {
  e.unlock(w.cpu_hotplug.refcount_zero, "cpu_hotplug.refcount", 0, false);
  e.unlock(w.cpu_hotplug.lock, "cpu_hotplug.lock", 0, false);
}

// On the CPU that goes: its events, newest first, each out of its group.
Path<int> Base::__perf_event_exit_context(EventCall call) {
  const std::vector<EventId> events = cx(call.ctx).event_list;
  for (auto it = events.rbegin(); it != events.rend(); ++it) {
    co_await __perf_remove_from_context(
        EventCall{.event = *it, .ctx = call.ctx, .detach_group = true});
  }
  co_return 0;
}

Path<> Base::perf_event_exit_cpu_context(Cpu cpu, perf_event_task_context nr) {
  const CtxId ctx = w.cpuctx(cpu, nr).ctx;
  co_await e.point("cpu_down:before-mutex");
  co_await lock_mutex(ctx);
  co_await e.call_on(cpu, "__perf_event_exit_context",
                     __perf_event_exit_context(EventCall{.ctx = ctx}));
  unlock_mutex(ctx);
}

Path<> Base::cpu_down(Cpu cpu) {
  co_await cpu_hotplug_begin();
  for (const perf_event_task_context nr : {perf_hw_context, perf_sw_context}) {
    co_await perf_event_exit_cpu_context(cpu, nr);
  }
  // What is installed from here on is not taken off any more.
  co_await e.point("cpu_down:before-offline");
  w.cpu(cpu).online = false;
  e.emit(Fact{.kind = FactKind::cpu_state, .rule = Rule::SCH_103, .cpu = cpu, .a = 0});
  cpu_hotplug_done();
}

// Its contexts are as it left them.
Path<> Base::cpu_up(Cpu cpu) {
  co_await cpu_hotplug_begin();
  w.cpu(cpu).online = true;
  e.emit(Fact{.kind = FactKind::cpu_state, .rule = Rule::SCH_103, .cpu = cpu, .a = 1});
  cpu_hotplug_done();
}

}  // namespace reperf::core
