// What the PMUs do, as far as the core can see: take an event or refuse it, and count.
// Locks: CL, on the CPU concerned.
#include <algorithm>

#include "core/base/base.h"

namespace reperf::core {

namespace {

PmuModel model_of(const World& w, const perf_event& x) {
  return x.pmu < 0 ? PmuModel::opaque : w.pmus[static_cast<std::size_t>(x.pmu)].model;
}

}  // namespace

int Base::pmu_add(EventId event, Cpu cpu) {
  perf_event& x = ev(event);
  switch (model_of(w, x)) {
    case PmuModel::counting: {
      // One event a counter; software events of the same group need none.
      const pmu& p = w.pmus[static_cast<std::size_t>(x.pmu)];
      if (w.cpuctx(cpu, p.task_ctx_nr).active_oncpu >= p.counters) return -EAGAIN;
      x.hw.prev = w.now;
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

void Base::pmu_del(EventId event, Cpu) {
  perf_event& x = ev(event);
  // Context time was brought up to date by whoever schedules out (SCH-50).
  if (model_of(w, x) == PmuModel::task_clock) {
    const Ns time = perf_event_time(x);
    x.count += time - x.hw.prev;
    x.hw.prev = time;
    return;
  }
  pmu_read(event);
}

void Base::pmu_read(EventId event) {
  perf_event& x = ev(event);
  switch (model_of(w, x)) {
    case PmuModel::counting: {
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
