// read() and what it needs (SCH-51, LIFE-100 to LIFE-106, ABI-103 to ABI-110).
// Locks: CM, then XM, with lists as in ioctl.cpp; values are refreshed by an IPI or under CL.
#include "core/base/base.h"

namespace reperf::core {

Path<int> Base::__perf_event_read(EventCall call) {
  const CtxId ctx = ev(call.event).ctx;
  const Cpu cpu = smp_processor_id();
  // Switched out meanwhile: its count was saved then.
  if (cx(ctx).task && !(cpuctx_of(ctx, cpu).task_ctx == ctx)) co_return 0;
  co_await lock_ctx(ctx);
  if (cx(ctx).is_active != 0) {
    update_context_time(ctx);
    update_cgrp_time_from_event(call.event);
  }
  const perf_event& x = ev(call.event);
  update_event_times(call.event);
  if (x.state == PERF_EVENT_STATE_ACTIVE) {
    pmu_read(call.event);
    if (call.detach_group) {  // here: the whole group
      for (const EventId sibling : x.sibling_list) {
        update_event_times(sibling);
        if (ev(sibling).state == PERF_EVENT_STATE_ACTIVE) pmu_read(sibling);
      }
    }
  }
  unlock_ctx(ctx);
  co_return 0;
}

// The decision is made on a state read without lock.
Path<> Base::perf_event_read(EventId event, bool group) {
  co_await e.point("read:before-state");
  const perf_event& x = ev(event);
  if (x.state == PERF_EVENT_STATE_ACTIVE) {
    const Cpu cpu = x.oncpu;
    co_await e.point("read:before-ipi");
    co_await e.call_on(cpu, "__perf_event_read",
                       __perf_event_read(EventCall{.event = event, .detach_group = group}));
  } else if (x.state == PERF_EVENT_STATE_INACTIVE) {
    const CtxId ctx = x.ctx;
    co_await e.point("read:before-lock");
    co_await lock_ctx(ctx);
    if (cx(ctx).is_active != 0) {
      update_context_time(ctx);
      update_cgrp_time_from_event(event);
    }
    if (group) {
      update_group_times(event);
    } else {
      update_event_times(event);
    }
    unlock_ctx(ctx);
  }
}

Path<Base::ReadValue> Base::perf_event_read_value(EventId event) {
  co_await lock_children(event);
  co_await perf_event_read(event, false);
  const perf_event& x = ev(event);
  ReadValue v{perf_event_count(x), x.total_time_enabled + x.child_total_time_enabled,
              x.total_time_running + x.child_total_time_running};
  // XM keeps the list as it is (LIFE-59).
  for (std::size_t i = 0; i < x.child_list.size(); ++i) {
    const EventId child = x.child_list[i];
    co_await perf_event_read(child, false);
    const perf_event& c = ev(child);
    v.count += perf_event_count(c);
    v.enabled += c.total_time_enabled;
    v.running += c.total_time_running;
  }
  unlock_children(event);
  co_return v;
}

std::uint64_t Base::read_size(EventId event) {
  const perf_event& x = ev(event);
  const std::uint64_t format = x.attr.read_format;
  std::uint64_t words = 0;
  std::uint64_t members = 1;
  if ((format & PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) ++words;
  if ((format & PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) ++words;
  if ((format & PERF_FORMAT_GROUP) != 0) {
    ++words;
    members += ev(x.group_leader).sibling_list.size();
  }
  std::uint64_t each = 1;
  if ((format & PERF_FORMAT_ID) != 0) ++each;
  if ((format & PERF_FORMAT_LOST) != 0) ++each;
  return 8 * (words + members * each);
}

// The leader's times, then every member's value, in opening order (ABI-103, ABI-107).
Path<> Base::perf_read_group(EventId event, CallResult* result) {
  const EventId leader = ev(event).group_leader;
  const std::uint64_t format = ev(event).attr.read_format;
  const ReadValue first = co_await perf_event_read_value(leader);
  std::vector<std::uint64_t>& words = result->words;
  words.push_back(1 + ev(leader).sibling_list.size());
  if ((format & PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) words.push_back(first.enabled);
  if ((format & PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) words.push_back(first.running);
  const auto member = [&](EventId id, std::uint64_t count) {
    words.push_back(count);
    if ((format & PERF_FORMAT_ID) != 0) words.push_back(ev(id).id);
    if ((format & PERF_FORMAT_LOST) != 0) words.push_back(0);
  };
  member(leader, first.count);
  for (std::size_t i = 0; i < ev(leader).sibling_list.size(); ++i) {
    const EventId sibling = ev(leader).sibling_list[i];
    const ReadValue value = co_await perf_event_read_value(sibling);
    member(sibling, value.count);
  }
}

Path<> Base::perf_read(EventId event, std::uint64_t size, CallResult* result) {
  const CtxId ctx = co_await perf_event_ctx_lock(event);
  const perf_event& x = ev(event);
  const std::uint64_t need = read_size(event);
  result->words.clear();
  if (x.state == PERF_EVENT_STATE_ERROR) {
    result->ret = 0;  // end of file (SCH-21)
  } else if (size < need) {
    result->ret = -ENOSPC;
  } else {
    if ((x.attr.read_format & PERF_FORMAT_GROUP) != 0) {
      co_await perf_read_group(event, result);
    } else {
      const ReadValue value = co_await perf_event_read_value(event);
      const std::uint64_t format = x.attr.read_format;
      result->words.push_back(value.count);
      if ((format & PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) result->words.push_back(value.enabled);
      if ((format & PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) result->words.push_back(value.running);
      if ((format & PERF_FORMAT_ID) != 0) result->words.push_back(x.id);
      if ((format & PERF_FORMAT_LOST) != 0) result->words.push_back(0);
    }
    result->ret = static_cast<std::int64_t>(need);
  }
  unlock_mutex(ctx);
  put_ctx(ctx);
  result->done = true;
}

}  // namespace reperf::core
