// Locks of contexts, and how the core tells what it does.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_ctx_lock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) {
  co_await lock_ctx(w.cpuctx(cpu, nr).ctx);
  if (task_ctx) co_await lock_ctx(task_ctx);
}

void Base::perf_ctx_unlock(Cpu cpu, perf_event_task_context nr, CtxId task_ctx) {
  if (task_ctx) unlock_ctx(task_ctx);
  unlock_ctx(w.cpuctx(cpu, nr).ctx);
}

Path<CtxId> Base::perf_event_ctx_lock(EventId event) {
  while (true) {
    const CtxId ctx = ev(event).ctx;
    get_ctx(ctx);
    co_await e.point("event_ctx_lock:before-mutex");
    co_await lock_mutex(ctx);
    if (ev(event).ctx == ctx) co_return ctx;
    unlock_mutex(ctx);
    put_ctx(ctx);
  }
}

void Base::set_state(EventId event, perf_event_state state, Rule rule) {
  perf_event& x = ev(event);
  const perf_event_state before = x.state;
  x.state = state;
  if (before == state || !e.observed()) return;
  e.emit(Fact{.kind = FactKind::event_state,
              .rule = rule,
              .event = event,
              .event2 = x.parent,
              .ctx = x.ctx,
              .a = before,
              .b = state});
}

void Base::set_is_active(CtxId ctx, std::uint8_t is_active, Rule rule) {
  perf_event_context& c = cx(ctx);
  const std::uint8_t before = c.is_active;
  c.is_active = is_active;
  if (before == is_active || !e.observed()) return;
  e.emit(Fact{.kind = FactKind::ctx_active, .rule = rule, .ctx = ctx, .a = before, .b = is_active});
}

void Base::warn_on(bool condition, const char* name, Rule rule, CtxId ctx) {
  if (!condition) return;
  const bool again = std::any_of(w.warned.begin(), w.warned.end(), [name](const char* before) {
    return std::string_view{before} == name;
  });
  if (!again) w.warned.push_back(name);
  e.emit(Fact{.kind = FactKind::warn, .rule = rule, .ctx = ctx, .a = again, .text = name});
}

void Base::finding(const char* name, Rule rule, EventId event) {
  e.emit(Fact{.kind = FactKind::finding, .rule = rule, .event = event, .text = name});
}

}  // namespace reperf::core
