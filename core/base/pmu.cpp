// What the PMUs do, as far as the core can see: take an event or refuse it, and count. A PMU with
// counters takes as many events as it has counters, and at the end of a transaction looks whether
// all that are on can be matched with counters under their constraints (SCH-31).
// Locks: CL, on the CPU concerned.
#include <algorithm>
#include <array>
#include <utility>

#include "core/base/base.h"

namespace reperf::core {

namespace {

PmuModel model_of(const World& w, const perf_event& x) {
  return x.pmu < 0 ? PmuModel::opaque : w.pmus[static_cast<std::size_t>(x.pmu)].model;
}

constexpr std::int32_t kCountersMasked = 64;  // a constraint names the first 64 counters

// Finds a counter for each constrained event of one PMU: augmenting paths, in the order in which
// the events came. Only whether all fit matters, not where.
class CounterMatching {
 public:
  explicit CounterMatching(const std::vector<counter_use>& on) : on_(on) { holder_.fill(kFree); }

  bool place(std::size_t which) {
    tried_ = 0;
    return find_counter(which);
  }

 private:
  static constexpr std::size_t kFree = ~std::size_t{0};

  bool find_counter(std::size_t which) {
    for (std::size_t counter = 0; counter < holder_.size(); ++counter) {
      const std::uint64_t bit = std::uint64_t{1} << counter;
      if ((on_[which].idxmsk & bit & ~tried_) == 0) continue;
      tried_ |= bit;
      if (holder_[counter] != kFree && !find_counter(holder_[counter])) continue;
      holder_[counter] = which;
      return true;
    }
    return false;
  }

