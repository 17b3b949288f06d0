// ioctl() on a perf descriptor: ENABLE, DISABLE, RESET, on one event or its group, each with its
// inherited copies; REFRESH and PERIOD on one event (SCH-100, SCH-102, LIFE-108 to LIFE-111, ABI-86
// to ABI-93). And the prctl() that enables or disables what a task owns (LIFE-36).
// Locks: PEM (prctl), CM, then XM. They keep these lists as they are, but not against events that a
// snapshot or the machine's word puts there: loops go by index.
#include "core/base/base.h"

namespace reperf::core {

Path<> Base::perf_event_for_each_child(EventId event, EventPath fn) {
  co_await lock_children(event);
  co_await (this->*fn)(event);
  for (std::size_t i = 0; i < ev(event).child_list.size(); ++i) {
    co_await (this->*fn)(ev(event).child_list[i]);
  }
  unlock_children(event);
}

Path<> Base::perf_event_for_each(EventId event, EventPath fn) {
  const EventId leader = ev(event).group_leader;
  co_await perf_event_for_each_child(leader, fn);
  for (std::size_t i = 0; i < ev(leader).sibling_list.size(); ++i) {
    co_await perf_event_for_each_child(ev(leader).sibling_list[i], fn);
  }
}

// Folded counts and all times stay (LIFE-108).
Path<> Base::_perf_event_reset(EventId event) {
  co_await perf_event_read(event, false);
  ev(event).count = 0;
  e.emit(Fact{.kind = FactKind::event_reset, .rule = Rule::LIFE_108, .event = event});
}

// Neither group nor copies: with copies the limit would be nobody's (ABI-91).
Path<int> Base::_perf_event_refresh(EventId event, int refresh) {
  perf_event& x = ev(event);
  if (x.attr.inherit() || !x.attr.sampling()) co_return -EINVAL;
  // In the kernel an atomic counter, which wraps.
  x.event_limit = static_cast<std::int32_t>(static_cast<std::uint32_t>(x.event_limit) +
                                            static_cast<std::uint32_t>(refresh));
  co_await _perf_event_enable(event);
  co_return 0;
}

// The event may change its context while its mutex is waited for (LIFE-87), its owner cannot.
Path<> Base::perf_event_task_control(TaskId task, bool enable, CallResult* result) {
  const EventPath fn = enable ? &Base::_perf_event_enable : &Base::_perf_event_disable;
  co_await lock_task(task);
  for (std::size_t i = 0; i < tk(task).perf_event_list.size(); ++i) {
    const EventId event = tk(task).perf_event_list[i];
    const CtxId ctx = co_await perf_event_ctx_lock(event);
    co_await perf_event_for_each_child(event, fn);
    unlock_mutex(ctx);
    put_ctx(ctx);
  }
  unlock_task(task);
  result->ret = 0;
  result->done = true;
}

namespace {

// Commands that exist but whose effects are not in the model.
bool known_elsewhere(std::uint32_t cmd) {
  switch (cmd) {
    case PERF_EVENT_IOC_SET_OUTPUT:
    case PERF_EVENT_IOC_SET_FILTER:
    case PERF_EVENT_IOC_ID:
    case PERF_EVENT_IOC_SET_BPF:
    case PERF_EVENT_IOC_PAUSE_OUTPUT:
    case PERF_EVENT_IOC_QUERY_BPF:
    case PERF_EVENT_IOC_MODIFY_ATTRIBUTES:
      return true;
    default:
      // FIONBIO, FIOASYNC and the like never reach perf.
      return (cmd >> 8 & 0xff) != '$';
  }
}

}  // namespace

Path<> Base::perf_ioctl(EventId event, std::uint32_t cmd, std::uint64_t arg, std::uint64_t value,
                        CallResult* result) {
  const CtxId ctx = co_await perf_event_ctx_lock(event);
  EventPath fn = nullptr;
  switch (cmd) {
    case PERF_EVENT_IOC_ENABLE:
      fn = &Base::_perf_event_enable;
      break;
    case PERF_EVENT_IOC_DISABLE:
      fn = &Base::_perf_event_disable;
      break;
    case PERF_EVENT_IOC_RESET:
      fn = &Base::_perf_event_reset;
      break;
    case PERF_EVENT_IOC_REFRESH:
      result->ret = co_await _perf_event_refresh(event, static_cast<int>(arg));
      break;
    case PERF_EVENT_IOC_PERIOD:
      // Whoever could not read the value cannot tell a bad pointer from a good one (ABI-93).
      result->modelled = value != 0;
      if (value == 0) break;
      result->ret = check_period(ev(event), value);
      if (result->ret == 0) co_await perf_event_period(event, value);
      break;
    default:
      result->ret = -ENOTTY;
      result->modelled = !known_elsewhere(cmd);
      break;
  }
  if (fn != nullptr) {
    if ((arg & PERF_IOC_FLAG_GROUP) != 0) {
      co_await perf_event_for_each(event, fn);
    } else {
      co_await perf_event_for_each_child(event, fn);
    }
    result->ret = 0;
  }
  unlock_mutex(ctx);
  put_ctx(ctx);
  result->done = true;
}

}  // namespace reperf::core
