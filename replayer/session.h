// Feeds a log to a model: the one loop behind replay and check.
//
// Each record drives the model at its own time and CPU. Calls are carried out when they enter: the
// time between a call's entry and its return is a window in which its effect may lie anywhere
// (PRED-2); whoever compares has to know that, see check.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/model.h"
#include "replayer/scenario_chooser.h"
#include "replayer/schedule.h"
#include "traces/record.h"
#include "traces/source.h"

namespace reperf::replay {

// A system call of a thread, from its entry to its return.
struct Call {
  log::Kind kind{};
  std::uint32_t tid = 0;
  std::uint16_t cpu = 0;
  log::Ns time = 0;
  std::uint64_t log_event = 0;  // perf_event.id that it concerns, 0: none
  std::uint32_t cmd = 0;        // ioctl
  std::uint64_t arg = 0;        // ioctl
  std::uint64_t size = 0;       // read
  core::EventId event;          // the model's event, none: not known to it
  core::OpenArgs open_args;
  core::CallResult* result = nullptr;  // nullptr: the model did not take part
  bool told = false;                   // Listener::on_result was called
};

class Listener {
 public:
  virtual ~Listener() = default;
  // Before the model sees the record.
  virtual void on_record(const log::Record&) {}
  // After the model has seen it.
  virtual void after_record(const log::Record&) {}
  // The model has finished a call.
  virtual void on_result(const Call&) {}
  // The machine's answer to `call` (nullptr: its entry is not in the log). May correct the model.
  virtual void on_return(const log::Record&, Call*) {}
};

class Session {
 public:
  Session(const core::VersionInfo& version, const log::Header& header);

  [[nodiscard]] core::Model& model() { return *model_; }
  void add_listener(Listener* listener) { listeners_.push_back(listener); }
  void add_observer(core::Observer* observer) { model_->add_observer(observer); }

  // These directives instead of the log's own, which are passed over then. Before the first step.
  void use_schedule(Schedule schedule);
  // Who decides which of several runs comes next, where no schedule does.
  void ask(core::Chooser* chooser) { chooser_.ask(chooser); }

  // Carries out one record.
  Result<void> step(const log::Record& record);
  // After the last record: the rest of the schedule, and what waits for ever is a finding.
  Result<void> finish();
  // All of them; `name` is for messages.
  Result<void> run(log::Source& source, const std::string& name);

  [[nodiscard]] std::uint64_t records() const { return records_; }
  // All choices so far where there was more than one possibility (use_schedule() reproduces them).
  [[nodiscard]] const Schedule& schedule() const { return chooser_.schedule(); }
  // What a scenario's author should know at the end: directives without effect, things left over.
  [[nodiscard]] std::vector<std::string> notes() const;
  [[nodiscard]] const std::map<std::uint32_t, Call>& calls() const { return calls_; }

 private:
  // A call whose answer was read before the model was through with it.
  struct LateCall {
    Call call;
    std::int64_t ret = 0;
    std::uint64_t event = 0;  // perf_event.id of the event that an open returned
  };
  // An event of the snapshot, by its object number.
  struct SnapshotObject {
    core::EventId event;
    core::AdoptedEvent adopted;
    std::uint32_t leader = 0;  // 0: leads itself
    std::uint32_t parent = 0;  // 0: is an original
    bool told = false;         // its record has come
    bool placed = false;       // the model has it
  };
  SnapshotObject& snapshot_object(std::uint32_t number);
  [[nodiscard]] core::EventId known_already(const log::SnapshotEvent& x, core::TaskId task) const;
  void place(std::uint32_t number);
  void place_one(std::uint32_t number);
  bool tid_valid(std::uint32_t tid);
  bool time_valid(log::Ns time);
  bool cpu_usable(std::uint16_t cpu);
  bool held_at_return(const log::Record& r, const Call& call);
  Call& enter(const log::Record& record, std::uint64_t log_event);
  Call* returned(const log::Record& record);
  void returned_early(const log::Record& record, const Call& call);
  void tell_results();
  void tell_late_results();

