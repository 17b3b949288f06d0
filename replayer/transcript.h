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
#include "replayer/names.h"
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

// What a finding is, on which path and where: "livelock in read at event_function_call:retry"; for
// an invariant which one, and after which step: "invariant INV-9 (after SCH-10)".
[[nodiscard]] std::string finding_text(const core::Fact& fact, const core::Engine& engine);

struct TranscriptOptions {
  bool rules = false;    // a column with rule ids
  bool verbose = false;  // locks, single counts, references as well
  const Numbering* numbering = &own_numbers();
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
  // By the numbering of this transcript.
  void append_event(std::string& out, const core::World& world, core::EventId event) const {
    replay::append_event(out, world, event, *options_.numbering);
  }
  void append_ctx(std::string& out, const core::World& world, core::CtxId ctx) const {
    replay::append_ctx(out, world, ctx, *options_.numbering);
  }
  template <class IdT>
  [[nodiscard]] std::string number(IdT id) const {
    std::string out;
    options_.numbering->append_number(out, id);
    return out;
  }
  bool describe(const core::Fact& fact, const core::World& world);
  bool describe_event(const core::Fact& fact, const core::World& world);
  bool describe_pmu(const core::Fact& fact, const core::World& world);
  bool describe_ctx(const core::Fact& fact, const core::World& world);
  bool describe_cpu(const core::Fact& fact, const core::World& world);
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
  void tell(const log::Record& r, const log::Overflow& x);
  void tell(const log::Record& r, const log::Prctl& x);
  void tell(const log::Record& r, const log::SnapshotEvent& x);
  void tell(const log::Record& r, const log::Lost& x);
  void tell(const log::Record& r, const log::Filtered& x);
  void tell(const log::Record& r, const log::Hold& x);
  void tell(const log::Record& r, const log::CpuDown& x);
  void tell(const log::Record& r, const log::CpuUp& x);
  void tell(const log::Record& r, const log::CgroupMkdir& x);
  void tell(const log::Record& r, const log::CgroupAttachTask& x);
  void tell(const log::Record& r, const log::KernelCounter& x);
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
