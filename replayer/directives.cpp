// Session, the part that carries out directives: a scenario's own, or those of a schedule.
#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "replayer/session.h"

namespace reperf::replay {

namespace {

using Verb = ScheduleEntry::Verb;

Who who_of(const log::Record& r) {
  if (r.tid != 0) return {Who::Kind::thread, r.tid};
  return {Who::Kind::cpu, r.cpu};
}

// What the log's own directive would be in a schedule.
struct ToEntry {
  const log::Record& record;
  ScheduleEntry& entry;

  void set(Verb verb, Who who, std::string_view name = {}) {
    entry.verb = verb;
    entry.who = who;
    entry.name = std::string{name};
  }
  void operator()(const log::Hold& x) {
    set(Verb::hold, who_of(record), x.point);
    entry.nth = x.nth;
  }
  void operator()(const log::Resume&) { set(Verb::resume, who_of(record)); }
  void operator()(const log::Queue&) { set(Verb::queue, {Who::Kind::cpu, record.cpu}); }
  void operator()(const log::Deliver& x) {
    set(x.one ? Verb::deliver_one : Verb::deliver, {Who::Kind::cpu, record.cpu});
  }
  void operator()(const log::Defer& x) { set(Verb::defer, {Who::Kind::work, 0}, x.work); }
  void operator()(const log::RunWork& x) { set(Verb::run_work, {Who::Kind::work, 0}, x.work); }
  template <class Other>
  void operator()(const Other&) {}
};

log::Payload payload_of(const ScheduleEntry& entry) {
  switch (entry.verb) {
    case Verb::hold:
      return log::Hold{entry.name, entry.nth};
    case Verb::queue:
      return log::Queue{};
    case Verb::deliver:
    case Verb::deliver_one:
      return log::Deliver{entry.verb == Verb::deliver_one};
    case Verb::defer:
      return log::Defer{entry.name};
    case Verb::run_work:
      return log::RunWork{entry.name};
    case Verb::resume:
    case Verb::next:
      break;
  }
  return log::Resume{};
}

bool ends_something(Verb verb) {
  return verb != Verb::hold && verb != Verb::queue && verb != Verb::defer;
}

}  // namespace

void Session::use_schedule(Schedule schedule) {
  scripted_ = true;
  script_ = std::move(schedule);
}

// Where a record of `time` is in the log, or a directive, which does not count.
When Session::place(log::Ns time, bool counts) const {
  if (time > now_.time) return {time, counts ? 1U : 0U};
  return {now_.time, now_.after + (counts ? 1U : 0U)};
}

void Session::move_to(When when) {
  now_ = when;
  chooser_.at(when);
  const auto begin = script_.begin() + static_cast<std::ptrdiff_t>(cursor_);
  const auto end = std::find_if(begin, script_.end(), [when](const ScheduleEntry& entry) {
    return entry.verb != Verb::next || entry.when != when;
  });
  offered_ = static_cast<std::size_t>(end - begin);
  chooser_.answers(std::span{script_}.subspan(cursor_, offered_));
}

// Goes past the `next` entries that were taken; one that was not is an error.
Result<void> Session::settle_answers() {
  const std::size_t left = chooser_.answers_left();
  cursor_ += offered_ - left;
  offered_ = left;
  if (left == 0) return {};
  if (chooser_.misfit().empty()) {
    return schedule_error(script_[cursor_], "there was nothing to choose");
  }
  return schedule_error(script_[cursor_], "could go on there: " + chooser_.misfit());
}

Error Session::schedule_error(const ScheduleEntry& entry, const std::string& problem) {
  schedule_problem_ = true;
  return Error{ErrorKind::input,
               fmt::format("schedule entry '{}': {}", format_entry(entry), problem), "", 0, 0};
}

Result<void> Session::on_directive(const log::Record& record) {
  if (scripted_) return {};
  ScheduleEntry entry;
  std::visit(ToEntry{record, entry}, record.payload);
  entry.when = place(record.time, false);
  move_to(entry.when);
  model_->advance(record.time);
  std::string problem = carry_out(entry);
  if (problem.empty()) return {};
  return Error{ErrorKind::input, std::move(problem), "", 0, 0};
}

// The entries of the schedule that come before `limit`.
Result<void> Session::play_until(When limit) {
  while (cursor_ < script_.size() && script_[cursor_].when < limit) {
    const ScheduleEntry& entry = script_[cursor_];
    if (const std::string problem = fits(entry); !problem.empty()) {
      return schedule_error(entry, problem);
    }
    move_to(entry.when);
    model_->advance(entry.when.time);
    tell_results();
    REPERF_TRY(settle_answers());
    if (entry.verb == Verb::next) continue;
    ++cursor_;
    move_to(entry.when);
    if (const std::string problem = carry_out(entry); !problem.empty()) {
      return schedule_error(entry, problem);
    }
    REPERF_TRY(settle_answers());
  }
  return {};
}

std::string Session::fits(const ScheduleEntry& entry) const {
  const std::uint32_t records = entry.when.time == now_.time ? now_.after : 0;
  if (entry.when.after != records) {
    return fmt::format("the log has no record {} at {}", entry.when.after, entry.when.time);
  }
  if (entry.who.kind == Who::Kind::cpu && entry.who.number >= model_->world().cpus.size()) {
    return fmt::format("CPU {} is not one of the machine's", entry.who.number);
  }
  return {};
}

Result<void> Session::finish() {
  for (std::size_t i = cursor_; i < script_.size(); ++i) {
    const ScheduleEntry& entry = script_[i];
    if (entry.when.time <= end_ || ends_something(entry.verb)) continue;
    return schedule_error(entry, fmt::format("the log ends at {}", end_));
  }
  constexpr auto kEnd = std::numeric_limits<log::Ns>::max();
  REPERF_TRY(play_until({kEnd, std::numeric_limits<std::uint32_t>::max()}));
  model_->engine().report_stuck();
  std::string idle = idle_entries();
  if (idle.empty()) return {};
  schedule_problem_ = true;
  return Error{ErrorKind::input, std::move(idle), "", 0, 0};
}

// Entries of the given schedule that found nothing to do, though they do not say that they may.
std::string Session::idle_entries() const {
  std::string out;
  auto made = schedule().begin();
  for (const ScheduleEntry& entry : script_) {
    if (entry.verb == Verb::next) continue;
    while (made->verb == Verb::next) ++made;
    if (made->idle && !entry.idle) {
      out += out.empty() ? "schedule " : "; ";
      out += fmt::format("entry '{}': {}", format_entry(entry), why_idle(entry));
    }
    ++made;
  }
  return out;
}

std::string Session::why_idle(const ScheduleEntry& entry) const {
  const bool cpu = entry.who.kind == Who::Kind::cpu;
  switch (entry.verb) {
    case Verb::hold: {
      if (!cpu && !model_->world().find_task(entry.who.number)) {
        return fmt::format("the log has no thread {}", entry.who.number);
      }
      const std::string times = entry.nth > 1 ? fmt::format(" {} times", entry.nth) : std::string{};
      return fmt::format("{} {} did not come to that point{}", cpu ? "CPU" : "thread",
                         entry.who.number, times);
    }
    case Verb::queue:
      return fmt::format("no IPI was sent to CPU {}", entry.who.number);
    default:
      return fmt::format("no work {} was due", entry.name);
  }
}

// As the record that it is in a log.
log::Record Session::record_of(const ScheduleEntry& entry) {
  log::Record record;
  record.time = model_->world().now;
  record.payload = payload_of(entry);
  record.cpu = log::kNoCpu;
  if (entry.who.kind == Who::Kind::cpu) record.cpu = static_cast<std::uint16_t>(entry.who.number);
  if (entry.who.kind == Who::Kind::thread) {
    // A directive is nobody's doing: it is shown where the thread is.
    record.tid = entry.who.number;
    const core::TaskId task = model_->world().find_task(record.tid);
    if (model_->world().tasks.alive(task)) {
      record.cpu = static_cast<std::uint16_t>(model_->world().tasks[task].cpu);
    }
  }
  return record;
}

// What is wrong with it; empty when nothing is.
std::string Session::carry_out(const ScheduleEntry& entry) {
  const log::Record record = record_of(entry);
  for (Listener* listener : listeners_) listener->on_record(record);
  std::string problem;
  switch (entry.verb) {
    case Verb::hold:
      problem = unknown_point(entry.name);
      if (problem.empty()) chooser_.add_hold(entry);
      break;
    case Verb::resume:
      problem = resume(entry);
      break;
    case Verb::queue:
      problem = chooser_.begin_queue(entry);
      break;
    case Verb::deliver:
    case Verb::deliver_one:
      problem = deliver(entry);
      break;
    case Verb::defer:
      problem = unknown_work(entry.name);
      if (problem.empty()) problem = chooser_.begin_defer(entry);
      break;
    case Verb::run_work:
      problem = run_work(entry);
      break;
    case Verb::next:
      break;
  }
  tell_results();
  if (!problem.empty()) return problem;
  for (Listener* listener : listeners_) listener->after_record(record);
  return {};
}

std::string Session::resume(const ScheduleEntry& entry) {
  chooser_.drop_holds(entry);
  const bool cpu = entry.who.kind == Who::Kind::cpu;
  const core::Tid tid = cpu ? 0 : entry.who.number;
  if (model_->resume(tid, cpu ? static_cast<core::Cpu>(entry.who.number) : core::kNoCpu)) return {};
  return cpu ? fmt::format("nothing is held on CPU {}", entry.who.number)
             : fmt::format("nothing of thread {} is held", tid);
}

std::string Session::deliver(const ScheduleEntry& entry) {
  const auto cpu = static_cast<core::Cpu>(entry.who.number);
  const auto runs = model_->engine().runs();
  const bool queued = std::any_of(runs.begin(), runs.end(), [cpu](const auto& run) {
    return run->state == core::RunState::queued && run->cpu == cpu;
  });
  std::string problem = chooser_.begin_deliver(entry, queued);
  if (problem.empty()) model_->deliver(cpu, entry.verb == Verb::deliver);
  return problem;
}

std::string Session::run_work(const ScheduleEntry& entry) {
  if (!chooser_.defers(entry.name)) return fmt::format("work {} is not deferred", entry.name);
  const core::Work* work = model_->find_work(entry.name);
  if (work == nullptr) return fmt::format("no work {} is queued", entry.name);
  if (work->when > model_->world().now) {
    return fmt::format("work {} is not due before {}", entry.name, work->when);
  }
  chooser_.begin_work(entry);
  model_->run_work(entry.name);
  return {};
}

std::vector<std::string> Session::notes() const {
  std::vector<std::string> notes;
  for (const ScheduleEntry& entry : schedule()) {
    if (!entry.idle) continue;
    notes.push_back(fmt::format("{}: {}", format_entry(entry), why_idle(entry)));
  }
  for (const auto& run : model_->engine().runs()) {
    if (run->state != core::RunState::queued) continue;
    notes.push_back(fmt::format("IPI {} is still queued for CPU {}", run->name, run->cpu));
  }
  const core::World& w = model_->world();
  for (const core::Work& work : w.work) {
    if (!chooser_.defers(work.name) || work.when > w.now) continue;
    notes.push_back(fmt::format("work {}, due at {}, is still deferred", work.name, work.when));
  }
  return notes;
}

}  // namespace reperf::replay
