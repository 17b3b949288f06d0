#include "replayer/check.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "replayer/names.h"
#include "traces/text.h"

namespace reperf::replay {

namespace {

constexpr std::size_t kContextLines = 16;
constexpr std::size_t kDivergencesKept = 10;
constexpr std::uint64_t kNoUpperBound = 1U << 30;

// PRED-45: the kernel reads its clock a little after the tracepoint whose stamp the log has, when
// it starts an event, and up to 5 us after the stamp of the switch that stops one (with a cold
// cache: 3.6 us on average seen under load, where 1 us was enough on a quiet machine).
constexpr std::uint64_t kLatePerStartNs = 3000;
constexpr std::uint64_t kEarlyPerStartNs = 5000;
// An exit stops its events some way behind the tracepoint, with interrupts on (measured: 3 us on a
// quiet machine, 13 us on average under heavy load; the recorder's own program is part of it).
constexpr std::uint64_t kAfterExitNs = 20'000;
// An exec has enabled its events some way before the record that tells of it, with interrupts on
// (measured: under 1 us on a quiet machine, 6 us under load).
constexpr std::uint64_t kBeforeExecNs = 20'000;
constexpr std::uint64_t kShareDivisor = 1000;  // 0.1 % of the time itself
// PRED-31: two neighbouring readings of the clock. Events of the same context are started one after
// the other, so each adds to the distance (measured: 2.1 us as the fourth event on a busy VM).
constexpr std::uint64_t kClockPairNs = 2000;
constexpr std::uint64_t kClockPerEventNs = 1000;

// How a software event's value can be predicted.
enum class Counted : std::uint8_t { switches, migrations, zero, task_clock, cpu_clock, faults, no };

Counted how_counted(const core::perf_event& x, const core::World& w) {
  if (x.pmu < 0) return Counted::no;
  switch (w.pmus[static_cast<std::size_t>(x.pmu)].model) {
    case core::PmuModel::task_clock:
      return Counted::task_clock;
    case core::PmuModel::cpu_clock:
      return Counted::cpu_clock;
    case core::PmuModel::software:
      break;
    case core::PmuModel::counting:
    case core::PmuModel::opaque:
      return Counted::no;
  }
  switch (x.attr.config) {
    case core::PERF_COUNT_SW_CONTEXT_SWITCHES:
      return Counted::switches;
    case core::PERF_COUNT_SW_CPU_MIGRATIONS:
      return Counted::migrations;
    case core::PERF_COUNT_SW_PAGE_FAULTS:
    case core::PERF_COUNT_SW_PAGE_FAULTS_MIN:
    case core::PERF_COUNT_SW_PAGE_FAULTS_MAJ:
      return Counted::faults;
    case core::PERF_COUNT_SW_ALIGNMENT_FAULTS:
    case core::PERF_COUNT_SW_EMULATION_FAULTS:
    case core::PERF_COUNT_SW_DUMMY:
    case core::PERF_COUNT_SW_BPF_OUTPUT:
      return Counted::zero;
    default:
      return Counted::no;
  }
}

std::vector<std::uint64_t> words_of(log::Bytes data) {
  std::vector<std::uint64_t> words(data.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), data.data(), words.size() * sizeof(std::uint64_t));
  return words;
}

std::string errno_text(std::int64_t ret) {
  std::string out;
  log::format_errno(out, ret);
  return out;
}

}  // namespace

Check::Check(Session& session) : session_(session) {}

void Check::remember(std::string_view line) {
  if (recent_.size() == kContextLines) recent_.pop_front();
  recent_.emplace_back(line.substr(0, line.find('\n')));
}

void Check::diverge(std::string what) {
  if (report_.divergences.size() >= kDivergencesKept) return;
  Divergence d;
  d.record = session_.records();
  d.what = std::move(what);
  if (report_.divergences.empty()) d.context.assign(recent_.begin(), recent_.end());
  report_.divergences.push_back(std::move(d));
}

void Check::exact_or_wrong(ResultClass c, bool equal, std::string what) {
  count(c, equal ? &CheckCounts::exact : &CheckCounts::wrong);
  if (!equal) diverge(std::move(what));
}

std::string Check::name(core::EventId event) {
  std::string out;
  append_event(out, session_.model().world(), event);
  return out;
}

core::EventId Check::top_of(core::EventId event) const {
  const core::World& w = session_.model().world();
  if (!w.events.alive(event)) return event;
  const core::EventId parent = w.events[event].parent;
  return parent ? parent : event;
}

