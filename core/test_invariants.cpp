#include "core/test_invariants.h"

#include <algorithm>

namespace reperf::core::testing {

namespace {

template <class List, class T>
auto times_in(const List& list, const T& value) {
  return std::count(list.begin(), list.end(), value);
}

bool attached(const perf_event& x) { return (x.attach_state & PERF_ATTACH_CONTEXT) != 0; }

const pmu* pmu_of(const World& w, const perf_event& x) {
  return x.pmu < 0 ? nullptr : &w.pmus[static_cast<std::size_t>(x.pmu)];
}

}  // namespace

void LifetimeInvariants::require(bool holds, const char* what, std::uint32_t serial) {
  if (holds || !problem_.empty()) return;
  problem_ = what;
  problem_ += ' ';
  problem_ += std::to_string(serial);
}

std::string LifetimeInvariants::check(const World& w, const std::set<EventId>& open) {
  problem_.clear();
  tally(w);
  w.events.for_each([&](EventId id, const perf_event& x) {
    check_event(w, id, x, open.contains(id));
    check_group(w, id, x);
  });
  w.contexts.for_each([&](CtxId id, const perf_event_context& c) { check_context(w, id, c); });
  check_cpus(w);
  check_pmus(w);
  check_active_lists(w);
  check_tasks(w);
  check_globals(w);
  return problem_;
}

void LifetimeInvariants::tally(const World& w) {
  tally_ = {};
  w.events.for_each([&](EventId, const perf_event& x) {
    if (x.parent) ++tally_.children[x.parent];
    ++tally_.references[x.ctx];
    if (x.account_done) ++tally_.accounted;
    const pmu* p = pmu_of(w, x);
    if (p != nullptr && p->model == PmuModel::software && x.attr.config < kSwIds) {
      ++tally_.software[x.attr.config];
    }
  });
  w.contexts.for_each([&](CtxId, const perf_event_context& c) {
    if (c.parent_ctx) ++tally_.references[c.parent_ctx];
    if (c.task) ++tally_.contexts[c.task];
  });
}

void LifetimeInvariants::check_event(const World& w, EventId id, const perf_event& x,
                                     bool file_open) {
  require(w.contexts.alive(x.ctx), "context of event is gone:", id.serial);
  if (!w.contexts.alive(x.ctx)) return;
  const perf_event_context& c = w.contexts[x.ctx];
  require(times_in(c.event_list, id) == (attached(x) ? 1 : 0), "event_list of event", id.serial);
  require(x.child_mutex.owner == 0, "child_mutex of event", id.serial);
  if (x.parent) {
    require(x.refcount == 1, "refcount of copy", id.serial);
    require(w.events.alive(x.parent), "original of copy", id.serial);
    if (!w.events.alive(x.parent)) return;
    const perf_event& top = w.events[x.parent];
    require(!top.parent, "original is no copy itself:", id.serial);
    require(times_in(top.child_list, id) == 1, "child_list for copy", id.serial);
    require(x.attr.inherit(), "inherit of copy", id.serial);
  } else {
    const int children = tally_.children[id];
    require(x.refcount == (file_open ? 1 : 0) + children, "refcount of event", id.serial);
    require(x.child_list.size() == static_cast<std::size_t>(children), "child_list of event",
            id.serial);
  }
  if (x.state <= PERF_EVENT_STATE_EXIT)
    require(!attached(x), "EXIT but attached: event", id.serial);
  if (w.tasks.alive(x.owner)) {
    require(times_in(w.tasks[x.owner].perf_event_list, id) == 1, "owner list for event", id.serial);
  }
}

// INV-27
void LifetimeInvariants::check_group(const World& w, EventId id, const perf_event& x) {
  if (!attached(x) || !w.contexts.alive(x.ctx)) return;
  const perf_event_context& c = w.contexts[x.ctx];
  const auto lists = times_in(c.pinned_groups, id) + times_in(c.flexible_groups, id);
  require(lists == (x.is_leader(id) ? 1 : 0), "group lists for event", id.serial);
  if (!x.is_leader(id)) {
    require(w.events.alive(x.group_leader), "leader of event", id.serial);
    if (!w.events.alive(x.group_leader)) return;
    require(times_in(w.events[x.group_leader].sibling_list, id) == 1, "sibling_list for event",
            id.serial);
    return;
  }
  for (const EventId sibling : x.sibling_list) {
    require(w.events.alive(sibling), "sibling of event", id.serial);
    if (!w.events.alive(sibling)) return;
    const perf_event& s = w.events[sibling];
    require(s.group_leader == id && s.ctx == x.ctx, "group of sibling", sibling.serial);
  }
}

void LifetimeInvariants::check_context(const World& w, CtxId id, const perf_event_context& c) {
  require(c.lock.owner == 0 && c.mutex.owner == 0, "locks of ctx", id.serial);
  require(!c.rotate_disable, "rotate_disable of ctx", id.serial);
  for (const EventId event : c.event_list) {
    require(w.events.alive(event) && w.events[event].ctx == id, "list of ctx", id.serial);
  }
  for (const auto* groups : {&c.pinned_groups, &c.flexible_groups}) {
    for (const EventId leader : *groups) {
      require(w.events.alive(leader) && attached(w.events[leader]), "group list of ctx", id.serial);
    }
  }
  bool linked = !c.task;
  if (w.tasks.alive(c.task)) {
    linked = w.tasks[c.task].perf_event_ctxp[static_cast<std::size_t>(c.nr)] == id;
  }
  require(!c.task || w.tasks.alive(c.task), "task of ctx", id.serial);
  require(c.refcount == tally_.references[id] + (linked ? 1 : 0) + (c.orphans_remove_sched ? 1 : 0),
          "refcount of ctx", id.serial);
  // INV-9 of lifetime.md
  require(!c.task || linked || c.is_active == 0, "dead but active: ctx", id.serial);
}

void LifetimeInvariants::check_cpus(const World& w) {
  for (Cpu nr = 0; w.cpu_valid(nr); ++nr) {
    const cpu_struct& cpu = w.cpu(nr);
    const auto serial = static_cast<std::uint32_t>(nr);
    require(w.tasks.alive(cpu.curr), "curr of CPU", serial);
    if (!w.tasks.alive(cpu.curr)) return;
    const task_struct& curr = w.tasks[cpu.curr];
    require(curr.on_cpu && curr.cpu == nr, "curr does not run on CPU", serial);
  }
}

void LifetimeInvariants::check_tasks(const World& w) {
  w.tasks.for_each([&](TaskId id, const task_struct& t) {
    const bool current = w.cpu_valid(t.cpu) && w.cpu(t.cpu).curr == id;
    require(t.on_cpu == current, "on_cpu of task", t.tid);
    require(t.perf_event_mutex.owner == 0, "perf_event_mutex of task", t.tid);
    const bool known = t.tid == 0 || w.find_task(t.tid) == id;
    const int others = t.usage - tally_.contexts[id];
    // One that has exited may be kept for a while after its thread id was used again.
    require(others == (known ? 1 : 0) || (t.exiting && others == 1), "usage of task", t.tid);
    for (const CtxId ctx : t.perf_event_ctxp) {
      if (!ctx) continue;
      require(w.contexts.alive(ctx) && w.contexts[ctx].task == id, "perf_event_ctxp of task",
              t.tid);
    }
    for (const EventId event : t.perf_event_list) {
      require(w.events.alive(event) && w.events[event].owner == id, "owner list of task", t.tid);
    }
    require(!t.exiting || t.perf_event_list.empty(), "exited but owns: task", t.tid);
    require(!t.exiting || (!t.perf_event_ctxp[0] && !t.perf_event_ctxp[1]),
            "exited but has a context: task", t.tid);
  });
}

void LifetimeInvariants::check_globals(const World& w) {
  const auto pending = std::count_if(w.work.begin(), w.work.end(), [](const Work& item) {
    return item.kind == WorkKind::key_off;
  });
  if (w.perf_sched_events != tally_.accounted + pending) fail("perf_sched_events");
  if (w.sched_hooks_live != (w.perf_sched_events > 0)) fail("sched_hooks_live");
  for (std::size_t i = 0; i < kSwIds; ++i) {
    require(w.perf_swevent_enabled[i] == tally_.software[i], "perf_swevent_enabled",
            static_cast<std::uint32_t>(i));
  }
}

// INV-13, and INV-9 as the PMU sees it.
void LifetimeInvariants::check_pmus(const World& w) {
  for (Cpu nr = 0; w.cpu_valid(nr); ++nr) {
    const auto serial = static_cast<std::uint32_t>(nr);
    for (const std::int32_t depth : w.cpu(nr).pmu_disable_count) {
      require(depth == 0, "pmu_disable_count of CPU", serial);
    }
    require(!w.cpu(nr).txn, "transaction open on CPU", serial);
    for (const counter_use& use : w.cpu(nr).counters_on) {
      require(w.events.alive(use.event) && w.events[use.event].oncpu == nr,
              "counter taken for nothing: CPU", serial);
    }
  }
  w.events.for_each([&](EventId id, const perf_event& x) {
    const pmu* p = pmu_of(w, x);
    if (p == nullptr || p->model != PmuModel::counting || x.oncpu == kNoCpu) return;
    const auto& on = w.cpu(x.oncpu).counters_on;
    const auto uses = std::count_if(on.begin(), on.end(),
                                    [id](const counter_use& use) { return use.event == id; });
    require(uses == 1, "counters of event", id.serial);
  });
}

// INV-2
void LifetimeInvariants::check_active_lists(const World& w) {
  w.contexts.for_each([&](CtxId id, const perf_event_context& c) {
    const auto frequencies =
        std::count_if(c.event_list.begin(), c.event_list.end(), [&](EventId event) {
          const perf_event& x = w.events[event];
          return x.state == PERF_EVENT_STATE_ACTIVE && x.attr.frequency();
        });
    require(c.nr_freq == frequencies, "nr_freq of ctx", id.serial);
    require((c.active_on != kNoCpu) == (c.nr_active > 0), "active_on of ctx", id.serial);
    for (Cpu nr = 0; w.cpu_valid(nr); ++nr) {
      require(times_in(w.cpu(nr).active_ctx_list, id) == (c.active_on == nr ? 1 : 0),
              "active_ctx_list for ctx", id.serial);
    }
  });
}

// lifetime.md INV-16
std::string LifetimeInvariants::check_end(const World& w) {
  if (w.events.live() != 0) return std::to_string(w.events.live()) + " events are left";
  const std::size_t cpu_contexts = w.cpus.size() * perf_nr_task_contexts;
  if (w.contexts.live() != cpu_contexts) return "task contexts are left";
  if (w.perf_sched_events != 0 || w.sched_hooks_live) return "the scheduler hooks are still on";
  if (!w.work.empty()) return "work is left";
  for (const std::int32_t count : w.perf_swevent_enabled) {
    if (count != 0) return "perf_swevent_enabled is not 0";
  }
  return {};
}

}  // namespace reperf::core::testing
