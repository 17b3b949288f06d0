// A group of software events only that gets a hardware member moves to the hardware context
// (SCH-7). Its members are taken off one by one and put on again one by one; in between they are on
// no group list. Locks: CM of both contexts, then whatever remove and install take.
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

bool Base::moves_group(EventId leader, PmuIndex pmu) const {
  if (!w.events.alive(leader) || pmu < 0) return false;
  const perf_event& l = w.events[leader];
  const bool software = w.pmus[static_cast<std::size_t>(pmu)].task_ctx_nr == perf_sw_context;
  return !software && is_software_event(l) && l.group_software && w.contexts.alive(l.ctx);
}

// SCH-125: by address in the kernel, by age here.
Path<> Base::lock_mutex_double(CtxId a, CtxId b) {
  if (b < a) std::swap(a, b);
  co_await lock_mutex(a);
  co_await lock_mutex(b);
}

// The leader's context is read before its mutex is held, and not looked at again (LIFE-92).
Path<int> Base::lock_for_install(EventId leader, bool moves, CtxId ctx, CtxId* gctx) {
  if (moves) *gctx = ev(leader).ctx;
  co_await e.point("open:before-mutex");
  if (*gctx) {
    get_ctx(*gctx);
    co_await lock_mutex_double(ctx, *gctx);
  } else {
    co_await lock_mutex(ctx);
  }
  co_return 0;
}

// Who is put on again starts as it was opened, whatever it was set to since.
Path<> Base::move_group(EventId leader, CtxId ctx) {
  const CtxId gctx = ev(leader).ctx;
  const auto state_init = [this](EventId event) {
    set_state(event, ev(event).attr.disabled() ? PERF_EVENT_STATE_OFF : PERF_EVENT_STATE_INACTIVE,
              Rule::SCH_7);
  };
  co_await perf_remove_from_context(leader, false);
  const std::vector<EventId> siblings = ev(leader).sibling_list;
  for (const EventId sibling : siblings) {
    co_await e.point("move_group:before-sibling");
    co_await perf_remove_from_context(sibling, false);
    put_ctx(gctx);
  }
  co_await e.point("move_group:synchronize-rcu");
  for (const EventId sibling : siblings) {
    state_init(sibling);
    co_await perf_install_in_context(ctx, sibling, ev(sibling).cpu);
    get_ctx(ctx);
  }
  co_await e.point("move_group:before-leader");
  state_init(leader);
  co_await perf_install_in_context(ctx, leader, ev(leader).cpu);
  get_ctx(ctx);
  put_ctx(gctx);
}

}  // namespace reperf::core