void Check::on_fact(const core::Fact& fact, const core::World&) {
  switch (fact.kind) {
    case core::FactKind::event_state:
      if (fact.b == core::PERF_EVENT_STATE_ACTIVE) {
        ++watches_[fact.event2 ? fact.event2 : fact.event].starts;
      } else if (fact.b == core::PERF_EVENT_STATE_EXIT) {
        ++watches_[fact.event2 ? fact.event2 : fact.event].exits;
      }
      break;
    case core::FactKind::event_enabled_on_exec:
      ++watches_[top_of(fact.event)].execs;
      break;
    case core::FactKind::event_free:
      watches_.erase(fact.event);
      break;
    case core::FactKind::gap:
      ++report_.gaps;
      break;
    default:
      break;
  }
}

// Whether a switch or migration of `task` could count for `top`: a copy of it is in its context.
bool Check::has_copy_of(core::TaskId task, core::EventId top) const {
  const core::World& w = session_.model().world();
  if (!w.tasks.alive(task)) return false;
  for (const core::CtxId ctx : w.tasks[task].perf_event_ctxp) {
    if (!ctx) continue;
    const auto& list = w.contexts[ctx].event_list;
    if (std::any_of(list.begin(), list.end(), [&](core::EventId x) { return top_of(x) == top; })) {
      return true;
    }
  }
  return false;
}

// Whether the switch may have been counted by `event` or a copy of it. A context switch counts for
// the task that leaves, a migration when the task comes.
bool Check::may_count(core::EventId event, const log::Record& record, core::Tid next) const {
  const core::World& w = session_.model().world();
  const core::perf_event& x = w.events[event];
  const bool migration = x.attr.config == core::PERF_COUNT_SW_CPU_MIGRATIONS;
  const core::TaskId task = w.find_task(migration ? next : record.tid);
  if (migration && w.tasks.alive(task) && !w.tasks[task].sched_migrated) return false;
  return x.cpu == static_cast<core::Cpu>(record.cpu) || has_copy_of(task, event);
}

// An occurrence inside a call that switches an event on or off, or resets it: the log does not say
// on which side it fell.
void Check::note_overlap(const log::Record& record) {
  const auto* sw = std::get_if<log::SchedSwitch>(&record.payload);
  if (sw == nullptr) return;
  const core::World& w = session_.model().world();
  for (const auto& [tid, call] : session_.calls()) {
    core::EventId event = call.event;
    if (call.kind == log::Kind::perf_event_open) {
      event = call.result == nullptr ? core::EventId{} : call.result->event;
    } else if (call.kind != log::Kind::ioctl) {
      continue;
    }
    if (!w.events.alive(event)) continue;
    const auto note = [&, off = call.cmd == core::PERF_EVENT_IOC_DISABLE](core::EventId id) {
      if (may_count(id, record, sw->next_tid)) ++(off ? watches_[id].more : watches_[id].fewer);
    };
    // A leader takes its siblings with it (ABI-88, ABI-89), the flag names the whole group.
    const core::EventId leader = w.events[event].group_leader;
    const bool group = call.kind == log::Kind::ioctl &&
                       (leader == event || (call.arg & core::PERF_IOC_FLAG_GROUP) != 0);
    if (!group || !w.events.alive(leader)) {
      note(event);
      continue;
    }
    note(leader);
    for (const core::EventId sibling : w.events[leader].sibling_list) note(sibling);
  }
}

void Check::allow_more(core::CtxId ctx, std::uint64_t config, std::uint64_t how_many) {
  const core::World& w = session_.model().world();
  if (!w.contexts.alive(ctx)) return;
  for (const core::EventId event : w.contexts[ctx].event_list) {
    if (w.events[event].attr.config == config) watches_[top_of(event)].more += how_many;
  }
}

