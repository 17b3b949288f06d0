// When invariants are judged, and what is kept for it.
#include "core/invariants.h"

#include <algorithm>

namespace reperf::core {

namespace {

constexpr std::uint32_t kAll = (1U << 24) - 1;
static_assert(static_cast<unsigned>(Rule::INV_24) - static_cast<unsigned>(Rule::INV_1) == 23);

// Precondition: `names` are names of invariants, separated by blanks.
std::uint32_t set_of(std::string_view names) {
  std::uint32_t set = 0;
  for (unsigned i = 0; i < 24; ++i) {
    const auto rule = static_cast<Rule>(static_cast<unsigned>(Rule::INV_1) + i);
    const std::string_view name = rule_name(rule);
    for (std::size_t at = names.find(name); at != std::string_view::npos;
         at = names.find(name, at + 1)) {
      const std::size_t end = at + name.size();
      if (end == names.size() || names[end] == ' ') set |= 1U << i;
    }
  }
  return set;
}

}  // namespace

Invariants::Invariants(Engine& engine, const World& w, std::string_view not_judged)
    : engine_(engine), judged_(kAll & ~set_of(not_judged)), cpus_(w.cpus.size()) {
  w.contexts.for_each([&](CtxId id, const perf_event_context&) { memory(id, w); });
  w.events.for_each([&](EventId id, const perf_event& x) {
    EventMemory& m = memory(id, w);
    if (x.state != PERF_EVENT_STATE_ACTIVE || x.oncpu == kNoCpu) return;
    const pmu* p = x.pmu < 0 ? nullptr : &w.pmus[static_cast<std::size_t>(x.pmu)];
    if (p != nullptr && p->task_ctx_nr == perf_sw_context) return;
    m.counted_on = x.oncpu;
    ++cpus_[static_cast<std::size_t>(x.oncpu)]
          .active_oncpu[static_cast<std::size_t>(w.contexts[x.ctx].nr)];
  });
  for (Cpu cpu = 0; w.cpu_valid(cpu); ++cpu) {
    for (const auto nr : {perf_hw_context, perf_sw_context}) note_task_ctx(w, cpu, nr);
  }
}

bool Invariants::note(Rule invariant, Who who, std::uint32_t serial, bool holds) {
  const Broken key{{who, serial}, invariant};
  if (!holds) return broken_.insert(key).second;
  broken_.erase(key);
  return false;
}

void Invariants::tell(Rule invariant, const char* detail, Fact fact) {
  fact.kind = FactKind::finding;
  fact.text = "invariant";
  fact.rule = invariant;
  fact.after = last_rule_;
  fact.detail = detail;
  if (engine_.current() == nullptr) {
    if (fact.cpu == kNoCpu) fact.cpu = ended_cpu_;
    fact.task = ended_task_;
  }
  engine_.emit(fact);
}

void Invariants::forget(Who who, std::uint32_t serial) {
  const auto from = broken_.lower_bound({{who, serial}, Rule::none});
  const auto to = broken_.lower_bound({{who, serial + 1}, Rule::none});
  broken_.erase(from, to);
}

Invariants::CtxMemory& Invariants::memory(CtxId id, const World& w) {
  if (id.slot >= ctxs_.size()) ctxs_.resize(id.slot + 1);
  CtxMemory& m = ctxs_[id.slot];
  if (m.id == id) return m;
  m = CtxMemory{};
  m.id = id;
  m.time = w.contexts[id].time;
  m.generation = w.contexts[id].generation;
  return m;
}

Invariants::EventMemory& Invariants::memory(EventId id, const World& w) {
  if (id.slot >= events_.size()) events_.resize(id.slot + 1);
  EventMemory& m = events_[id.slot];
  if (m.id == id) return m;
  m = EventMemory{};
  m.id = id;
  m.enabled = w.events[id].total_time_enabled;
  m.running = w.events[id].total_time_running;
  return m;
}

void Invariants::on_fact(const Fact& fact, const World& w) {
  switch (fact.kind) {
    case FactKind::lock_drop:
      if (fact.unlocked) at_unlock(fact.unlocked, fact.cpu, w);
      return;
    case FactKind::lock_take:
    case FactKind::finding:
      return;
    case FactKind::event_state:
      note_state(fact, w);
      break;
    case FactKind::event_attach:
      note_attach(fact, w);
      break;
    case FactKind::event_fail:
      ++refused_;
      break;
    case FactKind::event_detach:
      memory(fact.ctx, w).touched = true;
      ++memory(fact.ctx, w).changes;
      break;
    case FactKind::event_free:
      event_gone(fact.event);
      break;
    case FactKind::owner_set:
      if (fact.run) opened_.push_back({fact.run, fact.event});
      break;
    case FactKind::ctx_new:
      memory(fact.ctx, w);
      break;
    case FactKind::ctx_active:
      memory(fact.ctx, w).touched = true;
      memory(fact.ctx, w).adopted = false;
      note_exec(fact, w);
      break;
    case FactKind::ctx_swap:
      if (w.contexts[fact.ctx].nr_stat == 0) break;
      note_swap(fact.ctx, w);
      note_swap(fact.ctx2, w);
      break;
    case FactKind::ctx_unclone:
      ++memory(fact.ctx, w).changes;
      break;
    case FactKind::ctx_free:
      context_gone(fact.ctx);
      break;
    case FactKind::key_off:
      w.contexts.for_each([&](CtxId id, const perf_event_context& c) { inv_8(id, c, w); });
      break;
    case FactKind::point_held:
      at_quiescence(w);
      break;
    default:
      break;
  }
  if (fact.rule != Rule::none) last_rule_ = fact.rule;
}

// Which CPU counts the event in active_oncpu: told by the changes of its state, so that a CPU that
// counts for another one is noticed (S000-4).
void Invariants::note_state(const Fact& fact, const World& w) {
  if (!w.contexts.alive(fact.ctx)) return;
  memory(fact.ctx, w).touched = true;
  const perf_event& x = w.events[fact.event];
  if (x.attr.exclusive()) ++refused_;
  if (x.pmu >= 0 && w.pmus[static_cast<std::size_t>(x.pmu)].task_ctx_nr == perf_sw_context) return;
  EventMemory& m = memory(fact.event, w);
  const auto nr = static_cast<std::size_t>(w.contexts[fact.ctx].nr);
  if (m.counted_on != kNoCpu) {
    --cpus_[static_cast<std::size_t>(m.counted_on)].active_oncpu[nr];
    if (m.counted_on != fact.cpu) foreign_.emplace_back(m.counted_on, w.contexts[fact.ctx].nr);
    m.counted_on = kNoCpu;
  }
  if (fact.b != PERF_EVENT_STATE_ACTIVE || !w.cpu_valid(fact.cpu)) return;
  ++cpus_[static_cast<std::size_t>(fact.cpu)].active_oncpu[nr];
  m.counted_on = fact.cpu;
}

void Invariants::note_attach(const Fact& fact, const World& w) {
  CtxMemory& m = memory(fact.ctx, w);
  m.touched = true;
  ++m.changes;
  EventMemory& x = memory(fact.event, w);
  x.refused = refused_;
  const TaskId task = w.contexts[fact.ctx].task;
  x.on_running = w.tasks.alive(task) && w.tasks[task].on_cpu;
  // Adding sets all stamps (SCH-42): the totals of one that moved with its group start anew.
  x.attached = true;
  x.running = w.events[fact.event].total_time_running;
  if (x.lags) x.unstamped = true;  // brought up to date when it was taken off, see inv_14()
  if (judged(Rule::INV_20) && w.contexts[fact.ctx].tombstone) {
    tell(Rule::INV_20, "%e is added to %c, which is dead", {.event = fact.event, .ctx = fact.ctx});
  }
  // Outside of any path: taken over from a snapshot, to be scheduled when that is complete.
  if (!fact.run) m.adopted = true;
}

// A swap exchanges totals of the two contexts by position, whatever event stands there (SCH-109).
// The stamps stay, so that the next update may take the old totals again (SCH-44), or go on from
// those of the other event.
void Invariants::note_swap(CtxId id, const World& w) {
  for (const EventId event : w.contexts[id].event_list) {
    if (w.events.alive(event)) memory(event, w).exchanged = true;
  }
}

// An exec stops the time, and forgets to start it again when it enables nothing (SCH-101).
void Invariants::note_exec(const Fact& fact, const World& w) {
  const bool exec =
      engine_.current() != nullptr && std::string_view{engine_.current()->name} == "exec";
  memory(fact.ctx, w).exec_stopped =
      exec && (fact.a & EVENT_TIME) != 0 && fact.b != 0 && (fact.b & EVENT_TIME) == 0;
}

// task_ctx changes on its own CPU only, in a lock section of its class.
void Invariants::note_task_ctx(const World& w, Cpu cpu, perf_event_task_context nr) {
  const auto cls = static_cast<std::size_t>(nr);
  const CtxId now = w.cpu(cpu).cpuctx[cls].task_ctx;
  CtxId& before = cpus_[static_cast<std::size_t>(cpu)].task_ctx[cls];
  if (now == before) return;
  if (before && ctxs_[before.slot].id == before) --ctxs_[before.slot].on_cpus;
  if (w.contexts.alive(now)) ++memory(now, w).on_cpus;
  before = now;
}

void Invariants::context_gone(CtxId id) {
  if (id.slot >= ctxs_.size() || !(ctxs_[id.slot].id == id)) return;
  if (ctxs_[id.slot].on_cpus != 0) {
    for (CpuMemory& cpu : cpus_) {
      for (CtxId& ctx : cpu.task_ctx) {
        if (ctx == id) ctx = CtxId{};
      }
    }
  }
  ctxs_[id.slot] = CtxMemory{};
  if (broken_.empty()) return;
  forget(Who::ctx, id.serial);
  forget(Who::ctx_pins, id.serial);
}

void Invariants::event_gone(EventId id) {
  if (id.slot < events_.size() && events_[id.slot].id == id) events_[id.slot] = EventMemory{};
  if (!broken_.empty()) forget(Who::event, id.serial);
}

void Invariants::wait_for_quiescence(Cpu cpu) {
  if (cpu < 0 || static_cast<std::size_t>(cpu) >= cpus_.size()) return;
  CpuMemory& m = cpus_[static_cast<std::size_t>(cpu)];
  if (m.waits) return;
  m.waits = true;
  waiting_cpus_.push_back(cpu);
}

void Invariants::wait_for_quiescence(CtxId id, CtxMemory& m, const World& w) {
  // A change from another CPU concerns the one where the context's task runs.
  const TaskId task = w.contexts[id].task;
  if (w.tasks.alive(task) && w.tasks[task].on_cpu) wait_for_quiescence(w.tasks[task].cpu);
  if (m.waits) return;
  m.waits = true;
  waiting_ctxs_.push_back(id);
}

void Invariants::on_run_end(const Run& run, const World& w) {
  ended_cpu_ = run.cpu;
  ended_task_ = run.task;
  wait_for_quiescence(run.cpu);
  const auto mine = std::find_if(opened_.begin(), opened_.end(),
                                 [&run](const Opened& o) { return o.run == run.id; });
  if (mine != opened_.end()) {
    const EventId event = mine->event;
    opened_.erase(mine);
    if (judged(Rule::INV_22)) inv_22(event, w);
  }
  at_quiescence(w);
}

}  // namespace reperf::core