  // directives.cpp
  [[nodiscard]] When place(log::Ns time, bool counts) const;
  void move_to(When when);
  Result<void> on_directive(const log::Record& record);
  Result<void> play_until(When limit);
  [[nodiscard]] std::string fits(const ScheduleEntry& entry) const;
  std::string carry_out(const ScheduleEntry& entry);
  std::string resume(const ScheduleEntry& entry);
  std::string deliver(const ScheduleEntry& entry);
  std::string run_work(const ScheduleEntry& entry);
  log::Record record_of(const ScheduleEntry& entry);
  [[nodiscard]] std::string why_idle(const ScheduleEntry& entry) const;
  [[nodiscard]] std::string idle_entries() const;
  Result<void> settle_answers();
  Error schedule_error(const ScheduleEntry& entry, const std::string& problem);

  void on(const log::Record& r, const log::SchedSwitch& x);
  void on(const log::Record& r, const log::SchedMigrateTask& x);
  void on(const log::Record& r, const log::SchedProcessFork& x);
  void on(const log::Record& r, const log::SchedProcessExec& x);
  void on(const log::Record& r, const log::SchedProcessExit& x);
  void on(const log::Record& r, const log::PerfEventOpen& x);
  void on(const log::Record& r, const log::Ioctl& x);
  void on(const log::Record& r, const log::Prctl& x);
  void on(const log::Record& r, const log::Read& x);
  void on(const log::Record& r, const log::Close& x);
  void on(const log::Record& r, const log::Release& x);
  void on(const log::Record& r, const log::PerfEventOpenRet& x);
  void on(const log::Record& r, const log::Overflow& x);
  void on(const log::Record& r, const log::Tick& x);
  void on(const log::Record& r, const log::KernelCounter& x);
  void on(const log::Record& r, const log::KernelCounterRet& x);
  void on(const log::Record& r, const log::CgroupMkdir& x);
  void on(const log::Record& r, const log::CgroupAttachTask& x);
  void on(const log::Record& r, const log::CpuDown& x);
  void on(const log::Record& r, const log::CpuUp& x);
  void on(const log::Record& r, const log::SnapshotCpu& x);
  void on(const log::Record& r, const log::SnapshotTask& x);
  void on(const log::Record& r, const log::SnapshotEvent& x);
  void on(const log::Record& r, const log::SnapshotEnd& x);
  template <class Other>
  void on(const log::Record&, const Other&) {}

  ScenarioChooser chooser_;
  std::unique_ptr<core::Model> model_;
  std::vector<Listener*> listeners_;
  std::map<std::uint32_t, Call> calls_;                          // in flight, by thread
  std::map<std::uint32_t, SnapshotObject> snapshot_;             // until snapshot_end
  std::multimap<std::uint32_t, std::uint32_t> waiting_members_;  // by their leader
  std::set<std::uint16_t> down_;                                 // CPUs that records took down
  std::vector<LateCall> late_calls_;
  std::uint64_t records_ = 0;
  std::string problem_;

  When now_;         // the place of the record or directive that is carried out
  log::Ns end_ = 0;  // how far the log reaches, its own directives included
  bool scripted_ = false;
  Schedule script_;
  std::size_t cursor_ = 0;         // in script_
  std::size_t offered_ = 0;        // `next` entries from there, for the choices to come
  bool schedule_problem_ = false;  // the last error is the schedule's, not the record's
};

// The machine that the header describes. A scenario that names no PMUs gets the kernel's software
// ones; `pmu ... counters=N` makes a counting PMU.
[[nodiscard]] core::MachineConfig machine_of(const log::Header& header);

// What no machine has: empty when the header can be true. Ask before making a Session.
[[nodiscard]] std::string machine_problem(const log::Header& header);

}  // namespace reperf::replay
