#include "traces/text_names.h"

#include <algorithm>
#include <vector>

namespace reperf::log {
namespace {

constexpr Name kPmuTypesTable[] = {
    {"hardware", 0}, {"software", 1}, {"tracepoint", 2},
    {"hw_cache", 3}, {"raw", 4},      {"breakpoint", 5},
};
constexpr Name kHardwareConfigsTable[] = {
    {"cpu-cycles", 0},
    {"instructions", 1},
    {"cache-references", 2},
    {"cache-misses", 3},
    {"branch-instructions", 4},
    {"branch-misses", 5},
    {"bus-cycles", 6},
    {"stalled-cycles-frontend", 7},
    {"stalled-cycles-backend", 8},
    {"ref-cycles", 9},
};
constexpr Name kSoftwareConfigsTable[] = {
    {"cpu-clock", 0},        {"task-clock", 1},
    {"page-faults", 2},      {"context-switches", 3},
    {"cpu-migrations", 4},   {"page-faults-min", 5},
    {"page-faults-maj", 6},  {"alignment-faults", 7},
    {"emulation-faults", 8}, {"dummy", 9},
    {"bpf-output", 10},      {"cgroup-switches", 11},
};
constexpr Name kCachesTable[] = {
    {"l1d", 0}, {"l1i", 1}, {"ll", 2}, {"dtlb", 3}, {"itlb", 4}, {"bpu", 5}, {"node", 6},
};
constexpr Name kCacheOpsTable[] = {
    {"read", 0},
    {"write", 1},
    {"prefetch", 2},
};
constexpr Name kCacheResultsTable[] = {
    {"access", 0},
    {"miss", 1},
};
constexpr Name kSampleTypesTable[] = {
    {"ip", 1ULL << 0},
    {"tid", 1ULL << 1},
    {"time", 1ULL << 2},
    {"addr", 1ULL << 3},
    {"read", 1ULL << 4},
    {"callchain", 1ULL << 5},
    {"id", 1ULL << 6},
    {"cpu", 1ULL << 7},
    {"period", 1ULL << 8},
    {"stream_id", 1ULL << 9},
    {"raw", 1ULL << 10},
    {"branch_stack", 1ULL << 11},
    {"regs_user", 1ULL << 12},
    {"stack_user", 1ULL << 13},
    {"weight", 1ULL << 14},
    {"data_src", 1ULL << 15},
    {"identifier", 1ULL << 16},
    {"transaction", 1ULL << 17},
    {"regs_intr", 1ULL << 18},
    {"phys_addr", 1ULL << 19},
    {"aux", 1ULL << 20},
    {"cgroup", 1ULL << 21},
    {"data_page_size", 1ULL << 22},
    {"code_page_size", 1ULL << 23},
    {"weight_struct", 1ULL << 24},
};
constexpr Name kReadFormatsTable[] = {
    {"enabled", 1ULL << 0}, {"running", 1ULL << 1}, {"id", 1ULL << 2},
    {"group", 1ULL << 3},   {"lost", 1ULL << 4},
};
constexpr Name kAttrFlagsTable[] = {
    {"disabled", 1ULL << 0},
    {"inherit", 1ULL << 1},
    {"pinned", 1ULL << 2},
    {"exclusive", 1ULL << 3},
    {"exclude_user", 1ULL << 4},
    {"exclude_kernel", 1ULL << 5},
    {"exclude_hv", 1ULL << 6},
    {"exclude_idle", 1ULL << 7},
    {"mmap", 1ULL << 8},
    {"comm", 1ULL << 9},
    {"freq", 1ULL << 10},
    {"inherit_stat", 1ULL << 11},
    {"enable_on_exec", 1ULL << 12},
    {"task", 1ULL << 13},
    {"watermark", 1ULL << 14},
    {"mmap_data", 1ULL << 17},
    {"sample_id_all", 1ULL << 18},
    {"exclude_host", 1ULL << 19},
    {"exclude_guest", 1ULL << 20},
    {"exclude_callchain_kernel", 1ULL << 21},
    {"exclude_callchain_user", 1ULL << 22},
    {"mmap2", 1ULL << 23},
    {"comm_exec", 1ULL << 24},
    {"use_clockid", 1ULL << 25},
    {"context_switch", 1ULL << 26},
    {"write_backward", 1ULL << 27},
    {"namespaces", 1ULL << 28},
    {"ksymbol", 1ULL << 29},
    {"bpf_event", 1ULL << 30},
    {"aux_output", 1ULL << 31},
    {"cgroup", 1ULL << 32},
    {"text_poke", 1ULL << 33},
    {"build_id", 1ULL << 34},
    {"inherit_thread", 1ULL << 35},
    {"remove_on_exec", 1ULL << 36},
    {"sigtrap", 1ULL << 37},
};
constexpr Name kBranchTypesTable[] = {
    {"user", 1ULL << 0},       {"kernel", 1ULL << 1},     {"hv", 1ULL << 2},
    {"any", 1ULL << 3},        {"any_call", 1ULL << 4},   {"any_return", 1ULL << 5},
    {"ind_call", 1ULL << 6},   {"abort_tx", 1ULL << 7},   {"in_tx", 1ULL << 8},
    {"no_tx", 1ULL << 9},      {"cond", 1ULL << 10},      {"call_stack", 1ULL << 11},
    {"ind_jump", 1ULL << 12},  {"call", 1ULL << 13},      {"no_flags", 1ULL << 14},
    {"no_cycles", 1ULL << 15}, {"type_save", 1ULL << 16}, {"hw_index", 1ULL << 17},
    {"priv_save", 1ULL << 18}, {"counters", 1ULL << 19},
};
constexpr Name kBreakpointTypesTable[] = {
    {"r", 1ULL << 0},
    {"w", 1ULL << 1},
    {"x", 1ULL << 2},
};
constexpr Name kAuxActionsTable[] = {
    {"start_paused", 1ULL << 0},
    {"pause", 1ULL << 1},
    {"resume", 1ULL << 2},
};
constexpr Name kClockIdsTable[] = {
    {"realtime", 0}, {"monotonic", 1}, {"monotonic_raw", 4}, {"boottime", 7}, {"tai", 11},
};
constexpr Name kOpenFlagsTable[] = {
    {"no_group", 1ULL << 0},
    {"output", 1ULL << 1},
    {"pid_cgroup", 1ULL << 2},
    {"cloexec", 1ULL << 3},
};
constexpr Name kIoctlsTable[] = {
    {"ENABLE", 0x2400},         {"DISABLE", 0x2401},
    {"REFRESH", 0x2402},        {"RESET", 0x2403},
    {"PERIOD", 0x40082404},     {"SET_OUTPUT", 0x2405},
    {"SET_FILTER", 0x40082406}, {"ID", 0x80082407},
    {"SET_BPF", 0x40042408},    {"PAUSE_OUTPUT", 0x40042409},
    {"QUERY_BPF", 0xc008240a},  {"MODIFY_ATTRIBUTES", 0x4008240b},
};
constexpr Name kErrnosTable[] = {
    {"EPERM", 1},
    {"ENOENT", 2},
    {"ESRCH", 3},
    {"EINTR", 4},
    {"EIO", 5},
    {"ENXIO", 6},
    {"E2BIG", 7},
    {"ENOEXEC", 8},
    {"EBADF", 9},
    {"ECHILD", 10},
    {"EAGAIN", 11},
    {"ENOMEM", 12},
    {"EACCES", 13},
    {"EFAULT", 14},
    {"ENOTBLK", 15},
    {"EBUSY", 16},
    {"EEXIST", 17},
    {"EXDEV", 18},
    {"ENODEV", 19},
    {"ENOTDIR", 20},
    {"EISDIR", 21},
    {"EINVAL", 22},
    {"ENFILE", 23},
    {"EMFILE", 24},
    {"ENOTTY", 25},
    {"ETXTBSY", 26},
    {"EFBIG", 27},
    {"ENOSPC", 28},
    {"ESPIPE", 29},
    {"EROFS", 30},
    {"EMLINK", 31},
    {"EPIPE", 32},
    {"EDOM", 33},
    {"ERANGE", 34},
    {"EDEADLK", 35},
    {"ENAMETOOLONG", 36},
    {"ENOLCK", 37},
    {"ENOSYS", 38},
    {"ENOTEMPTY", 39},
    {"ELOOP", 40},
    {"ENOMSG", 42},
    {"EIDRM", 43},
    {"ECHRNG", 44},
    {"EL2NSYNC", 45},
    {"EL3HLT", 46},
    {"EL3RST", 47},
    {"ELNRNG", 48},
    {"EUNATCH", 49},
    {"ENOCSI", 50},
    {"EL2HLT", 51},
    {"EBADE", 52},
    {"EBADR", 53},
    {"EXFULL", 54},
    {"ENOANO", 55},
    {"EBADRQC", 56},
    {"EBADSLT", 57},
    {"EBFONT", 59},
    {"ENOSTR", 60},
    {"ENODATA", 61},
    {"ETIME", 62},
    {"ENOSR", 63},
    {"ENONET", 64},
    {"ENOPKG", 65},
    {"EREMOTE", 66},
    {"ENOLINK", 67},
    {"EADV", 68},
    {"ESRMNT", 69},
    {"ECOMM", 70},
    {"EPROTO", 71},
    {"EMULTIHOP", 72},
    {"EDOTDOT", 73},
    {"EBADMSG", 74},
    {"EOVERFLOW", 75},
    {"ENOTUNIQ", 76},
    {"EBADFD", 77},
    {"EREMCHG", 78},
    {"ELIBACC", 79},
    {"ELIBBAD", 80},
    {"ELIBSCN", 81},
    {"ELIBMAX", 82},
    {"ELIBEXEC", 83},
    {"EILSEQ", 84},
    {"ERESTART", 85},
    {"ESTRPIPE", 86},
    {"EUSERS", 87},
    {"ENOTSOCK", 88},
    {"EDESTADDRREQ", 89},
    {"EMSGSIZE", 90},
    {"EPROTOTYPE", 91},
    {"ENOPROTOOPT", 92},
    {"EPROTONOSUPPORT", 93},
    {"ESOCKTNOSUPPORT", 94},
    {"EOPNOTSUPP", 95},
    {"EPFNOSUPPORT", 96},
    {"EAFNOSUPPORT", 97},
    {"EADDRINUSE", 98},
    {"EADDRNOTAVAIL", 99},
    {"ENETDOWN", 100},
    {"ENETUNREACH", 101},
    {"ENETRESET", 102},
    {"ECONNABORTED", 103},
    {"ECONNRESET", 104},
    {"ENOBUFS", 105},
    {"EISCONN", 106},
    {"ENOTCONN", 107},
    {"ESHUTDOWN", 108},
    {"ETOOMANYREFS", 109},
    {"ETIMEDOUT", 110},
    {"ECONNREFUSED", 111},
    {"EHOSTDOWN", 112},
    {"EHOSTUNREACH", 113},
    {"EALREADY", 114},
    {"EINPROGRESS", 115},
    {"ESTALE", 116},
    {"EUCLEAN", 117},
    {"ENOTNAM", 118},
    {"ENAVAIL", 119},
    {"EISNAM", 120},
    {"EREMOTEIO", 121},
    {"EDQUOT", 122},
    {"ENOMEDIUM", 123},
    {"EMEDIUMTYPE", 124},
    {"ECANCELED", 125},
    {"ENOKEY", 126},
    {"EKEYEXPIRED", 127},
    {"EKEYREVOKED", 128},
    {"EKEYREJECTED", 129},
    {"EOWNERDEAD", 130},
    {"ENOTRECOVERABLE", 131},
    {"ERFKILL", 132},
    {"EHWPOISON", 133},
};
constexpr Name kCapabilitiesTable[] = {
    {"chown", 1ULL << 0},
    {"dac_override", 1ULL << 1},
    {"dac_read_search", 1ULL << 2},
    {"fowner", 1ULL << 3},
    {"fsetid", 1ULL << 4},
    {"kill", 1ULL << 5},
    {"setgid", 1ULL << 6},
    {"setuid", 1ULL << 7},
    {"setpcap", 1ULL << 8},
    {"linux_immutable", 1ULL << 9},
    {"net_bind_service", 1ULL << 10},
    {"net_broadcast", 1ULL << 11},
    {"net_admin", 1ULL << 12},
    {"net_raw", 1ULL << 13},
    {"ipc_lock", 1ULL << 14},
    {"ipc_owner", 1ULL << 15},
    {"sys_module", 1ULL << 16},
    {"sys_rawio", 1ULL << 17},
    {"sys_chroot", 1ULL << 18},
    {"sys_ptrace", 1ULL << 19},
    {"sys_pacct", 1ULL << 20},
    {"sys_admin", 1ULL << 21},
    {"sys_boot", 1ULL << 22},
    {"sys_nice", 1ULL << 23},
    {"sys_resource", 1ULL << 24},
    {"sys_time", 1ULL << 25},
    {"sys_tty_config", 1ULL << 26},
    {"mknod", 1ULL << 27},
    {"lease", 1ULL << 28},
    {"audit_write", 1ULL << 29},
    {"audit_control", 1ULL << 30},
    {"setfcap", 1ULL << 31},
    {"mac_override", 1ULL << 32},
    {"mac_admin", 1ULL << 33},
    {"syslog", 1ULL << 34},
    {"wake_alarm", 1ULL << 35},
    {"block_suspend", 1ULL << 36},
    {"audit_read", 1ULL << 37},
    {"perfmon", 1ULL << 38},
    {"bpf", 1ULL << 39},
    {"checkpoint_restore", 1ULL << 40},
};
constexpr Name kKindNamesTable[] = {
    {"sched_switch", 1},
    {"sched_migrate_task", 2},
    {"sched_process_fork", 3},
    {"sched_process_exec", 4},
    {"sched_process_exit", 5},
    {"perf_event_open", 6},
    {"ioctl", 7},
    {"read", 8},
    {"close", 9},
    {"release", 10},
    {"prctl", 11},
    {"cpu_down", 12},
    {"cpu_up", 13},
    {"cgroup_mkdir", 14},
    {"cgroup_attach_task", 15},
    {"overflow", 16},
    {"tick", 17},
    {"kernel_counter", 18},
    {"perf_event_open_ret", 32},
    {"ioctl_ret", 33},
    {"read_ret", 34},
    {"close_ret", 35},
    {"prctl_ret", 36},
    {"kernel_counter_ret", 37},
    {"snapshot_begin", 64},
    {"snapshot_cpu", 65},
    {"snapshot_task", 66},
    {"snapshot_event", 67},
    {"snapshot_end", 68},
    {"filtered", 69},
    {"lost", 70},
    {"finish", 71},
    {"hold", 96},
    {"resume", 97},
    {"queue", 98},
    {"deliver", 99},
    {"defer", 100},
    {"run_work", 101},
};
constexpr Name kTaskStatesTable[] = {
    {"S", 1ULL << 0}, {"D", 1ULL << 1}, {"T", 1ULL << 2}, {"t", 1ULL << 3},
    {"X", 1ULL << 4}, {"Z", 1ULL << 5}, {"P", 1ULL << 6}, {"I", 1ULL << 7},
};
constexpr Name kEventStatesTable[] = {
    {"ACTIVE", 1}, {"INACTIVE", 0}, {"OFF", 0xff}, {"ERROR", 0xfe}, {"EXIT", 0xfd},
};
constexpr Name kAttrSourcesTable[] = {
    {"enter", 0},
    {"exit", 1},
    {"missing", 2},
};
constexpr Name kReleaseBysTable[] = {
    {"close", 0},
    {"exit", 1},
    {"other", 2},
};
constexpr Name kPrctlOpsTable[] = {
    {"DISABLE", 31},
    {"ENABLE", 32},
};
constexpr Name kFilterClassesTable[] = {
    {"sched_switch", 0},
    {"sched_migrate_task", 1},
};
constexpr Name kLossCausesTable[] = {
    {"ring_full", 0}, {"recursion", 1}, {"unreadable", 2}, {"table_full", 3}, {"disk", 4},
};
constexpr Name kFinishReasonsTable[] = {
    {"command_exited", 0},
    {"interrupted", 1},
    {"target_exited", 2},
    {"error", 3},
};
constexpr Name kOriginsTable[] = {
    {"scenario", 0},
    {"recording", 1},
};
constexpr Name kScopesTable[] = {
    {"none", 0},
    {"command", 1},
    {"process", 2},
    {"system", 3},
};

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

const Names kPmuTypes = kPmuTypesTable;
const Names kHardwareConfigs = kHardwareConfigsTable;
const Names kSoftwareConfigs = kSoftwareConfigsTable;
const Names kCaches = kCachesTable;
const Names kCacheOps = kCacheOpsTable;
const Names kCacheResults = kCacheResultsTable;
const Names kSampleTypes = kSampleTypesTable;
const Names kReadFormats = kReadFormatsTable;
const Names kAttrFlags = kAttrFlagsTable;
const Names kBranchTypes = kBranchTypesTable;
const Names kBreakpointTypes = kBreakpointTypesTable;
const Names kAuxActions = kAuxActionsTable;
const Names kClockIds = kClockIdsTable;
const Names kOpenFlags = kOpenFlagsTable;
const Names kIoctls = kIoctlsTable;
const Names kErrnos = kErrnosTable;
const Names kCapabilities = kCapabilitiesTable;
const Names kKindNames = kKindNamesTable;
const Names kTaskStates = kTaskStatesTable;
const Names kEventStates = kEventStatesTable;
const Names kAttrSources = kAttrSourcesTable;
const Names kReleaseBys = kReleaseBysTable;
const Names kFilterClasses = kFilterClassesTable;
const Names kPrctlOps = kPrctlOpsTable;
const Names kLossCauses = kLossCausesTable;
const Names kFinishReasons = kFinishReasonsTable;
const Names kOrigins = kOriginsTable;
const Names kScopes = kScopesTable;

std::string_view name_of(Names names, std::uint64_t value) {
  const auto found = std::ranges::find(names, value, &Name::value);
  return found == names.end() ? std::string_view() : found->name;
}

const Name* find_name(Names names, std::string_view name) {
  const auto found = std::ranges::find(names, name, &Name::name);
  return found == names.end() ? nullptr : &*found;
}

std::string suggestion(Names names, std::string_view wrong) {
  // Nothing in the tables is this long, and the distance takes quadratic time.
  constexpr std::size_t kLongest = 64;
  const Name* best = nullptr;
  std::size_t best_distance = 3;
  for (const Name& candidate : names) {
    if (wrong.size() > kLongest) break;
    const std::size_t d = distance(wrong, candidate.name);
    if (d >= best_distance || d >= candidate.name.size()) continue;
    best = &candidate;
    best_distance = d;
  }
  if (best != nullptr) return "; did you mean '" + std::string(best->name) + "'?";
  std::string out = "; known: ";
  for (const Name& name : names) {
    if (&name != names.data()) out += ", ";
    out += name.name;
  }
  return out;
}

}  // namespace reperf::log