  const std::vector<counter_use>& on_;
  std::array<std::size_t, kCountersMasked> holder_{};
  std::uint64_t tried_ = 0;
};

// Events without constraint take whatever counters the others leave: that there are enough of them
// was looked at when each was added.
bool counters_suffice(const std::vector<counter_use>& on) {
  const auto constrained = [](const counter_use& use) { return use.constrained; };
  if (std::none_of(on.begin(), on.end(), constrained)) return true;
  std::vector<PmuIndex> seen;
  for (const counter_use& first : on) {
    if (!first.constrained || std::find(seen.begin(), seen.end(), first.pmu) != seen.end())
      continue;
    seen.push_back(first.pmu);
    CounterMatching matching{on};
    for (std::size_t i = 0; i < on.size(); ++i) {
      if (on[i].pmu == first.pmu && on[i].constrained && !matching.place(i)) return false;
    }
  }
  return true;
}

}  // namespace

PmuIndex Base::pmu_of_class(perf_event_task_context nr) const {
  const auto it = std::find_if(w.pmus.begin(), w.pmus.end(),
                               [nr](const pmu& p) { return p.task_ctx_nr == nr; });
  return it == w.pmus.end() ? PmuIndex{-1} : static_cast<PmuIndex>(it - w.pmus.begin());
}

// SCH-35: only the outermost pair of calls reaches the PMU.
void Base::perf_pmu_disable(PmuIndex pmu, Cpu cpu) {
  if (pmu >= 0) ++w.cpu(cpu).pmu_disable_count[static_cast<std::size_t>(pmu)];
}

void Base::perf_pmu_enable(PmuIndex pmu, Cpu cpu) {
  if (pmu >= 0) --w.cpu(cpu).pmu_disable_count[static_cast<std::size_t>(pmu)];
}

void Base::pmu_start_txn(Cpu cpu) { w.cpu(cpu).txn = true; }

int Base::pmu_commit_txn(Cpu cpu) {
  cpu_struct& c = w.cpu(cpu);
  if (!c.counters_on.empty() && !counters_suffice(c.counters_on)) return -EAGAIN;
  c.txn = false;
  return 0;
}

void Base::pmu_cancel_txn(Cpu cpu) { w.cpu(cpu).txn = false; }

int Base::add_to_counter(EventId event, Cpu cpu) {
  const perf_event& x = ev(event);
  const pmu& p = w.pmus[static_cast<std::size_t>(x.pmu)];
  cpu_struct& c = w.cpu(cpu);
  const auto used = std::count_if(c.counters_on.begin(), c.counters_on.end(),
                                  [&](const counter_use& use) { return use.pmu == x.pmu; });
  if (used >= p.counters) return -EAGAIN;
  counter_use use{.event = event, .pmu = x.pmu};
  for (const event_constraint& constraint : p.constraints) {
    if (constraint.config != x.attr.config) continue;
    use.constrained = true;
    use.idxmsk = constraint.idxmsk;
    if (p.counters < kCountersMasked) use.idxmsk &= (std::uint64_t{1} << p.counters) - 1;
  }
  c.counters_on.push_back(use);
  if (c.txn || counters_suffice(c.counters_on)) return 0;
  c.counters_on.pop_back();
  return -EAGAIN;
}

// On a CPU that does not have the event nothing happens: its counter stays taken (INV-9).
void Base::del_from_counter(EventId event, Cpu cpu) {
  std::vector<counter_use>& on = w.cpu(cpu).counters_on;
  const auto it = std::find_if(on.begin(), on.end(),
                               [event](const counter_use& use) { return use.event == event; });
  if (it != on.end()) on.erase(it);
}

int Base::pmu_add(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  switch (model_of(w, x)) {
    case PmuModel::counting: {
      const int error = add_to_counter(event, cpu);
      if (error != 0) return error;
      pmu_start(event);
      break;
    }
    case PmuModel::cpu_clock:
      x.hw.prev = w.now;
      break;
    case PmuModel::task_clock:
      x.hw.prev = perf_event_time(x);
      break;
    case PmuModel::software:
    case PmuModel::opaque:
      break;
  }
  return 0;
}

void Base::pmu_del(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  if (model_of(w, x) == PmuModel::counting) del_from_counter(event, cpu);
  // Context time was brought up to date by whoever schedules out (SCH-50).
  if (model_of(w, x) == PmuModel::task_clock) {
    const Ns time = perf_event_time(x);
    x.count += time - x.hw.prev;
    x.hw.prev = time;
  } else {
    pmu_read(event);
  }
  if (std::exchange(x.hw.overflow_in_del, false)) perf_event_overflow(event, cpu);
}

// Only the counters of counting PMUs stand still: what stops the other ones is not modelled.
void Base::pmu_stop(EventId event) {
  perf_event& x = ev(event);
  if (model_of(w, x) != PmuModel::counting || x.hw.stopped) return;
  pmu_read(event);
  x.hw.stopped = true;
}

void Base::pmu_start(EventId event) {
  perf_event& x = ev(event);
  hw_perf_event& hw = x.hw;
  if (hw.period_left <= 0 && x.attr.sampling()) {
    hw.period_left += static_cast<std::int64_t>(hw.sample_period);
    hw.last_period = hw.sample_period;
  }
  if (model_of(w, x) != PmuModel::counting) return;
  hw.stopped = false;
  hw.prev = w.now;
}

void Base::pmu_read(EventId event) {
  perf_event& x = ev(event);
  switch (model_of(w, x)) {
    case PmuModel::counting: {
      if (x.hw.stopped) break;
      const Ns delta = w.now - x.hw.prev + x.hw.remainder;
      x.count += delta / kNsPerCount;
      x.hw.remainder = delta % kNsPerCount;
      x.hw.prev = w.now;
      break;
    }
    case PmuModel::cpu_clock:
      x.count += w.now - x.hw.prev;
      x.hw.prev = w.now;
      break;
    case PmuModel::task_clock: {
      const perf_event_context& c = cx(x.ctx);
      const Ns time = c.time + (w.now - c.timestamp);
      x.count += time - x.hw.prev;
      x.hw.prev = time;
      break;
    }
    case PmuModel::software:
    case PmuModel::opaque:
      break;
  }
}

PmuIndex Base::find_pmu(const perf_event_attr& attr) const {
  const auto by = [this](auto&& matches) {
    const auto it = std::find_if(w.pmus.begin(), w.pmus.end(), matches);
    return it == w.pmus.end() ? PmuIndex{-1} : static_cast<PmuIndex>(it - w.pmus.begin());
  };
  if (attr.type == PERF_TYPE_SOFTWARE && attr.config <= PERF_COUNT_SW_TASK_CLOCK) {
    // The clocks are PMUs of their own behind the software type (ABI-63).
    const PmuModel model =
        attr.config == PERF_COUNT_SW_CPU_CLOCK ? PmuModel::cpu_clock : PmuModel::task_clock;
    return by([&](const pmu& p) { return p.model == model; });
  }
  if (attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE) {
    return by([](const pmu& p) { return p.type == PERF_TYPE_RAW; });
  }
  return by([&](const pmu& p) { return p.type == attr.type; });
}

}  // namespace reperf::core