// Some tasks are invisible to tracing: what they switch to was never seen to come, and what they
// wake may have moved unseen (PRED-26, PRED-61).
void Check::note_unseen(const log::Record& record) {
  const auto* sw = std::get_if<log::SchedSwitch>(&record.payload);
  core::World& w = session_.model().world();
  if (sw == nullptr || !w.cpu_valid(record.cpu)) return;
  const core::cpu_struct& cpu = w.cpu(record.cpu);
  const bool broken = w.tasks[cpu.curr].tid != record.tid;
  // A new task's first placement is not traced, unless nobody saw it come (PRED-27).
  const auto moved = [&](core::Tid tid, bool unseen) {
    const core::TaskId task = tid == 0 ? core::TaskId{} : w.find_task(tid);
    if (task && !w.tasks[task].has_run && !unseen) return;
    // Moved before the recording began, counted when it runs.
    const bool old_mark = task && marks_before_ && !w.tasks[task].seen_running;
    if (task && w.tasks[task].has_run && w.tasks[task].cpu == record.cpu && !old_mark) return;
    if (tid == 0) return;
    for (const core::perf_cpu_context& cpuctx : cpu.cpuctx) {
      allow_more(cpuctx.ctx, core::PERF_COUNT_SW_CPU_MIGRATIONS, 1);
    }
    if (!task) return;
    for (const core::CtxId ctx : w.tasks[task].perf_event_ctxp) {
      allow_more(ctx, core::PERF_COUNT_SW_CPU_MIGRATIONS, 1);
    }
  };
  if (broken) moved(record.tid, true);
  moved(sw->next_tid, false);
  if (!broken) return;
  // On a CPU without events of its own most switches are filtered, and nobody counts them.
  const auto counts = [&w](const core::perf_cpu_context& c) {
    return w.contexts[c.ctx].nr_events != 0;
  };
  if (std::any_of(cpu.cpuctx.begin(), cpu.cpuctx.end(), counts)) ++report_.breaks;
  for (const core::perf_cpu_context& cpuctx : cpu.cpuctx) {
    // A break hides one switch as a rule, never less, and more when invisible tasks follow each
    // other: the log gives a lower bound only (PRED-26).
    allow_more(cpuctx.ctx, core::PERF_COUNT_SW_CONTEXT_SWITCHES, kNoUpperBound);
    allow_more(cpuctx.ctx, core::PERF_COUNT_SW_CPU_MIGRATIONS, 1);
  }
}

void Check::on_record(const log::Record& record) {
  report_.records = session_.records();
  note_unseen(record);
  note_overlap(record);
  if (record.kind() == log::Kind::snapshot_end) {
    const core::World& w = session_.model().world();
    marks_before_ = w.perf_swevent_enabled[core::PERF_COUNT_SW_CPU_MIGRATIONS] > 0;
  }
  if (const auto* lost = std::get_if<log::Lost>(&record.payload)) {
    report_.losses += lost->count;
    session_.model().world().events.for_each([this](core::EventId event, const auto&) {
      watches_[top_of(event)].tainted = true;  // one that never started may have started unseen
    });
  }
}

void Check::on_result(const Call& call) {
  if (call.kind == log::Kind::read) {
    windows_[call.tid] = Window{call.result->words, call.result->words, false};
  }
  if (!call.event) return;
  // With a limit the event stops at an overflow that no recording shows (PRED-39).
  const auto& events = session_.model().world().events;
  const bool limited = events.alive(call.event) && events[call.event].event_limit != 0;
  if (!call.result->modelled || limited) watches_[call.event].tainted = true;
}

// Reads that are under way see the world as it is after this record, too.
void Check::after_record(const log::Record& record) {
  if (log::kind_class(record.kind()) != log::KindClass::stimulus) return;
  for (const auto& [tid, call] : session_.calls()) {
    if (call.kind != log::Kind::read || tid == record.tid || !call.event) continue;
    const auto it = windows_.find(tid);
    if (it != windows_.end()) widen(call, it->second);
  }
}

void Check::widen(const Call& call, Window& window) {
  core::Model& model = session_.model();
  if (!model.world().events.alive(call.event) || !model.engine().quiescent()) return;
  core::CallResult again;
  model.reread(call.cpu, call.event, call.size, &again);
  if (!again.done || again.words.size() != window.low.size()) return;
  window.overlapped = true;
  for (std::size_t i = 0; i < again.words.size(); ++i) {
    window.low[i] = std::min(window.low[i], again.words[i]);
    window.high[i] = std::max(window.high[i], again.words[i]);
  }
}

