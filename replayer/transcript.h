// The transcript of a replay; docs/transcript.md describes its lines column by column.
//
// Also the digest: a hash over every fact of the run and the final state, the same for the same
// log, version and schedule on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/fact.h"
#include "replayer/session.h"

namespace reperf::replay {

// Hashes facts, shown or not.
class Digest : public core::Observer {
 public:
  void on_fact(const core::Fact& fact, const core::World& world) override;
  // Of all facts so far and of `world` as it is now.
  [[nodiscard]] std::uint64_t value(const core::World& world) const;
  [[nodiscard]] std::uint64_t findings() const { return findings_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::uint64_t findings_ = 0;
};

struct TranscriptOptions {
  bool rules = false;    // a column with rule ids
  bool verbose = false;  // locks, single counts, references as well
};

// Prints the model's side of a session; lines go to `sink`, each with its newline.
class Transcript : public core::Observer, public Listener {
 public:
  using Sink = std::function<void(std::string_view)>;
  Transcript(Session& session, TranscriptOptions options, Sink sink);

  void on_fact(const core::Fact& fact, const core::World& world) override;
  void on_record(const log::Record& record) override;
  void on_result(const Call& call) override;
  // After the last record: what the author of a scenario should know, and the schedule.
  void finish();

 private:
  void begin(core::Ns time, core::Cpu cpu, core::Rule rule);
  [[nodiscard]] std::size_t text_column() const;
  void end();
  void pad_to(std::size_t column);
  bool describe(const core::Fact& fact, const core::World& world);
  bool describe_event(const core::Fact& fact, const core::World& world);
  bool describe_ctx(const core::Fact& fact, const core::World& world);
  bool describe_other(const core::Fact& fact, const core::World& world);

  void tell_task(core::Cpu cpu, std::uint32_t tid);
  void tell_event(std::uint64_t log_event);
  void tell(const log::Record& r, const log::SchedSwitch& x);
  void tell(const log::Record& r, const log::SchedMigrateTask& x);
  void tell(const log::Record& r, const log::SchedProcessFork& x);
  void tell(const log::Record& r, const log::SchedProcessExec& x);
  void tell(const log::Record& r, const log::SchedProcessExit& x);
  void tell(const log::Record& r, const log::PerfEventOpen& x);
  void tell(const log::Record& r, const log::Ioctl& x);
  void tell(const log::Record& r, const log::Read& x);
  void tell(const log::Record& r, const log::Close& x);
  void tell(const log::Record& r, const log::Release& x);
  void tell(const log::Record& r, const log::SnapshotEvent& x);
  void tell(const log::Record& r, const log::Lost& x);
  void tell(const log::Record& r, const log::Filtered& x);
  void tell(const log::Record& r, const log::Hold& x);
  void tell(const log::Record& r, const log::Deliver& x);
  void tell(const log::Record& r, const log::Defer& x);
  void tell(const log::Record& r, const log::RunWork& x);
  template <class Other>
  void tell(const log::Record& r, const Other&) {
    line_ += log::kind_name(r.kind());
  }

  Session& session_;
  TranscriptOptions options_;
  Sink sink_;
  std::string line_;
};

}  // namespace reperf::replay
