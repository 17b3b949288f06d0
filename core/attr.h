// struct perf_event_attr and its constants, decoded from the bytes that user space passed.
// Layout: ABI-7, ABI-8, ABI-9. Names are those of the uapi header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace reperf::core {

inline constexpr std::uint32_t PERF_ATTR_SIZE_VER0 = 64;
inline constexpr std::uint32_t kAttrBytesMax = 136;  // the newest layout known here (6.18)

enum perf_type_id : std::uint32_t {
  PERF_TYPE_HARDWARE = 0,
  PERF_TYPE_SOFTWARE = 1,
  PERF_TYPE_TRACEPOINT = 2,
  PERF_TYPE_HW_CACHE = 3,
  PERF_TYPE_RAW = 4,
  PERF_TYPE_BREAKPOINT = 5,
};

enum perf_sw_ids : std::uint64_t {
  PERF_COUNT_SW_CPU_CLOCK = 0,
  PERF_COUNT_SW_TASK_CLOCK = 1,
  PERF_COUNT_SW_PAGE_FAULTS = 2,
  PERF_COUNT_SW_CONTEXT_SWITCHES = 3,
  PERF_COUNT_SW_CPU_MIGRATIONS = 4,
  PERF_COUNT_SW_PAGE_FAULTS_MIN = 5,
  PERF_COUNT_SW_PAGE_FAULTS_MAJ = 6,
  PERF_COUNT_SW_ALIGNMENT_FAULTS = 7,
  PERF_COUNT_SW_EMULATION_FAULTS = 8,
  PERF_COUNT_SW_DUMMY = 9,
  PERF_COUNT_SW_BPF_OUTPUT = 10,
  PERF_COUNT_SW_CGROUP_SWITCHES = 11,
};
inline constexpr std::size_t kSwIds = 12;

enum perf_event_read_format : std::uint64_t {
  PERF_FORMAT_TOTAL_TIME_ENABLED = 1,
  PERF_FORMAT_TOTAL_TIME_RUNNING = 2,
  PERF_FORMAT_ID = 4,
  PERF_FORMAT_GROUP = 8,
  PERF_FORMAT_LOST = 16,
};

enum perf_event_sample_format : std::uint64_t {
  PERF_SAMPLE_TID = 1U << 1,
  PERF_SAMPLE_READ = 1U << 4,
  PERF_SAMPLE_CALLCHAIN = 1U << 5,
  PERF_SAMPLE_BRANCH_STACK = 1U << 11,
  PERF_SAMPLE_REGS_USER = 1U << 12,
  PERF_SAMPLE_STACK_USER = 1U << 13,
  PERF_SAMPLE_WEIGHT = 1U << 14,
  PERF_SAMPLE_REGS_INTR = 1U << 18,
  PERF_SAMPLE_PHYS_ADDR = 1U << 19,
  PERF_SAMPLE_WEIGHT_STRUCT = 1U << 24,
};

enum perf_event_open_flags : std::uint64_t {
  PERF_FLAG_FD_NO_GROUP = 1,
  PERF_FLAG_FD_OUTPUT = 2,
  PERF_FLAG_PID_CGROUP = 4,
  PERF_FLAG_FD_CLOEXEC = 8,
};

enum perf_event_ioctl : std::uint32_t {
  PERF_EVENT_IOC_ENABLE = 0x2400,
  PERF_EVENT_IOC_DISABLE = 0x2401,
  PERF_EVENT_IOC_REFRESH = 0x2402,
  PERF_EVENT_IOC_RESET = 0x2403,
  PERF_EVENT_IOC_SET_OUTPUT = 0x2405,
  PERF_EVENT_IOC_PERIOD = 0x40082404,
  PERF_EVENT_IOC_SET_FILTER = 0x40082406,
  PERF_EVENT_IOC_SET_BPF = 0x40042408,
  PERF_EVENT_IOC_PAUSE_OUTPUT = 0x40042409,
  PERF_EVENT_IOC_ID = 0x80082407,
  PERF_EVENT_IOC_QUERY_BPF = 0xc008240a,
  PERF_EVENT_IOC_MODIFY_ATTRIBUTES = 0x4008240b,
};
inline constexpr std::uint64_t PERF_IOC_FLAG_GROUP = 1;

// The flag word at offset 40, bit numbers.
enum class AttrBit : std::uint8_t {
  disabled = 0,
  inherit = 1,
  pinned = 2,
  exclusive = 3,
  exclude_user = 4,
  exclude_kernel = 5,
  exclude_hv = 6,
  exclude_idle = 7,
  freq = 10,
  inherit_stat = 11,
  enable_on_exec = 12,
  exclude_host = 19,
  exclude_guest = 20,
  use_clockid = 25,
  context_switch = 26,
  namespaces = 28,
  aux_output = 31,
  inherit_thread = 35,
  remove_on_exec = 36,
  sigtrap = 37,
};

struct perf_event_attr {
  std::uint32_t type = 0;
  std::uint32_t size = 0;
  std::uint64_t config = 0;
  std::uint64_t sample_period = 0;  // or sample_freq
  std::uint64_t sample_type = 0;
  std::uint64_t read_format = 0;
  std::uint64_t flags = 0;
  std::uint32_t bp_type = 0;
  std::uint64_t config1 = 0;  // bp_addr
  std::uint64_t config2 = 0;  // bp_len
  std::uint64_t branch_sample_type = 0;
  std::uint64_t sample_regs_user = 0;
  std::uint32_t sample_stack_user = 0;
  std::int32_t clockid = 0;
  std::uint64_t sample_regs_intr = 0;
  std::uint16_t sample_max_stack = 0;
  std::uint16_t reserved_2 = 0;
  std::uint32_t aux_sample_size = 0;
  std::uint32_t aux_action = 0;

  [[nodiscard]] bool has(AttrBit bit) const {
    return ((flags >> static_cast<unsigned>(bit)) & 1U) != 0;
  }
  void clear(AttrBit bit) { flags &= ~(std::uint64_t{1} << static_cast<unsigned>(bit)); }

  [[nodiscard]] bool disabled() const { return has(AttrBit::disabled); }
  [[nodiscard]] bool inherit() const { return has(AttrBit::inherit); }
  [[nodiscard]] bool pinned() const { return has(AttrBit::pinned); }
  [[nodiscard]] bool exclusive() const { return has(AttrBit::exclusive); }
  [[nodiscard]] bool sampling() const { return sample_period != 0; }
  // sample_period is a frequency that the kernel aims at.
  [[nodiscard]] bool frequency() const { return has(AttrBit::freq) && sample_period != 0; }

  friend bool operator==(const perf_event_attr&, const perf_event_attr&) = default;
};

// Fields beyond the bytes given read as zero (ABI-3). `size` is taken as it stands there.
[[nodiscard]] perf_event_attr decode_attr(std::span<const std::byte> bytes);

}  // namespace reperf::core