void Check::on_return(const log::Record& record, Call* call) {
  if (call == nullptr) {
    count(ResultClass::call, &CheckCounts::unpredicted);
    return;
  }
  note_window(*call, record.time);
  if (const auto* open = std::get_if<log::PerfEventOpenRet>(&record.payload)) {
    check_open(*open, *call);
    return;
  }
  if (const auto* close = std::get_if<log::CloseRet>(&record.payload)) {
    exact_or_wrong(ResultClass::call, close->ret == 0,
                   fmt::format("close: predicted 0, the machine says {}", errno_text(close->ret)));
    return;
  }
  if (call->result == nullptr || !call->result->modelled) {
    count(ResultClass::call, &CheckCounts::unpredicted);
    return;
  }
  if (!call->result->done) {
    count(ResultClass::call, &CheckCounts::wrong);
    diverge(fmt::format("{} of {}: returned on the machine, still under way in the model",
                        log::kind_name(call->kind), name(call->event)));
    return;
  }
  if (const auto* read = std::get_if<log::ReadRet>(&record.payload)) {
    check_read(*read, *call);
  } else if (const auto* io = std::get_if<log::IoctlRet>(&record.payload)) {
    exact_or_wrong(ResultClass::call, io->ret == call->result->ret,
                   fmt::format("ioctl of {}: predicted {}, the machine says {}", name(call->event),
                               errno_text(call->result->ret), errno_text(io->ret)));
  } else if (const auto* control = std::get_if<log::PrctlRet>(&record.payload)) {
    exact_or_wrong(
        ResultClass::call, control->ret == 0,
        fmt::format("prctl: predicted 0, the machine says {}", errno_text(control->ret)));
  }
}

// PRED-45: a start or stop lies anywhere between the entry and the return of its call.
void Check::note_window(const Call& call, log::Ns returned) {
  const core::World& w = session_.model().world();
  core::EventId event = call.event;
  if (call.kind == log::Kind::perf_event_open) {
    event = call.result == nullptr ? core::EventId{} : call.result->event;
  } else if (call.kind != log::Kind::ioctl) {
    return;
  }
  if (!w.events.alive(event) || returned < call.time) return;
  if (call.cmd == core::PERF_EVENT_IOC_RESET) {
    Watch& watch = watches_[event];
    watch.fewer += watch.unplaced;
    watch.more += watch.unplaced;
    return;
  }
  const bool stops = call.cmd == core::PERF_EVENT_IOC_DISABLE;
  const log::Ns width = returned - call.time;
  // With the leader its siblings start and stop; a call that names the group reaches them all.
  const core::EventId leader = w.events[event].group_leader;
  const auto widen_one = [&](core::EventId x) {
    Watch& watch = watches_[x];
    (stops ? watch.longer : watch.late) += width;
  };
  widen_one(event);
  if (!w.events.alive(leader)) return;
  if (!(leader == event) && call.arg != 0) widen_one(leader);
  if (!(leader == event) && call.arg == 0) return;
  for (const core::EventId sibling : w.events[leader].sibling_list) widen_one(sibling);
}

// PRED-3, PRED-5, PRED-6
void Check::check_open(const log::PerfEventOpenRet& ret, const Call& call) {
  const core::OpenVerdict& verdict = call.result->verdict;
  const int observed = ret.ret < 0 ? static_cast<int>(-ret.ret) : 0;
  const bool memory = observed == ENOMEM || observed == EINTR || observed == ENFILE;
  if (observed == verdict.error) {
    count(ResultClass::call, &CheckCounts::exact);
  } else if (verdict.permits(observed) || (memory && verdict.error == 0)) {
    count(ResultClass::call, &CheckCounts::unpredicted);
  } else {
    count(ResultClass::call, &CheckCounts::wrong);
    diverge(fmt::format("perf_event_open: predicted {}, the machine says {}",
                        verdict.error == 0 ? "success" : errno_text(-verdict.error),
                        observed == 0 ? "success" : errno_text(ret.ret)));
  }
}

