#include "recorder/machine.h"

#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "recorder/system.h"

namespace reperf::record {
namespace {

// gzread() also reads plain files.
std::string read_config(const std::string& path) {
  std::string text;
  const gzFile file = ::gzopen(path.c_str(), "rbe");
  if (file == nullptr) return text;
  std::array<char, 16384> buffer;
  for (;;) {
    const int n = ::gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()));
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::gzclose(file);
  return text;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void describe_pmus(std::vector<log::Pmu>& pmus) {
  const std::string directory = "/sys/bus/event_source/devices";
  for (const std::string& name : names_in(directory)) {
    std::int64_t type = 0;
    if (!parse_number(read_small_file(directory + "/" + name + "/type"), type)) continue;
    pmus.push_back(log::Pmu{name, static_cast<std::uint32_t>(type)});
  }
}

void describe_sysctls(std::vector<log::Sysctl>& sysctls) {
  const std::string directory = "/proc/sys/kernel";
  for (const std::string& name : names_in(directory)) {
    std::int64_t value = 0;
    if (!is_perf_sysctl(name)) continue;
    if (!parse_number(read_small_file(directory + "/" + name), value)) continue;
    sysctls.push_back(log::Sysctl{name, value});
  }
}

}  // namespace

bool parse_number(std::string_view text, std::int64_t& value) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

bool is_perf_sysctl(std::string_view name) {
  return name.starts_with("perf_event_") || name == "perf_cpu_time_max_percent";
}

std::uint32_t parse_config_hz(std::string_view config) {
  constexpr std::string_view kKey = "CONFIG_HZ=";
  for (std::size_t at = 0; at < config.size();) {
    const std::size_t end = std::min(config.find('\n', at), config.size());
    const std::string_view line = config.substr(at, end - at);
    std::int64_t value = 0;
    if (line.starts_with(kKey) && parse_number(line.substr(kKey.size()), value) && value > 0) {
      return static_cast<std::uint32_t>(value);
    }
    at = end + 1;
  }
  return 0;
}

void describe_machine(log::Header& header) {
  utsname name{};
  if (::uname(&name) == 0) {
    header.release = name.release;
    header.version = name.version;
    header.machine = name.machine;
  }
  const auto possible = parse_cpu_list(read_small_file("/sys/devices/system/cpu/possible")).size();
  header.cpus = static_cast<std::uint32_t>(possible);
  header.hz = parse_config_hz(read_config("/proc/config.gz"));
  if (header.hz == 0) header.hz = parse_config_hz(read_config("/boot/config-" + header.release));
  describe_pmus(header.pmus);
  describe_sysctls(header.sysctls);
}

}  // namespace reperf::record
