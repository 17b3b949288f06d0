#include "recorder/prerequisites.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "recorder/system.h"

namespace reperf::record {
namespace {

constexpr unsigned kCapSysAdmin = 21;
constexpr unsigned kCapPerfmon = 38;
constexpr unsigned kCapBpf = 39;

Error missing(std::string what) { return Error{ErrorKind::environment, std::move(what), "", 0, 0}; }

}  // namespace

std::string btf_path() {
  const char* const path = std::getenv("REPERF_BTF");
  return path != nullptr && *path != '\0' ? path : "/sys/kernel/btf/vmlinux";
}

unsigned long long effective_capabilities(std::string_view status) {
  constexpr std::string_view kKey = "CapEff:\t";
  const std::size_t at = status.find(kKey);
  if (at == std::string_view::npos) return 0;
  unsigned long long value = 0;
  const char* const begin = status.data() + at + kKey.size();
  std::from_chars(begin, status.data() + status.size(), value, 16);
  return value;
}

bool capabilities_suffice(unsigned long long effective) {
  const auto has = [effective](unsigned cap) { return ((effective >> cap) & 1U) != 0; };
  return has(kCapSysAdmin) || (has(kCapBpf) && has(kCapPerfmon));
}

std::string_view lockdown_mode(std::string_view text) {
  const std::size_t open = text.find('[');
  if (open == std::string_view::npos) return {};
  const std::size_t close = text.find(']', open);
  if (close == std::string_view::npos) return {};
  return text.substr(open + 1, close - open - 1);
}

Result<void> check_prerequisites() {
  if (!capabilities_suffice(effective_capabilities(read_small_file("/proc/self/status")))) {
    return missing("recording needs root, or the capabilities CAP_BPF and CAP_PERFMON; try sudo");
  }
  const std::string btf = btf_path();
  if (::access(btf.c_str(), R_OK) != 0) {
    return missing(
        fmt::format("recording needs the kernel's type information, {}: {}; it comes with "
                    "CONFIG_DEBUG_INFO_BTF",
                    btf, std::strerror(errno)));
  }
  const std::string lockdown = read_small_file("/sys/kernel/security/lockdown");
  if (lockdown_mode(lockdown) == "confidentiality") {
    return missing(
        "recording needs to read kernel memory, and the kernel is locked down in mode "
        "'confidentiality' (/sys/kernel/security/lockdown); mode 'integrity' is enough");
  }
  return {};
}

}  // namespace reperf::record
