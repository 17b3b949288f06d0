#include "core/versions/series.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/versions/base_version.h"

namespace reperf::core {

namespace {

// What is not promised yet, by the patch that shortened the list.
constexpr std::string_view kSinceTombstone = "INV-16 INV-17 INV-22";
constexpr std::string_view kSinceContextTime = "INV-22";
constexpr std::string_view kSinceInstallScaling = "";

// One line a version, in the order of the series.
constexpr std::array kSeries{
    VersionInfo{0, "base", "the core in January 2016, before seed 000", "", make_base, "",
                "INV-3 INV-6 INV-7 INV-16 INV-17 INV-20 INV-22"},
    VersionInfo{1, "task-ctx-sched", "contexts without events are never active (seed 000)",
                "SCH-37 SCH-40 SCH-83 SCH-93", make_task_ctx_sched, ""},
    VersionInfo{2, "event-function", "one checked cross-call body",
                "SCH-76 SCH-77 SCH-78 SCH-94 SCH-95 SCH-97 SCH-102", make_event_function, ""},
    VersionInfo{3, "tombstone", "dead contexts are marked", "SCH-67 SCH-76 SCH-88 SCH-112 LIFE-9",
                make_tombstone, "", kSinceTombstone},
    VersionInfo{4, "child-cleanup", "children are cleaned up synchronously (seed 001, as posted)",
                "", nullptr, ""},
    VersionInfo{5, "child-cleanup-merged", "the same as it was merged",
                "LIFE-20 LIFE-40 LIFE-44 LIFE-71 LIFE-73 SCH-17 SCH-96", make_child_cleanup_merged,
                "version 4 below it; BPF maps that hold files (LIFE-72); failed opens (LIFE-22)",
                kSinceTombstone},
    VersionInfo{6, "context-time", "context time stands still when it should",
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-63 SCH-84 SCH-85 SCH-98 SCH-101",
                make_context_time, "", kSinceContextTime},
    VersionInfo{7, "install-scaling", "install without a time hole (seed 003)",
                "SCH-86 SCH-87 SCH-89", make_install_scaling, "", kSinceInstallScaling},
    VersionInfo{8, "hotplug-series", "lock order of CPU hotplug, as posted in May 2017", "",
                nullptr, ""},
    VersionInfo{9, "pmus-lock", "PMU registration against hotplug (seed 002)", "", nullptr, ""},
    VersionInfo{10, "hotplug-merged", "the same as it was merged, with perf_online_mask", "",
                nullptr, ""},
    VersionInfo{11, "detached", "detached events, September 2017", "", nullptr, ""},
    VersionInfo{12, "shmem", "buffers pinned in shmem (seed 004)", "", nullptr, ""},
    VersionInfo{13, "state-time", "time accounting of v4.15", "", nullptr, ""},
    VersionInfo{14, "linux-6.1", "what else differs in 6.1", "", nullptr, ""},
    VersionInfo{15, "linux-6.18", "what today's kernel does, as software events show it",
                "ABI-11 ABI-93 SCH-128 SCH-130 SCH-133 SCH-134 SCH-136 SCH-138 SCH-143 LIFE-56 "
                "LIFE-92",
                make_linux_6_18,
                "rescheduling by kind (SCH-131, SCH-132); one context a class, not one a task; "
                "ioctls other than ENABLE, DISABLE, RESET, REFRESH and PERIOD; "
                "throttling, rotation and cgroups as of 2016",
                kSinceInstallScaling},
};

}  // namespace

std::unique_ptr<Base> make_base(World& world, Engine& engine) {
  return std::make_unique<BaseVersion>(world, engine);
}

std::span<const VersionInfo> series() { return kSeries; }

const VersionInfo* find_version(std::string_view name) {
  for (const std::span<const VersionInfo> list : {series(), variants()}) {
    const auto it = std::find_if(list.begin(), list.end(),
                                 [name](const VersionInfo& v) { return v.name == name; });
    if (it != list.end()) return &*it;
  }
  return nullptr;
}

const VersionInfo& version_for_kernel(std::string_view release) {
  int major = 0;
  int minor = 0;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec == std::errc{} && first.ptr != end) std::from_chars(first.ptr + 1, end, minor);
  // 4.15 reworked the time accounting and is nearer to today than to 2016.
  if (major == 0 || major > 4 || (major == 4 && minor >= 15)) return *find_version("linux-6.18");
  return *find_version("task-ctx-sched");
}

}  // namespace reperf::core
