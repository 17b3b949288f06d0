// Answers the engine as the directives of a scenario or of a schedule say, and keeps book of it.
//
// The default schedule everywhere else: nobody is held, nothing is queued or put off, and the first
// of several runs comes next, unless another chooser is asked (ask()). What it did is schedule().
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.h"
#include "replayer/schedule.h"

namespace reperf::replay {

class ScenarioChooser : public core::Chooser {
 public:
  void attach(const core::World* world) { world_ = world; }
  // Who decides which run comes next where no `next` entry does; nullptr: the first one.
  void ask(core::Chooser* other) { other_ = other; }

  std::size_t choose(std::string_view point, std::span<const core::Option> options) override;
  bool hold(const core::Run& run, std::string_view point) override;
  bool queue(const core::Run& ipi) override;
  bool defer(std::string_view work) override;

  // ---- the place in the log

  // Entries of the schedule get this place from now on, and a new series of choices begins.
  void at(When when);
  // `next` entries that answer the coming choices, one each; empty when there are none.
  void answers(std::span<const ScheduleEntry> next) { answers_ = next; }
  // Those that no choice has taken; `misfit`: what could be chosen where the first was not.
  [[nodiscard]] std::size_t answers_left() const { return answers_.size(); }
  [[nodiscard]] const std::string& misfit() const { return misfit_; }

  // ---- directives; the text is what is wrong, empty when nothing is

  void add_hold(const ScheduleEntry& entry);
  void drop_holds(const ScheduleEntry& entry);
  std::string begin_queue(const ScheduleEntry& entry);
  // `queued`: whether an IPI waits.
  std::string begin_deliver(const ScheduleEntry& entry, bool queued);
  std::string begin_defer(const ScheduleEntry& entry);
  [[nodiscard]] bool defers(std::string_view work) const { return defers_.contains(work); }
  void begin_work(const ScheduleEntry& entry) { note(entry); }

  // ---- what was done

  // All entries in order; `idle` says which found nothing to do.
  [[nodiscard]] const Schedule& schedule() const { return made_; }

 private:
  struct Hold {
    std::string point;
    std::uint32_t nth = 0;
    std::uint32_t passed = 0;
    std::size_t entry = 0;  // in made_
  };
  struct Queue {
    std::size_t entry = 0;
    bool kept = false;  // an IPI, since it began
  };
  std::size_t note(const ScheduleEntry& entry);
  [[nodiscard]] Who who_runs(const core::Run& run) const;
  [[nodiscard]] std::vector<ScheduleEntry> name(std::span<const core::Option> options) const;

  const core::World* world_ = nullptr;
  core::Chooser* other_ = nullptr;
  When now_;
  std::span<const ScheduleEntry> answers_;
  std::string misfit_;
  std::map<Who, std::vector<Hold>> holds_;
  std::map<std::uint32_t, Queue> queues_;                   // by CPU
  std::map<std::string, std::size_t, std::less<>> defers_;  // entries in made_
  Schedule made_;
  Schedule default_choices_;  // of this series: they matter once another choice follows
};

}  // namespace reperf::replay
