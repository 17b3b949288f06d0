// How the core reaches an event on another CPU (SCH-73 to SCH-75, SCH-79, SCH-80).
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

// Runs on the target, interrupts off: is it still the right place?
Path<int> Base::remote_function(TaskId task, Cpu cpu, ActiveFn fn, EventCall call) {
  if (task) {
    if (!w.tasks.alive(task) || tk(task).cpu != cpu || !(w.cpu(cpu).curr == task)) {
      co_return -EAGAIN;
    }
  }
  co_return co_await (this->*fn)(call);
}

Path<int> Base::task_function_call(TaskId task, const char* name, ActiveFn fn, EventCall call) {
  co_await e.point("task_function_call:before-read");
  if (!tk(task).on_cpu) co_return -ESRCH;
  const Cpu cpu = tk(task).cpu;
  // The sender may be delayed here for as long as it likes (SCH-126).
  co_await e.point("task_function_call:before-ipi");
  if (!w.cpu(cpu).online) co_return -ESRCH;
  co_return co_await e.call_on(cpu, name, remote_function(task, cpu, fn, call));
}

Path<int> Base::cpu_function_call(Cpu cpu, const char* name, ActiveFn fn, EventCall call) {
  co_await e.point("cpu_function_call:before-ipi");
  if (!w.cpu(cpu).online) co_return -ENXIO;
  co_return co_await e.call_on(cpu, name, remote_function(TaskId{}, cpu, fn, call));
}

// SCH-75. Locks: CM of the event's context. The loop has no bound of its own.
Path<> Base::event_function_call(const char* name, ActiveFn active, InactiveFn inactive,
                                 EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  co_await e.point("event_function_call:before-read");
  TaskId task = cx(ctx).task;
  if (!task) {
    // The result is ignored: an offline CPU makes this a silent no-op.
    co_await cpu_function_call(ev(call.event).cpu, name, active, call);
    co_return;
  }
  while (true) {
    if (co_await task_function_call(task, name, active, call) == 0) co_return;
    co_await e.point("event_function_call:before-lock");
    co_await lock_ctx(ctx);
    if (cx(ctx).is_active == 0) break;
    const TaskId before = std::exchange(task, cx(ctx).task);
    unlock_ctx(ctx);
    // A context that was traded away meanwhile is looked for at its new task: no turn for nothing.
    if (task == before) co_await e.spin("event_function_call:retry", {.task = task});
  }
  (this->*inactive)(call);
  unlock_ctx(ctx);
}

}  // namespace reperf::core
