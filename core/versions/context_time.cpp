#include "core/versions/context_time.h"

#include <array>

#include "core/versions/series.h"

namespace reperf::core {

namespace {

template <class Version>
std::unique_ptr<Base> make(World& world, Engine& engine) {
  return std::make_unique<Version>(world, engine);
}

// Short names, to be read from the inside: what is stacked on what.
template <class B>
using D4 = D4InstallTime<B>;
template <class B>
using D5 = D5KeySync<B>;
template <class B>
using D6 = D6StateAfterDel<B>;
template <class B>
using D7 = D7EventTime<B>;
template <class B>
using D8 = D8EnableTime<B>;
template <class B>
using D9 = D9ExecTime<B>;
template <class B>
using D10 = D10InstallLock<B>;
using Bottom = DeltaBodies;

constexpr std::string_view kOne = "child-cleanup-merged and one delta of context-time";
constexpr std::string_view kAllButOne = "context-time without one delta";

constexpr std::array kVariants{
    VersionInfo{5, "child-cleanup-merged+D4", kOne, "SCH-84", make<D4<Bottom>>, ""},
    VersionInfo{5, "child-cleanup-merged+D5", kOne, "SCH-63", make<D5<Bottom>>, ""},
    VersionInfo{5, "child-cleanup-merged+D6", kOne, "SCH-33", make<D6<Bottom>>, ""},
    VersionInfo{5, "child-cleanup-merged+D7", kOne, "SCH-38 SCH-46 SCH-48", make<D7<Bottom>>, ""},
    VersionInfo{5, "child-cleanup-merged+D8", kOne, "SCH-38 SCH-46 SCH-48 SCH-98",
                make<D8<D7<Bottom>>>, ""},
    VersionInfo{5, "child-cleanup-merged+D9", kOne, "SCH-38 SCH-46 SCH-48 SCH-101",
                make<D9<D7<Bottom>>>, ""},
    VersionInfo{5, "child-cleanup-merged+D10", kOne, "SCH-85", make<D10<Bottom>>, ""},
    VersionInfo{6, "context-time-D4", kAllButOne,
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-63 SCH-85 "
                "SCH-98 SCH-101",
                make<D10<D9<D8<D7<D6<D5<Bottom>>>>>>>, ""},
    VersionInfo{6, "context-time-D5", kAllButOne,
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-84 SCH-85 "
                "SCH-98 SCH-101",
                make<D10<D9<D8<D7<D6<D4<Bottom>>>>>>>, ""},
    VersionInfo{6, "context-time-D6", kAllButOne,
                "SCH-38 SCH-46 SCH-48 SCH-63 SCH-84 SCH-85 "
                "SCH-98 SCH-101",
                make<D10<D9<D8<D7<D5<D4<Bottom>>>>>>>, ""},
    VersionInfo{6, "context-time-D7", kAllButOne, "SCH-33 SCH-63 SCH-84 SCH-85",
                make<D10<D6<D5<D4<Bottom>>>>>, ""},
    VersionInfo{6, "context-time-D8", kAllButOne,
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-63 SCH-84 "
                "SCH-85 SCH-101",
                make<D10<D9<D7<D6<D5<D4<Bottom>>>>>>>, ""},
    VersionInfo{6, "context-time-D9", kAllButOne,
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-63 SCH-84 "
                "SCH-85 SCH-98",
                make<D10<D8<D7<D6<D5<D4<Bottom>>>>>>>, ""},
    VersionInfo{6, "context-time-D10", kAllButOne,
                "SCH-33 SCH-38 SCH-46 SCH-48 SCH-63 SCH-84 "
                "SCH-98 SCH-101",
                make<D9<D8<D7<D6<D5<D4<Bottom>>>>>>>, ""},
};

}  // namespace

std::span<const VersionInfo> variants() { return kVariants; }

std::unique_ptr<Base> make_context_time(World& world, Engine& engine) {
  return make<ContextTime>(world, engine);
}

}  // namespace reperf::core
