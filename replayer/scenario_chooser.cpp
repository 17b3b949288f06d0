#include "replayer/scenario_chooser.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace reperf::replay {

Who ScenarioChooser::who_runs(const core::Run& run) const {
  switch (run.context) {
    case core::RunContext::process: {
      const bool alive = world_->tasks.alive(run.task);
      return {Who::Kind::thread, alive ? world_->tasks[run.task].tid : 0};
    }
    case core::RunContext::irq:
      return {Who::Kind::cpu, static_cast<std::uint32_t>(run.cpu)};
    case core::RunContext::work:
      break;
  }
  return {Who::Kind::work, 0};
}

std::size_t ScenarioChooser::note(const ScheduleEntry& entry) {
  default_choices_.clear();
  made_.push_back(entry);
  return made_.size() - 1;
}

void ScenarioChooser::at(When when) {
  now_ = when;
  default_choices_.clear();
}

// What a `next` entry for each option would be. Those that look the same are told apart by number.
std::vector<ScheduleEntry> ScenarioChooser::name(std::span<const core::Option> options) const {
  std::vector<ScheduleEntry> named;
  for (const core::Option& option : options) {
    ScheduleEntry entry{.when = now_,
                        .verb = ScheduleEntry::Verb::next,
                        .who = who_runs(*option.run),
                        .name = option.run->point};
    if (!option.run->started || entry.name.empty()) entry.name = option.run->name;
    named.push_back(std::move(entry));
  }
  for (std::size_t i = 0; i < named.size(); ++i) {
    std::uint32_t equals = 1;
    for (std::size_t j = 0; j < i; ++j) {
      equals += named[j].who == named[i].who && named[j].name == named[i].name ? 1 : 0;
    }
    if (equals > 1) named[i].nth = equals;
  }
  return named;
}

std::size_t ScenarioChooser::choose(std::string_view point, std::span<const core::Option> options) {
  // Most runs never get here: names are made only where there is a choice.
  std::vector<ScheduleEntry> named = name(options);
  std::size_t pick = 0;
  if (!answers_.empty() && misfit_.empty()) {
    const auto it = std::find_if(named.begin(), named.end(), [this](const ScheduleEntry& entry) {
      const ScheduleEntry& wanted = answers_.front();
      return entry.who == wanted.who && entry.name == wanted.name && entry.nth == wanted.nth;
    });
    if (it != named.end()) {
      pick = static_cast<std::size_t>(it - named.begin());
      answers_ = answers_.subspan(1);
    } else {
      for (const ScheduleEntry& entry : named) {
        if (!misfit_.empty()) misfit_ += ", ";
        misfit_ += fmt::format("{}@{}", format_who(entry.who), entry.name);
      }
    }
  } else if (other_ != nullptr) {
    pick = std::min(other_->choose(point, options), options.size() - 1);
  }
  default_choices_.push_back(std::move(named[pick]));
  if (pick != 0) {
    made_.insert(made_.end(), default_choices_.begin(), default_choices_.end());
    default_choices_.clear();
  }
  return pick;
}

bool ScenarioChooser::hold(const core::Run& run, std::string_view point) {
  if (holds_.empty()) return false;
  const auto it = holds_.find(who_runs(run));
  if (it == holds_.end()) return false;
  for (Hold& hold : it->second) {
    if (hold.point != point) continue;
    ++hold.passed;
    if (hold.nth != 0 && hold.passed != hold.nth) continue;
    made_[hold.entry].idle = false;
    return true;
  }
  return false;
}

bool ScenarioChooser::queue(const core::Run& ipi) {
  const auto it = queues_.find(static_cast<std::uint32_t>(ipi.cpu));
  if (it == queues_.end()) return false;
  it->second.kept = true;
  made_[it->second.entry].idle = false;
  return true;
}

bool ScenarioChooser::defer(std::string_view work) {
  const auto it = defers_.find(work);
  if (it == defers_.end()) return false;
  made_[it->second].idle = false;
  return true;
}

void ScenarioChooser::add_hold(const ScheduleEntry& entry) {
  Hold hold{.point = entry.name, .nth = entry.nth, .entry = note(entry)};
  made_[hold.entry].idle = true;  // until it stops something
  holds_[entry.who].push_back(std::move(hold));
}

void ScenarioChooser::drop_holds(const ScheduleEntry& entry) {
  holds_.erase(entry.who);
  note(entry);
}

std::string ScenarioChooser::begin_queue(const ScheduleEntry& entry) {
  if (queues_.contains(entry.who.number)) {
    return fmt::format("CPU {} queues IPIs already", entry.who.number);
  }
  queues_[entry.who.number] = Queue{note(entry)};
  made_.back().idle = true;
  return {};
}

std::string ScenarioChooser::begin_deliver(const ScheduleEntry& entry, bool queued) {
  const auto it = queues_.find(entry.who.number);
  if (it == queues_.end()) return fmt::format("CPU {} does not queue IPIs", entry.who.number);
  // After `deliver one` there may be none left: the queueing ends all the same.
  const bool ends = entry.verb == ScheduleEntry::Verb::deliver && it->second.kept;
  if (!queued && !ends) return fmt::format("no IPI is queued for CPU {}", entry.who.number);
  if (entry.verb == ScheduleEntry::Verb::deliver) queues_.erase(it);
  note(entry);
  return {};
}

std::string ScenarioChooser::begin_defer(const ScheduleEntry& entry) {
  if (defers_.contains(entry.name)) return fmt::format("work {} is deferred already", entry.name);
  defers_[entry.name] = note(entry);
  made_.back().idle = true;
  return {};
}

}  // namespace reperf::replay