std::vector<Check::Word> Check::layout(core::EventId event) {
  const core::World& w = session_.model().world();
  const core::perf_event& x = w.events[event];
  const std::uint64_t format = x.attr.read_format;
  const bool group = (format & core::PERF_FORMAT_GROUP) != 0;
  std::vector<Word> words;
  const auto times = [&](core::EventId of) {
    if ((format & core::PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) {
      words.push_back({WordKind::enabled, of});
    }
    if ((format & core::PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) {
      words.push_back({WordKind::running, of});
    }
  };
  const auto id_and_lost = [&](core::EventId of) {
    if ((format & core::PERF_FORMAT_ID) != 0) words.push_back({WordKind::id, of});
    if ((format & core::PERF_FORMAT_LOST) != 0) words.push_back({WordKind::lost, of});
  };
  if (!group) {
    words.push_back({WordKind::value, event});
    times(event);
    id_and_lost(event);
    return words;
  }
  const core::EventId leader = x.group_leader;
  words.push_back({WordKind::nr, leader});
  times(leader);
  words.push_back({WordKind::value, leader});
  id_and_lost(leader);
  for (const core::EventId sibling : w.events[leader].sibling_list) {
    words.push_back({WordKind::value, sibling});
    id_and_lost(sibling);
  }
  return words;
}

void Check::check_read(const log::ReadRet& ret, const Call& call) {
  const auto window_it = windows_.find(call.tid);
  Window window{call.result->words, call.result->words, false};
  if (window_it != windows_.end()) {
    window = std::move(window_it->second);
    windows_.erase(window_it);
  }
  if (ret.ret == -EFAULT || ret.ret == -EINTR) {
    count(ResultClass::call, &CheckCounts::unpredicted);
    return;
  }
  exact_or_wrong(ResultClass::call, ret.ret == call.result->ret,
                 fmt::format("read of {}: predicted {}, the machine says {}", name(call.event),
                             errno_text(call.result->ret), errno_text(ret.ret)));
  if (ret.ret != call.result->ret || ret.ret <= 0) return;
  if (!session_.model().world().events.alive(call.event)) return;
  const std::vector<std::uint64_t> observed = words_of(ret.data);
  const std::vector<Word> words = layout(call.event);
  for (std::size_t i = 0; i < std::min({words.size(), observed.size(), window.low.size()}); ++i) {
    check_word(words[i], i, window, observed, call);
  }
}

void Check::check_word(const Word& word, std::size_t index, const Window& window,
                       const std::vector<std::uint64_t>& observed, const Call& call) {
  const std::uint64_t predicted = window.low[index];
  const std::uint64_t seen = observed[index];
  switch (word.kind) {
    case WordKind::nr:
      exact_or_wrong(ResultClass::other_exact, predicted == seen,
                     fmt::format("group of {}: predicted {} members, the machine says {}",
                                 name(word.event), predicted, seen));
      break;
    case WordKind::id:
      if (predicted == 0) {
        count(ResultClass::other_exact, &CheckCounts::unpredicted);
      } else {
        exact_or_wrong(ResultClass::other_exact, predicted == seen,
                       fmt::format("id of {}: predicted {}, the machine says {}", name(word.event),
                                   predicted, seen));
      }
      break;
    case WordKind::lost:
      count(ResultClass::other, &CheckCounts::unpredicted);
      break;
    case WordKind::enabled:
    case WordKind::running:
      check_time(word, window.low[index], window.high[index], seen, call, ResultClass::time);
      break;
    case WordKind::value:
      check_value(word, index, window, observed, call);
      break;
  }
}

void Check::check_value(const Word& word, std::size_t index, const Window& window,
                        const std::vector<std::uint64_t>& observed, const Call& call) {
  core::World& w = session_.model().world();
  core::perf_event& x = w.events[word.event];
  Watch& watch = watches_[top_of(word.event)];
  const std::uint64_t seen = observed[index];
  const Counted how = how_counted(x, w);
  if (how == Counted::task_clock) {
    check_clock(word, index, window, observed, call);
    return;
  }
  if (how == Counted::cpu_clock) {
    check_cpu_clock(word, index, window, observed, call);
    return;
  }
  ResultClass c = ResultClass::other;
  if (how == Counted::switches) c = ResultClass::context_switches;
  if (how == Counted::migrations) c = ResultClass::cpu_migrations;
  if (how == Counted::zero) c = ResultClass::other_exact;
  if (how == Counted::faults) c = ResultClass::page_faults;
  if (how == Counted::no || how == Counted::faults || watch.tainted) {
    count(c, &CheckCounts::unpredicted);
    return;
  }
  const std::uint64_t low = window.low[index] - std::min(watch.fewer, window.low[index]);
  const std::uint64_t high = window.high[index] + watch.more;
  if (seen < low || seen > high) {
    count(c, &CheckCounts::wrong);
    diverge(fmt::format("{} of {}: predicted {}{}, the machine says {}", what_counted(x.attr),
                        name(word.event), low,
                        low == high ? std::string{} : fmt::format(" to {}", high), seen));
  } else {
    count(c, low == high ? &CheckCounts::exact : &CheckCounts::bounds);
  }
  // From here on the machine's value counts. Values inside the window are explained by what the
  // model has counted meanwhile; what is outside of it was taken from the slack.
  const std::uint64_t explained = std::clamp(seen, window.low[index], window.high[index]);
  x.count += seen - explained;
  watch.unplaced += std::max(seen, explained) - std::min(seen, explained);
  if (window.low[index] == window.high[index]) {
    watch.fewer = 0;
    watch.more = 0;
  } else {  // some of the slack may still be there
    watch.fewer -= std::min(watch.fewer, explained - std::min(seen, explained));
    watch.more -= std::min(watch.more, std::max(seen, explained) - explained);
  }
}

// The machine's own time_running, when this read has it (non-group formats).
std::optional<std::uint64_t> Check::observed_running(core::EventId event,
                                                     const std::vector<std::uint64_t>& words) {
  const std::uint64_t format = session_.model().world().events[event].attr.read_format;
  if ((format & core::PERF_FORMAT_GROUP) != 0 ||
      (format & core::PERF_FORMAT_TOTAL_TIME_RUNNING) == 0) {
    return std::nullopt;
  }
  return words[(format & core::PERF_FORMAT_TOTAL_TIME_ENABLED) != 0 ? 2 : 1];
}

// PRED-31: time_running to within the distance of two clock readings, for each start.
void Check::check_cpu_clock(const Word& word, std::size_t index, const Window& window,
                            const std::vector<std::uint64_t>& words, const Call& call) {
  const std::uint64_t observed = words[index];
  const Watch& watch = watches_[top_of(word.event)];
  const std::optional<std::uint64_t> running = observed_running(word.event, words);
  if (!running || watch.tainted) {
    check_time(word, window.low[index], window.high[index], observed, call, ResultClass::clock);
    return;
  }
  const core::World& w = session_.model().world();
  const core::CtxId ctx = w.events[word.event].ctx;
  const auto others = static_cast<std::uint64_t>(w.contexts[ctx].event_list.size());
  const std::uint64_t slack = (kClockPairNs + kClockPerEventNs * others) * (watch.starts + 1);
  const bool inside = observed + slack >= *running && observed <= *running + slack;
  count(ResultClass::clock, inside ? &CheckCounts::bounds : &CheckCounts::wrong);
  if (inside) return;
  diverge(fmt::format("cpu-clock of {}: {} on the machine, but its time_running is {} (+-{})",
                      name(word.event), observed, *running, slack));
}

// PRED-30: stopped, task-clock and time_running are the same number.
void Check::check_clock(const Word& word, std::size_t index, const Window& window,
                        const std::vector<std::uint64_t>& words, const Call& call) {
  const std::uint64_t observed = words[index];
  const core::World& w = session_.model().world();
  const core::perf_event& x = w.events[word.event];
  const std::optional<std::uint64_t> running = observed_running(word.event, words);
  const bool stopped = x.state < core::PERF_EVENT_STATE_ACTIVE &&
                       std::none_of(x.child_list.begin(), x.child_list.end(), [&](auto child) {
                         return w.events[child].state == core::PERF_EVENT_STATE_ACTIVE;
                       });
  if (running && stopped && !watches_[top_of(word.event)].tainted) {
    exact_or_wrong(ResultClass::clock, observed == *running,
                   fmt::format("task-clock of {}: {} on the machine, but its time_running is {}",
                               name(word.event), observed, *running));
    return;
  }
  check_time(word, window.low[index], window.high[index], observed, call, ResultClass::clock);
}

void Check::check_time(const Word& word, std::uint64_t low, std::uint64_t high,
                       std::uint64_t observed, const Call& call, ResultClass c) {
  const Watch& watch = watches_[top_of(word.event)];
  if (watch.tainted) {
    count(c, &CheckCounts::unpredicted);
    return;
  }
  const core::World& w = session_.model().world();
  // An ACTIVE event's time goes on between the read's entry, where the model read it, and its end.
  const std::uint64_t during = w.now - call.time;
  const std::uint64_t share = high / kShareDivisor;
  const std::uint64_t starts = watch.starts + 1;
  const std::uint64_t below = kLatePerStartNs * starts + share + watch.late;
  const std::uint64_t above = kEarlyPerStartNs * starts + kAfterExitNs * watch.exits +
                              kBeforeExecNs * watch.execs + share + during + watch.longer;
  const bool inside = observed + below >= low && observed <= high + above;
  count(c, inside ? &CheckCounts::bounds : &CheckCounts::wrong);
  if (inside) return;
  const char* what = word.kind == WordKind::enabled   ? "time_enabled"
                     : word.kind == WordKind::running ? "time_running"
                                                      : "value";
  const std::string range = low == high ? std::to_string(low) : fmt::format("{} to {}", low, high);
  diverge(fmt::format("{} of {}: predicted {} (-{} +{}, {} starts), the machine says {}", what,
                      name(word.event), range, below, above, watch.starts, observed));
}

}  // namespace reperf::replay
