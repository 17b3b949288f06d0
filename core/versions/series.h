// The series: versions of the perf core as a stack of patches.
//
// Names and numbers are those of the specification's series; people type them. Each version is one
// class that derives from the version below it and overrides what its patch touched. To add one:
// a file in this folder, one line in series.cpp (docs/adding-a-version.md).
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "core/base/base.h"

namespace reperf::core {

struct VersionInfo {
  int number = 0;            // place in the series
  std::string_view name;     // what people type
  std::string_view summary;  // one line
  std::string_view rules;    // the rules it changes, as "SCH-37 SCH-40"
  // nullptr: this program does not have it yet.
  std::unique_ptr<Base> (*make)(World& world, Engine& engine) = nullptr;
  std::string_view incomplete;  // what it lacks, empty: nothing
  // Invariants (INV-n) that it does not promise, so that nobody judges them. Those that it promises
  // and breaks are not among them: to show that is what they are judged for. The default is what
  // holds from task-ctx-sched on (scheduling.md section 16, column "Version").
  std::string_view not_judged = "INV-16 INV-17 INV-20 INV-22";
};

// In the order of the series, the ones that are not there yet included.
[[nodiscard]] std::span<const VersionInfo> series();
// Parts of a version that can be switched one by one; find_version() knows them, series() does not.
[[nodiscard]] std::span<const VersionInfo> variants();
// nullptr: no such name.
[[nodiscard]] const VersionInfo* find_version(std::string_view name);
// The version whose rules fit a kernel ("6.18.44-..."): the newest one that this program has.
[[nodiscard]] const VersionInfo& version_for_kernel(std::string_view release);

std::unique_ptr<Base> make_base(World& world, Engine& engine);
std::unique_ptr<Base> make_task_ctx_sched(World& world, Engine& engine);
std::unique_ptr<Base> make_event_function(World& world, Engine& engine);
std::unique_ptr<Base> make_tombstone(World& world, Engine& engine);
std::unique_ptr<Base> make_child_cleanup_merged(World& world, Engine& engine);
std::unique_ptr<Base> make_context_time(World& world, Engine& engine);
std::unique_ptr<Base> make_install_scaling(World& world, Engine& engine);
std::unique_ptr<Base> make_linux_6_18(World& world, Engine& engine);

}  // namespace reperf::core
