// Compares what the model predicts with what the machine answered (PRED rules of abi.md).
//
// Every compared result has a class. EXACT results must be equal, or, when other records lie
// between a call's entry and its return, a member of the set that the possible orders give
// (PRED-2); BOUND results must lie in an interval; INPUT results are taken from the machine and
// counted as unpredicted. After a difference the model takes the machine's value and goes on.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "replayer/session.h"

namespace reperf::replay {

struct CheckCounts {
  std::uint64_t exact = 0;
  std::uint64_t bounds = 0;
  std::uint64_t wrong = 0;
  std::uint64_t unpredicted = 0;
  [[nodiscard]] std::uint64_t compared() const { return exact + bounds + wrong; }
};

// What a compared number is.
enum class ResultClass : std::uint8_t {
  call,  // return value or errno
  context_switches,
  cpu_migrations,
  other_exact,  // counters that must be 0, ids, nr of a group
  time,         // time_enabled, time_running
  clock,        // task-clock, cpu-clock
  page_faults,
  other,  // everything else
};
inline constexpr std::size_t kResultClasses = 8;
[[nodiscard]] std::string_view class_name(ResultClass c);

// The first difference, in words, with what led to it.
struct Divergence {
  std::uint64_t record = 0;  // number of the record, from 1
  std::string what;          // "context-switches of event 3: predicted 12, the machine says 13"
  std::vector<std::string> context;  // transcript lines before it
};

struct CheckReport {
  std::uint64_t records = 0;
  bool consumed = false;  // the log was read to its end
  CheckCounts total;
  std::array<CheckCounts, kResultClasses> by_class{};
  std::uint64_t losses = 0;             // records that the recorder lost
  std::uint64_t gaps = 0;               // places where the log does not connect
  std::uint64_t breaks = 0;             // switches from a task that was not seen to come
  std::vector<Divergence> divergences;  // the first few
  // 0 wrong, something compared, everything read.
  [[nodiscard]] bool passed() const { return consumed && total.wrong == 0 && total.compared() > 0; }
};

class Check : public Listener, public core::Observer {
 public:
  explicit Check(Session& session);

  void on_fact(const core::Fact& fact, const core::World& world) override;
  void on_record(const log::Record& record) override;
  void after_record(const log::Record& record) override;
  void on_result(const Call& call) override;
  void on_return(const log::Record& record, Call* call) override;
  // A line of the transcript, kept as context for a divergence.
  void remember(std::string_view line);

  [[nodiscard]] CheckReport& report() { return report_; }

 private:
  // What is known about an original event beyond the model's own state.
  struct Watch {
    std::uint64_t starts = 0;  // how often it or a copy went ACTIVE: each costs precision
    std::uint64_t exits = 0;   // ... ended with its task
    std::uint64_t execs = 0;   // ... was enabled by an exec
    std::uint64_t late = 0;    // ns by which it may have started later, or stopped later, than
    std::uint64_t longer = 0;  // the model, which acts when a call enters
    std::uint64_t fewer = 0;   // occurrences that the machine may have counted less or more,
    std::uint64_t more = 0;    // because they fell into a call that switched the event
    // Corrections so far: whether they belong to the event itself or to what exited copies left
    // matters to the next RESET, which clears only the former (ABI-90).
    std::uint64_t unplaced = 0;
    bool tainted = false;  // losses or calls that are not modelled: no claims on values
  };
  // A read whose call is open: the values that the orders of the log permit.
  struct Window {
    std::vector<std::uint64_t> low;
    std::vector<std::uint64_t> high;
    bool overlapped = false;
  };
  enum class WordKind : std::uint8_t { nr, enabled, running, value, id, lost };
  struct Word {
    WordKind kind;
    core::EventId event;
  };

  void count(ResultClass c, std::uint64_t CheckCounts::*field) {
    ++(report_.total.*field);
    ++(report_.by_class[static_cast<std::size_t>(c)].*field);
  }
  void exact_or_wrong(ResultClass c, bool equal, std::string what);
  void diverge(std::string what);
  void check_open(const log::PerfEventOpenRet& ret, const Call& call);
  void check_read(const log::ReadRet& ret, const Call& call);
  void check_word(const Word& word, std::size_t index, const Window& window,
                  const std::vector<std::uint64_t>& observed, const Call& call);
  void check_value(const Word& word, std::size_t index, const Window& window,
                   const std::vector<std::uint64_t>& observed, const Call& call);
  void check_clock(const Word& word, std::size_t index, const Window& window,
                   const std::vector<std::uint64_t>& words, const Call& call);
  void check_cpu_clock(const Word& word, std::size_t index, const Window& window,
                       const std::vector<std::uint64_t>& words, const Call& call);
  [[nodiscard]] std::optional<std::uint64_t> observed_running(
      core::EventId event, const std::vector<std::uint64_t>& words);
  // The model's value is between `low` and `high`, depending on when the machine read.
  void check_time(const Word& word, std::uint64_t low, std::uint64_t high, std::uint64_t observed,
                  const Call& call, ResultClass c);
  [[nodiscard]] std::vector<Word> layout(core::EventId event);
  [[nodiscard]] std::string name(core::EventId event);
  void widen(const Call& call, Window& window);
  void note_overlap(const log::Record& record);
  void note_unseen(const log::Record& record);
  void allow_more(core::CtxId ctx, std::uint64_t config, std::uint64_t how_many);
  void note_window(const Call& call, log::Ns returned);
  [[nodiscard]] bool may_count(core::EventId event, const log::Record& record,
                               core::Tid next) const;
  [[nodiscard]] core::EventId top_of(core::EventId event) const;
  [[nodiscard]] bool has_copy_of(core::TaskId task, core::EventId top) const;

  Session& session_;
  CheckReport report_;
  std::map<core::EventId, Watch> watches_;
  std::map<std::uint32_t, Window> windows_;  // by thread
  bool marks_before_ = false;  // a migrations event existed before the log: tasks may carry marks
  std::deque<std::string> recent_;
};

// The report as people read it, and as one JSON object.
[[nodiscard]] std::string format_report(const CheckReport& report, std::string_view file,
                                        std::string_view version);
[[nodiscard]] std::string format_json(const CheckReport& report, std::string_view file,
                                      std::string_view version);

}  // namespace reperf::replay
