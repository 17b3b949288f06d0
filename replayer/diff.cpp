#include "replayer/diff.h"

#include <algorithm>
#include <deque>
#include <iterator>

#include <fmt/format.h>

namespace reperf::replay {

namespace {

// Where the task column of a transcript begins.
constexpr std::size_t kTaskColumn = 21;

// The task and the text of a transcript's line, with single blanks.
std::string task_and_text(std::string_view line) {
  std::string out;
  for (const char c : line.substr(std::min(kTaskColumn, line.size()))) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  return out;
}

// Calls that have an answer.
bool is_call(log::Kind kind) {
  switch (kind) {
    case log::Kind::perf_event_open:
    case log::Kind::ioctl:
    case log::Kind::read:
    case log::Kind::prctl:
    case log::Kind::kernel_counter:
      return true;
    default:
      return false;
  }
}

EventValues decode(const std::vector<std::uint64_t>& words, std::uint64_t format) {
  const bool group = (format & core::PERF_FORMAT_GROUP) != 0;
  EventValues v;
  std::size_t at = 1;  // a group begins with its number of members, others with the count
  if ((format & core::PERF_FORMAT_TOTAL_TIME_ENABLED) != 0) v.enabled = words[at++];
  if ((format & core::PERF_FORMAT_TOTAL_TIME_RUNNING) != 0) v.running = words[at++];
  v.count = words[group ? at : 0];
  return v;
}

void append_place(std::string& out, const core::World& world, core::TaskId task, core::Cpu cpu) {
  if (task) {
    append_task(out, world, task);
  } else {
    out += "the kernel";  // a work item
  }
  if (cpu != core::kNoCpu) fmt::format_to(std::back_inserter(out), " on CPU {}", cpu);
}

std::string what_record(const log::Record& record, const core::World& world) {
  std::string out{log::kind_name(record.kind())};
  if (record.cpu == log::kNoCpu) return out;
  out += " by ";
  const core::TaskId task =
      record.tid == 0 ? world.cpu(record.cpu).idle : world.find_task(record.tid);
  if (task) {
    append_place(out, world, task, record.cpu);
  } else {
    fmt::format_to(std::back_inserter(out), "{} on CPU {}", record.tid, record.cpu);
  }
  return out;
}

}  // namespace

Diff::Run::Run(Diff& diff, Side side, const core::VersionInfo& version, const log::Header& header)
    : session(version, header),
      diff_(diff),
      side_(side),
      transcript_(session, TranscriptOptions{.numbering = &diff.pairing_.numbering(side)},
                  [this](std::string_view line) { lines.add(line.substr(0, line.size() - 1)); }),
      invariants_(session.model().engine(), session.model().world(), version.not_judged) {
  // New objects are paired before a line names them; calls are looked at after their line.
  session.add_observer(this);
  session.add_observer(&transcript_);
  session.add_observer(&digest);
  session.add_observer(&invariants_);  // last: a finding follows the step that it is about
  session.add_listener(&transcript_);
  session.add_listener(this);
  diff.report_.version[side] = &version;
  diff.report_.facts[side].resize(core::all_rules().size() + 1);
}

void Diff::Run::on_fact(const core::Fact& fact, const core::World& world) {
  diff_.pairing_.see(side_, fact, world);
  ++diff_.report_.facts[side_][static_cast<std::size_t>(fact.rule)];
  switch (fact.kind) {
    case core::FactKind::finding:
    case core::FactKind::warn:
    case core::FactKind::gap:
      diff_.note_trouble(side_, fact, world);
      break;
    case core::FactKind::event_free:
      diff_.note_freed(side_, fact.event, world);
      break;
    default:
      break;
  }
}

void Diff::Run::on_record(const log::Record& record) {
  if (side_ != 0) return;
  diff_.under_way_ = true;
  diff_.begin_call(record);
}

void Diff::Run::on_result(const Call& call) { diff_.note_answer(side_, call); }

void Diff::Follower::after_record(const log::Record& record) {
  diff.under_way_ = false;
  if (diff.to_error_) return;
  Result<void> done = diff.to_.session.step(record);
  if (!done.ok()) {
    Error error = done.take_error();
    const std::uint64_t at = diff.source_->position();
    const std::string_view version = diff.to_.session.model().version().name;
    if (diff.source_->is_text()) {
      error.line = static_cast<std::uint32_t>(at);
      error.column = 1;
      error.what = fmt::format("at {}: {}", version, error.what);
    } else {
      error.what = fmt::format("record {}: at {}: {}", at, version, error.what);
    }
    diff.to_error_ = std::move(error);
    return;
  }
  diff.join_opened(record);
  Session& session = diff.from_.session;
  const core::World& world = session.model().world();
  const bool same = diff.from_.lines == diff.to_.lines;
  diff.compare_record(session.records(), world.now,
                      same ? std::string{} : what_record(record, world));
}

Diff::Diff(const core::VersionInfo& from, const core::VersionInfo& to, const log::Header& header,
           Sink sink)
    : sink_(std::move(sink)),
      from_(*this, 0, from, header),
      to_(*this, 1, to, header),
      follower_(*this) {
  from_.session.add_listener(&follower_);
}

Result<void> Diff::run(log::Source& source, const std::string& name) {
  source_ = &source;
  Result<void> done = from_.session.run(source, name);
  report_.records = from_.session.records();
  if (!done.ok()) {
    Error error = done.take_error();
    if (under_way_) {
      error.what = fmt::format("at {}: {}", from_.session.model().version().name, error.what);
    }
    return error;
  }
  if (to_error_) {
    to_error_->file = name;
    return *to_error_;
  }
  REPERF_TRY(to_.session.finish());
  compare_record(0, from_.session.model().world().now, std::string{});
  report_.consumed = true;
  finish();
  return {};
}

void Diff::compare_record(std::uint64_t record, core::Ns time, const std::string& what) {
  if (from_.lines != to_.lines) {
    const std::vector<DiffLine> lines = align(from_.lines, to_.lines);
    for (const DiffLine& line : lines) {
      if (line.mark == '-') ++report_.lines_only[0];
      if (line.mark == '+') ++report_.lines_only[1];
    }
    ++report_.records_differ;
    sink_(Hunk{record, time, what, shorten(lines)});
  }
  from_.lines.clear();
  to_.lines.clear();
  for (const PairNumber gone : pairing_.end_record()) judge(gone);
}

void Diff::join_opened(const log::Record& record) {
  const auto* ret = std::get_if<log::PerfEventOpenRet>(&record.payload);
  if (ret == nullptr || ret->event == 0) return;
  const PairNumber old = pairing_.join(from_.session.model().find_event(ret->event),
                                       to_.session.model().find_event(ret->event));
  events_.erase(old);
}

void Diff::note_trouble(Side side, const core::Fact& fact, const core::World& world) {
  Session& session = (side == 0 ? from_ : to_).session;
  std::string what;
  if (fact.kind == core::FactKind::finding) {
    what = "FINDING " + finding_text(fact, session.model().engine());
  } else {
    what = fmt::format("{} {}", fact.kind == core::FactKind::warn ? "WARN" : "GAP", fact.text);
    const core::Run* run = session.model().engine().find(fact.run);
    if (run != nullptr) fmt::format_to(std::back_inserter(what), " in {}", run->name);
  }
  auto place = std::find_if(troubles_.begin(), troubles_.end(),
                            [&what](const Trouble& t) { return t.what == what; });
  if (place == troubles_.end()) {
    const bool invariant = fact.kind == core::FactKind::finding && fact.detail != nullptr;
    place =
        troubles_.insert(place, Trouble{what, {}, {}, invariant ? fact.rule : core::Rule::none});
  }
  Trouble& trouble = *place;
  if (trouble.count[side]++ != 0) return;
  std::string& first = trouble.first[side];
  fmt::format_to(std::back_inserter(first), "record {}, {}, ", session.records(), fact.time);
  append_place(first, world, fact.task, fact.cpu);
}

EventDifference& Diff::event_of(Side side, core::EventId event, const core::World& world) {
  // One from before the recording that no step has named is seen here first.
  pairing_.see(side, core::Fact{.event = event}, world);
  const PairNumber pair = pairing_.event(side, event);
  EventDifference& d = events_[pair];
  d.number = pair;
  d.there[side] = true;
  std::string number;
  pairing_.numbering(side).append_number(number, event);
  d.name.clear();
  append_event(d.name, world, event, pairing_.numbering(side));
  const core::perf_event& x = world.events[event];
  if (x.id != 0 && !x.parent && std::to_string(x.id) != number) {
    fmt::format_to(std::back_inserter(d.name), " (id {})", x.id);
  }
  return d;
}

void Diff::note_freed(Side side, core::EventId event, const core::World& world) {
  if (!world.events.alive(event)) return;
  const core::perf_event& x = world.events[event];
  EventEnd& end = event_of(side, event, world).end[side];
  end.freed = true;
  end.freed_at = world.now;
  end.values =
      EventValues{x.count + x.child_count, x.total_time_enabled + x.child_total_time_enabled,
                  x.total_time_running + x.child_total_time_running};
}

// Only the first run's: both get the same records.
void Diff::begin_call(const log::Record& record) {
  const log::Kind kind = record.kind();
  if (!is_call(kind) && kind != log::Kind::sched_process_exit) return;
  const auto before = open_calls_.find(record.tid);
  if (before != open_calls_.end()) {
    close_call(before->second);
    open_calls_.erase(before);
  }
  if (!is_call(kind)) return;
  CallDifference& call = open_calls_[record.tid].call;
  call.record = from_.session.records();
  call.time = record.time;
  call.what = task_and_text(from_.lines[from_.lines.size() - 1]);
}

void Diff::note_answer(Side side, const Call& call) {
  const auto it = open_calls_.find(call.tid);
  if (it == open_calls_.end()) return;
  OpenCall& open = it->second;
  Run& run = side == 0 ? from_ : to_;
  const core::World& world = run.session.model().world();
  const std::string_view line = run.lines[run.lines.size() - 1];
  CallDifference::Answer& answer = open.call.answers[side];
  answer.there = true;
  answer.time = world.now;
  answer.text = line.substr(line.rfind(" = ") + 3);
  if (call.kind == log::Kind::read && world.events.alive(call.event) && call.result->ret > 0) {
    open.words[side] = call.result->words;
    open.read_format = world.events[call.event].attr.read_format;
    event_of(side, call.event, world);
    open.event = pairing_.event(side, call.event);
  }
  if (!open.call.answers[1 - side].there) return;
  close_call(open);
  open_calls_.erase(it);
}

void Diff::close_call(OpenCall& open) {
  const auto& [a, b] = open.call.answers;
  if (!open.words[0].empty() && !open.words[1].empty()) compare_times(open);
  if (a.there == b.there && a.text == b.text && a.time == b.time) return;
  ++report_.calls_differ;
  if (report_.calls.size() < kDifferencesKept) report_.calls.push_back(std::move(open.call));
}

void Diff::compare_times(const OpenCall& open) {
  const bool enabled = (open.read_format & core::PERF_FORMAT_TOTAL_TIME_ENABLED) != 0;
  const bool running = (open.read_format & core::PERF_FORMAT_TOTAL_TIME_RUNNING) != 0;
  const auto it = events_.find(open.event);
  if (it == events_.end()) return;  // freed in both runs by now
  EventDifference& d = it->second;
  ++d.reads;
  const EventValues a = decode(open.words[0], open.read_format);
  const EventValues b = decode(open.words[1], open.read_format);
  if (a == b || d.reads_differ++ != 0) return;
  d.record = open.call.record;
  d.time = open.call.time;
  d.first = {a, b};
  d.has_enabled = enabled;
  d.has_running = running;
}

void Diff::judge(PairNumber event) {
  const auto it = events_.find(event);
  if (it == events_.end()) return;
  if (it->second.differs()) {
    ++report_.events_differ;
    if (report_.events.size() < kDifferencesKept) report_.events.push_back(std::move(it->second));
  }
  events_.erase(it);
}

// The runs are over: reading what is still there changes nothing that anybody looks at.
void Diff::note_ends(Side side) {
  core::Model& model = (side == 0 ? from_ : to_).session.model();
  core::World& world = model.world();
  std::vector<core::EventId> alive;
  world.events.for_each([&](core::EventId id, const core::perf_event&) { alive.push_back(id); });
  std::sort(alive.begin(), alive.end());
  // A read that waits for a lock in vain may still end during a later one.
  std::deque<core::CallResult> results;
  for (const core::EventId id : alive) {
    event_of(side, id, world).end[side].state = world.events[id].state;
    if (world.events[id].parent) continue;
    constexpr std::uint64_t kTimes =
        core::PERF_FORMAT_TOTAL_TIME_ENABLED | core::PERF_FORMAT_TOTAL_TIME_RUNNING;
    world.events[id].attr.read_format = kTimes;
    core::CallResult& result = results.emplace_back();
    model.reread(0, id, 3 * sizeof(std::uint64_t), &result);
    if (!result.done || result.words.size() != 3) continue;
    event_of(side, id, world).end[side].values = decode(result.words, kTimes);
  }
}

void Diff::finish() {
  for (auto& [tid, open] : open_calls_) close_call(open);
  open_calls_.clear();
  report_.digest = {from_.digest.value(from_.session.model().world()),
                    to_.digest.value(to_.session.model().world())};
  note_ends(0);
  note_ends(1);
  while (!events_.empty()) judge(events_.begin()->first);
  std::sort(report_.events.begin(), report_.events.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  for (Trouble& trouble : troubles_) {
    if (trouble.count[0] != trouble.count[1]) report_.troubles.push_back(std::move(trouble));
  }
}

namespace {

// The patches that make a version, lowest first. A variant like `context-time-D4` stands on what is
// below its number, one like `child-cleanup-merged+D4` on all of its version.
std::vector<const core::VersionInfo*> patches_of(const core::VersionInfo& version) {
  std::vector<const core::VersionInfo*> out;
  bool in_series = false;
  for (const core::VersionInfo& v : core::series()) {
    in_series = in_series || &v == &version;
    const bool part = v.number == version.number && &v != &version;
    const bool under = version.name.substr(0, version.name.find('+')) == v.name;
    if (v.number < version.number || &v == &version || (part && under)) out.push_back(&v);
  }
  if (!in_series) out.push_back(&version);
  return out;
}

}  // namespace

std::vector<const core::VersionInfo*> patches_between(const core::VersionInfo& a,
                                                      const core::VersionInfo& b) {
  const std::vector<const core::VersionInfo*> of_a = patches_of(a);
  const std::vector<const core::VersionInfo*> of_b = patches_of(b);
  const auto has = [](const auto& list, const core::VersionInfo* v) {
    return std::find(list.begin(), list.end(), v) != list.end();
  };
  std::vector<const core::VersionInfo*> out;
  for (const core::VersionInfo* v : of_a) {
    if (!has(of_b, v)) out.push_back(v);
  }
  for (const core::VersionInfo* v : of_b) {
    if (!has(of_a, v)) out.push_back(v);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto* x, const auto* y) { return x->number < y->number; });
  return out;
}

}  // namespace reperf::replay
