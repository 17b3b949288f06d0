// Events on contexts, and their groups (SCH-22 to SCH-24). Locks: CL of the context.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

namespace {

void remove_id(std::vector<EventId>& list, EventId id) {
  list.erase(std::remove(list.begin(), list.end(), id), list.end());
}

}  // namespace

// SCH-3: a property of the PMU, not of the context that the event sits in.
bool Base::is_software_event(const perf_event& event) const {
  return event.pmu >= 0 &&
         w.pmus[static_cast<std::size_t>(event.pmu)].task_ctx_nr == perf_sw_context;
}

void Base::list_add_event(EventId event, CtxId ctx, Rule rule) {
  perf_event& x = ev(event);
  perf_event_context& c = cx(ctx);
  warn_on((x.attach_state & PERF_ATTACH_CONTEXT) != 0, "W-attach-twice", Rule::SCH_22, ctx);
  x.attach_state |= PERF_ATTACH_CONTEXT;
  if (x.is_leader(event)) {
    if (is_software_event(x)) x.group_software = true;
    (x.attr.pinned() ? c.pinned_groups : c.flexible_groups).push_back(event);
  }
  c.event_list.push_back(event);
  ++c.nr_events;
  if (x.attr.has(AttrBit::inherit_stat)) ++c.nr_stat;
  if (x.cgrp != kNoCgroup) ++c.nr_cgroups;
  ++c.generation;
  if (e.observed()) {
    e.emit(Fact{.kind = FactKind::event_attach,
                .rule = rule,
                .event = event,
                .event2 = x.group_leader,
                .ctx = ctx});
  }
}

void Base::list_del_event(EventId event, CtxId ctx) {
  perf_event& x = ev(event);
  if ((x.attach_state & PERF_ATTACH_CONTEXT) == 0) return;
  warn_on(!(x.ctx == ctx), "W-del-ctx", Rule::SCH_23, ctx);
  perf_event_context& c = cx(ctx);
  x.attach_state = static_cast<std::uint8_t>(x.attach_state & ~PERF_ATTACH_CONTEXT);
  --c.nr_events;
  if (x.attr.has(AttrBit::inherit_stat)) --c.nr_stat;
  // Cgroup events are events of a CPU, and this is that CPU.
  if (x.cgrp != kNoCgroup && --c.nr_cgroups == 0) set_cgrp(c.cpu, c.nr, kNoCgroup);
  remove_id(c.event_list, event);
  if (x.is_leader(event)) {
    remove_id(c.pinned_groups, event);
    remove_id(c.flexible_groups, event);
  }
  if (e.observed()) {
    e.emit(Fact{.kind = FactKind::event_detach, .rule = Rule::SCH_23, .event = event, .ctx = ctx});
  }
  update_group_times(event);
  // ERROR and lower stay: a reader can still tell why nothing comes (SCH-21).
  if (x.state > PERF_EVENT_STATE_OFF) set_state(event, PERF_EVENT_STATE_OFF, Rule::SCH_13);
  ++c.generation;
}

void Base::perf_group_attach(EventId event) {
  perf_event& x = ev(event);
  if ((x.attach_state & PERF_ATTACH_GROUP) != 0) return;
  x.attach_state |= PERF_ATTACH_GROUP;
  if (x.is_leader(event)) return;
  perf_event& leader = ev(x.group_leader);
  warn_on(!(leader.ctx == x.ctx), "W-group-ctx", Rule::SCH_24, x.ctx);
  if (leader.group_software && !is_software_event(x)) leader.group_software = false;
  leader.sibling_list.push_back(event);
}

void Base::perf_group_detach(EventId event) {
  perf_event& x = ev(event);
  if ((x.attach_state & PERF_ATTACH_GROUP) == 0) return;
  x.attach_state = static_cast<std::uint8_t>(x.attach_state & ~PERF_ATTACH_GROUP);
  if (!x.is_leader(event)) {
    if (w.events.alive(x.group_leader)) remove_id(ev(x.group_leader).sibling_list, event);
    return;
  }
  // The siblings take the leader's place on its list, ahead of it, as groups of one.
  perf_event_context& c = cx(x.ctx);
  std::vector<EventId>* list = nullptr;
  for (std::vector<EventId>* groups : {&c.pinned_groups, &c.flexible_groups}) {
    if (std::find(groups->begin(), groups->end(), event) != groups->end()) list = groups;
  }
  for (const EventId sibling : x.sibling_list) {
    perf_event& s = ev(sibling);
    warn_on(!(s.ctx == x.ctx), "W-group-ctx", Rule::SCH_24, x.ctx);
    s.group_leader = sibling;
    s.group_software = x.group_software;
    if (list != nullptr) list->insert(std::find(list->begin(), list->end(), event), sibling);
  }
  x.sibling_list.clear();
}

void Base::add_event_to_ctx(EventId event, CtxId ctx, Rule rule) {
  list_add_event(event, ctx, rule);
  perf_group_attach(event);
  start_times(event);
}

}  // namespace reperf::core
