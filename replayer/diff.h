// What a patch changes for one log: the log is replayed at two versions in lockstep, record by
// record, and what the two runs say is compared.
//
// Lines are compared in transcript form, within their record (diff_lines.h); objects are paired
// first, so that a run that numbers differently is not different for that (pairing.h). Beyond the
// lines: findings and warnings, answers of calls, times that reads give, how each event ends, and
// how often each rule was followed.
//
// Memory is bounded by one record's lines and the live objects. Differing records go out as hunks,
// as soon as they are known; of differing calls and events the first ones are kept, all counted.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/invariants.h"
#include "core/versions/series.h"
#include "replayer/diff_lines.h"
#include "replayer/pairing.h"
#include "replayer/session.h"
#include "replayer/transcript.h"

namespace reperf::replay {

inline constexpr std::size_t kDifferencesKept = 20;  // of calls, and of events

// A differing record.
struct Hunk {
  std::uint64_t record = 0;  // number of the record, from 1; 0: after the last one
  core::Ns time = 0;
  std::string what;  // "perf_event_open by U-200 on CPU 0"
  std::vector<DiffLine> lines;
};

// A kind of finding or warning, and how often each run had it.
struct Trouble {
  std::string what;  // "FINDING livelock in perf_event_open at event_function_call:retry"
  std::array<std::uint64_t, 2> count{};
  std::array<std::string, 2> first{};       // "record 14, 1000002000, U-200 on CPU 0"
  core::Rule invariant = core::Rule::none;  // which one is broken, if that is what it is
};

struct CallDifference {
  std::uint64_t record = 0;  // at which the call entered
  core::Ns time = 0;
  std::string what;  // "U-200 read event 2 size=24"
  struct Answer {
    bool there = false;
    core::Ns time = 0;
    std::string text;  // "24 8 9000 8500"
  };
  std::array<Answer, 2> answers{};
};

struct EventValues {
  std::uint64_t count = 0;
  core::Ns enabled = 0;
  core::Ns running = 0;
  friend bool operator==(const EventValues&, const EventValues&) = default;
};

// How an event ended: freed, or what it is when the log ends.
struct EventEnd {
  bool freed = false;
  core::Ns freed_at = 0;
  int state = 0;
  std::optional<EventValues> values;  // what a read would give; none: it cannot be read then
  friend bool operator==(const EventEnd&, const EventEnd&) = default;
};

struct EventDifference {
  PairNumber number = 0;  // orders them
  std::string name;       // "event 2", with the log's number where that is another one
  std::array<bool, 2> there{};
  // Reads with times whose answers differ.
  std::uint64_t reads = 0;
  std::uint64_t reads_differ = 0;
  std::uint64_t record = 0;  // the first differing one
  core::Ns time = 0;
  std::array<EventValues, 2> first{};
  bool has_enabled = false;  // which times the read format has
  bool has_running = false;
  std::array<EventEnd, 2> end{};

  [[nodiscard]] bool differs() const {
    return there[0] != there[1] || reads_differ != 0 || end[0] != end[1];
  }
};

struct DiffReport {
  std::array<const core::VersionInfo*, 2> version{};
  std::uint64_t records = 0;
  bool consumed = false;  // both runs came to the end of the log
  std::uint64_t records_differ = 0;
  std::array<std::uint64_t, 2> lines_only{};
  std::array<std::uint64_t, 2> digest{};
  std::vector<Trouble> troubles;  // whose counts differ
  std::vector<CallDifference> calls;
  std::uint64_t calls_differ = 0;
  std::vector<EventDifference> events;
  std::uint64_t events_differ = 0;
  std::array<std::vector<std::uint64_t>, 2> facts;  // by rule

  [[nodiscard]] bool same() const {
    return consumed && records_differ == 0 && calls_differ == 0 && events_differ == 0 &&
           troubles.empty() && digest[0] == digest[1];
  }
};

class Diff {
 public:
  using Sink = std::function<void(const Hunk&)>;
  // Preconditions: both versions can be made, machine_problem(header) is empty.
  Diff(const core::VersionInfo& from, const core::VersionInfo& to, const log::Header& header,
       Sink sink);

  // The whole log. An error names the version at which the log does not fit.
  Result<void> run(log::Source& source, const std::string& name);
  // To show progress.
  [[nodiscard]] Session& session() { return from_.session; }
  [[nodiscard]] const DiffReport& report() const { return report_; }

 private:
  // One of the two runs.
  class Run : public core::Observer, public Listener {
   public:
    Run(Diff& diff, Side side, const core::VersionInfo& version, const log::Header& header);
    void on_fact(const core::Fact& fact, const core::World& world) override;
    void on_record(const log::Record& record) override;
    void on_result(const Call& call) override;

    Session session;
    Lines lines;  // of the record under way

   private:
    Diff& diff_;
    Side side_;
    Transcript transcript_;

   public:
    Digest digest;

   private:
    core::Invariants invariants_;
  };
  // Lets the second run follow the first.
  struct Follower : Listener {
    explicit Follower(Diff& d) : diff(d) {}
    void after_record(const log::Record& record) override;
    Diff& diff;
  };
  struct OpenCall {
    CallDifference call;
    PairNumber event = 0;
    std::uint64_t read_format = 0;
    std::array<std::vector<std::uint64_t>, 2> words;
  };

  void note_trouble(Side side, const core::Fact& fact, const core::World& world);
  void note_freed(Side side, core::EventId event, const core::World& world);
  EventDifference& event_of(Side side, core::EventId event, const core::World& world);
  void begin_call(const log::Record& record);
  void note_answer(Side side, const Call& call);
  void compare_times(const OpenCall& call);
  void close_call(OpenCall& call);
  void join_opened(const log::Record& record);
  void compare_record(std::uint64_t record, core::Ns time, const std::string& what);
  void judge(PairNumber event);
  void finish();
  void note_ends(Side side);

  DiffReport report_;
  Sink sink_;
  Pairing pairing_;
  Run from_;
  Run to_;
  Follower follower_;
  log::Source* source_ = nullptr;
  std::optional<Error> to_error_;
  bool under_way_ = false;         // a record has reached the first run, and is not through
  std::vector<Trouble> troubles_;  // few: kinds, not occurrences
  std::map<std::uint32_t, OpenCall> open_calls_;  // by thread
  std::map<PairNumber, EventDifference> events_;
};

// The patches that one version has and the other has not, lower ones first: what a comparison of
// the two is about, whichever comes first. A variant is the series below it and itself.
[[nodiscard]] std::vector<const core::VersionInfo*> patches_between(const core::VersionInfo& a,
                                                                    const core::VersionInfo& b);

// What the report says of an event, in sentences without a final period.
[[nodiscard]] std::vector<std::string> in_words(const EventDifference& event, std::string_view from,
                                                std::string_view to);

void format_hunk(std::string& out, const Hunk& hunk);
[[nodiscard]] std::string format_diff(const DiffReport& report, std::string_view file);
// Hunks as elements of a JSON array, without the commas between them.
void format_hunk_json(std::string& out, const Hunk& hunk);
// One JSON object, without its last members: the caller appends `"hunks":[...]}`.
[[nodiscard]] std::string format_diff_json(const DiffReport& report, std::string_view file);

}  // namespace reperf::replay
