// Drives one version with random stimuli: for the random test. Everything follows from the seed.
//
// Three kinds of seeds, by their remainder modulo 4: values are checked against what the model says
// it counted (1); events have inherit_stat, whose exchanges of values end what can be said about
// single ones (0); paths are held at random scheduling points and go on later (2, 3), so that
// calls, switches, forks and exits race.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <random>  // tidy:allow(a seeded generator in a test)
#include <set>
#include <string>
#include <vector>

#include "core/invariants.h"
#include "core/test_invariants.h"
#include "core/test_machine.h"

namespace reperf::core::testing {

// What went wrong: its name ("INV-9", "W-in-mismatch", "livelock", "refcount"), and in words.
struct Problem {
  std::string name;
  std::string words;
};

// Keeps findings and warnings, and adds up what the model says it counted, for value conservation
// (lifetime.md INV-17).
class Ledger : public Observer {
 public:
  void on_fact(const Fact& fact, const World& world) override;
  std::map<EventId, std::uint64_t> counted;
  std::vector<Problem> problems;
  std::string_view known_defect;  // a finding that does not end the drive
};

// Holds paths by chance, a few at a time, and picks who goes on by chance.
class RandomChooser : public Chooser {
 public:
  RandomChooser(std::uint64_t seed, bool holds) : random_(seed * 7919), holds_(holds) {}
  bool hold(const Run& run, std::string_view point) override;
  std::size_t choose(std::string_view point, std::span<const Option> options) override;
  void resumed() { --held_; }
  [[nodiscard]] int held() const { return held_; }
  void stop() { holds_ = false; }

 private:
  static constexpr int kHeldMax = 3;
  std::mt19937_64 random_;  // tidy:allow(a seeded generator in a test)
  bool holds_;
  int held_ = 0;
};

class Driver {
 public:
  // `facts` counts what happens, over as many drives as one likes.
  Driver(const VersionInfo& version, std::uint64_t seed, FactCounter& facts);

  // Whether paths are held with this seed.
  static bool races(std::uint64_t seed) { return seed % 4 >= 2; }

  // One stimulus; nothing when all that must hold does.
  std::optional<Problem> step();
  // All tasks exit, all files are closed, all work is done.
  std::optional<Problem> end();

 private:
  static constexpr std::uint32_t kCpus = 4;
  static constexpr std::int32_t kCounters = 2;  // a CPU, for up to kEvents events
  static constexpr std::size_t kTasks = 20;
  static constexpr std::size_t kEvents = 40;
  static constexpr Tid kAnchor = 9999;

  // A call that has not returned: its thread is busy, its files stay open.
  struct Pending {
    CallResult* result = nullptr;  // of an open
    std::vector<EventId> files;
    Tid child = 0;  // of a fork, not born yet
    bool exits = false;
  };

  [[nodiscard]] World& world() { return machine_.model.world(); }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  Cpu any_cpu() { return static_cast<Cpu>(below(kCpus)); }
  Tid any_task() { return tasks_[below(tasks_.size())]; }
  EventId any_event();
  [[nodiscard]] bool in_use(EventId event) const;
  [[nodiscard]] bool busy(Tid tid) const { return pending_.contains(tid); }
  // Whether a switch that has not ended takes the task off its CPU: no other CPU may have it yet.
  [[nodiscard]] bool leaves_cpu(Tid tid) const;
  void add_task(Tid tid);

  void act();
  void resume_one();
  // Whoever has returned: its event is open, its child is born, its last switch is due.
  void settle();
  void settle(Tid tid, const Pending& done);
  void switch_on(Cpu cpu);
  void migrate();
  void fork(Cpu cpu);
  void exit(Cpu cpu);
  void leave(Cpu cpu, Tid tid);
  perf_event_attr random_attr();
  void open(Cpu cpu);
  void control(Cpu cpu, EventId event);
  void read(Cpu cpu, EventId event);
  void check_value(EventId event, const CallResult& result);
  void close(Cpu cpu, EventId event);
  [[nodiscard]] std::optional<Problem> problem();

  bool modern_;
  bool exchanges_;
  bool holds_;
  RandomChooser chooser_;
  Machine machine_;
  Ledger ledger_;
  Invariants invariants_;
  LifetimeInvariants lifetime_;
  std::mt19937_64 random_;  // tidy:allow(a seeded generator in a test)
  std::vector<Tid> tasks_;
  std::map<Tid, Pending> pending_;
  std::array<Tid, kCpus> left_{};  // whom the last switch of each CPU took off
  Tid last_tid_ = 100;
  std::uint64_t last_log_id_ = 0;
  std::uint64_t steps_ = 0;
  std::set<EventId> open_;
  std::set<EventId> reset_;
  EventId anchor_;
  std::string wrong_value_;
};

}  // namespace reperf::core::testing
