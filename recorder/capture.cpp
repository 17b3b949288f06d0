#include "recorder/capture.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <reperf.skel.h>

#include "recorder/prerequisites.h"
#include "recorder/system.h"

namespace reperf::record {
namespace {

// What libbpf said last; its callback has no context argument.
struct LibbpfTalk {
  bool verbose = false;
  std::string first_warning;
};

LibbpfTalk& libbpf_talk() {
  static LibbpfTalk talk;
  return talk;
}

int on_libbpf_print(libbpf_print_level level, const char* format, va_list arguments) {
  std::array<char, 4096> line{};
  LibbpfTalk& talk = libbpf_talk();
  if (level == LIBBPF_DEBUG) return 0;
  std::vsnprintf(line.data(), line.size(), format, arguments);
  if (talk.verbose) std::fputs(line.data(), stderr);
  if (level == LIBBPF_WARN && talk.first_warning.empty()) {
    const std::string_view text(line.data());
    talk.first_warning = text.substr(0, text.find('\n'));
  }
  return 0;
}

Error libbpf_error(std::string_view what, int error_number) {
  Error error = system_error(what, error_number < 0 ? -error_number : error_number);
  const std::string& warning = libbpf_talk().first_warning;
  if (!warning.empty()) error.what += fmt::format(" ({})", warning);
  return error;
}

UniqueFd open_event(std::uint64_t config, pid_t pid, int cpu) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof(attr);
  attr.config = config;
  attr.disabled = 1;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

void set_calls(std::uint8_t* calls) {
  const auto set = [calls](long number, reperf_call call) {
    if (number >= 0 && number < REPERF_MAX_SYSCALLS)
      calls[number] = static_cast<std::uint8_t>(call);
  };
  set(SYS_perf_event_open, REPERF_CALL_OPEN);
  set(SYS_ioctl, REPERF_CALL_IOCTL);
  set(SYS_read, REPERF_CALL_READ);
  set(SYS_close, REPERF_CALL_CLOSE);
#ifdef SYS_dup2
  set(SYS_dup2, REPERF_CALL_DUP2);
#endif
  set(SYS_dup3, REPERF_CALL_DUP2);
  set(SYS_close_range, REPERF_CALL_CLOSE_RANGE);
  set(SYS_munmap, REPERF_CALL_MUNMAP);
  set(SYS_execve, REPERF_CALL_EXEC);
  set(SYS_execveat, REPERF_CALL_EXEC);
}

// One descriptor per CPU is open during the calibration.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Values of reperf.bpf.c's enum snapshot_pass.
enum Pass : std::uint32_t { kFindTarget = 0, kMarkScope = 1, kOriginals = 2, kCopies = 3 };

}  // namespace

std::uint64_t ring_size(std::uint64_t bytes) {
  return std::bit_ceil(std::clamp(bytes, kMinRingBytes, kMaxRingBytes));
}

struct Capture::Impl {
  reperf_bpf* skeleton = nullptr;
  ring_buffer* ring = nullptr;
  RawRecord take;
  std::size_t budget = 0;

  ~Impl() {
    if (ring != nullptr) ring_buffer__free(ring);
    if (skeleton != nullptr) reperf_bpf__destroy(skeleton);
  }

  static int on_sample(void* context, void* data, std::size_t size) {
    auto* const self = static_cast<Impl*>(context);
    self->take({static_cast<const std::byte*>(data), size});
    // A negative value ends the round; the record counts as consumed.
    if (self->budget-- <= 1) return -ECANCELED;
    return 0;
  }

  Result<void> run_iterator(bpf_program* program, const char* name) {
    bpf_link* const link = bpf_program__attach_iter(program, nullptr);
    if (link == nullptr) return libbpf_error(fmt::format("starting the iterator {}", name), errno);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(link)));
    const int create_errno = errno;
    bpf_link__destroy(link);
    if (!iterator.valid()) return libbpf_error(fmt::format("iterator {}", name), create_errno);
    std::array<char, 256> nothing;
    for (;;) {
      const ssize_t n = ::read(iterator.get(), nothing.data(), nothing.size());
      // EAGAIN: the kernel takes a break after a million objects.
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (n < 0) return libbpf_error(fmt::format("iterator {}", name), errno);
      if (n == 0) return {};
    }
  }
};

Capture::Capture(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Capture::~Capture() = default;

Result<std::unique_ptr<Capture>> Capture::load(const Options& options, RawRecord take) {
  libbpf_talk() = LibbpfTalk{options.verbose, {}};
  libbpf_set_print(on_libbpf_print);
  auto impl = std::make_unique<Impl>();
  impl->take = std::move(take);
  impl->skeleton = reperf_bpf__open();
  if (impl->skeleton == nullptr) return libbpf_error("opening the BPF programs", errno);

  reperf_bpf& skeleton = *impl->skeleton;
  const std::uint64_t bytes = ring_size(options.ring_bytes);
  bpf_map__set_max_entries(skeleton.maps.ring, static_cast<std::uint32_t>(bytes));
  skeleton.rodata->system_wide = options.system_wide ? 1 : 0;
  skeleton.rodata->all_switches = options.all_switches ? 1 : 0;
  skeleton.rodata->wakeup_at = bytes / 4;
  set_calls(skeleton.rodata->call_of_syscall);
  for (bpf_program* iterator :
       {skeleton.progs.calibrate, skeleton.progs.snapshot_tasks, skeleton.progs.snapshot_files}) {
    bpf_program__set_autoattach(iterator, false);
  }
  const int error = reperf_bpf__load(impl->skeleton);
  if (error != 0) return libbpf_error("the kernel does not take the BPF programs", error);

  impl->ring =
      ring_buffer__new(bpf_map__fd(skeleton.maps.ring), Impl::on_sample, impl.get(), nullptr);
  if (impl->ring == nullptr) return libbpf_error("mapping the ring buffer", errno);
  return std::unique_ptr<Capture>(new Capture(std::move(impl)));
}

Result<KernelFacts> Capture::calibrate() {
  reperf_bpf& skeleton = *impl_->skeleton;
  raise_descriptor_limit();
  std::vector<UniqueFd> events;
  std::array<std::uint64_t, 2> clocks = {PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_TASK_CLOCK};
  for (std::size_t i = 0; i < clocks.size(); ++i) {
    events.push_back(open_event(clocks.at(i), 0, -1));
    skeleton.data->clock_fd[i] = events.back().get();
  }
  UniqueFd any = open_event(PERF_COUNT_SW_DUMMY, 0, -1);
  if (!any.valid()) return system_error("opening a perf event for the calibration", errno);
  skeleton.data->calibration_fd = any.get();
  events.push_back(std::move(any));
  // A CPU that goes offline in between is left unknown: all of its switches are recorded then.
  for (const std::uint32_t cpu : online_cpus()) {
    events.push_back(open_event(PERF_COUNT_SW_DUMMY, -1, static_cast<int>(cpu)));
  }
  // Once to learn perf_fops, once more for the descriptors that came before that one.
  for (int round = 0; round < 2; ++round) {
    REPERF_TRY(impl_->run_iterator(skeleton.progs.calibrate, "calibrate"));
  }
  if (skeleton.bss->perf_fops == 0) {
    return Error{ErrorKind::environment,
                 "the calibration did not find its own perf event among its descriptors", "", 0, 0};
  }
  KernelFacts facts;
  facts.attr_size = skeleton.bss->attr_size;
  facts.state_exit = skeleton.bss->state_exit;
  facts.state_dead = skeleton.bss->state_dead;
  for (std::size_t i = 0; i < clocks.size(); ++i) {
    const auto& name = skeleton.bss->clock_name[i];
    const std::string text(name, ::strnlen(name, sizeof(name)));
    if (text.empty()) continue;
    facts.clock_pmus.push_back(log::Pmu{text, skeleton.bss->clock_type[i]});
  }
  return facts;
}

Result<void> Capture::attach() {
  const int error = reperf_bpf__attach(impl_->skeleton);
  if (error != 0) return libbpf_error("attaching the BPF programs", error);
  return {};
}

Result<void> Capture::find_scope(pid_t pid) {
  reperf_bpf& skeleton = *impl_->skeleton;
  skeleton.bss->target_pid = pid;
  skeleton.bss->snapshot_pass = kFindTarget;
  REPERF_TRY(impl_->run_iterator(skeleton.progs.snapshot_tasks, "snapshot_tasks"));
  if (skeleton.bss->target_tgid == 0) {
    return Error{ErrorKind::environment, fmt::format("process {} is gone", pid), "", 0, 0};
  }
  skeleton.bss->snapshot_pass = kMarkScope;
  // Twice: a child forked by a task that was not marked yet may have a number that the first
  // round had passed already.
  for (int round = 0; round < 2; ++round) {
    REPERF_TRY(impl_->run_iterator(skeleton.progs.snapshot_tasks, "snapshot_tasks"));
  }
  return {};
}

Result<void> Capture::snapshot() {
  reperf_bpf& skeleton = *impl_->skeleton;
  for (const Pass pass : {kOriginals, kCopies}) {
    skeleton.bss->snapshot_pass = pass;
    REPERF_TRY(impl_->run_iterator(skeleton.progs.snapshot_tasks, "snapshot_tasks"));
  }
  return impl_->run_iterator(skeleton.progs.snapshot_files, "snapshot_files");
}

bool Capture::consume(std::size_t max_records) {
  impl_->budget = max_records;
  // Before looking, so that a wakeup for what comes after is not swallowed.
  __atomic_store_n(&impl_->skeleton->bss->reader_woken, 0U, __ATOMIC_SEQ_CST);
  return ring_buffer__consume(impl_->ring) >= 0;
}

int Capture::ring_fd() const { return bpf_map__fd(impl_->skeleton->maps.ring); }

void Capture::detach() {
  reperf_bpf__detach(impl_->skeleton);
  // A program may be in the middle of its run on another CPU; it takes microseconds.
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

Result<std::vector<reperf_cpu_state>> Capture::cpu_states() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return libbpf_error("counting the CPUs", cpus);
  std::vector<reperf_cpu_state> states(static_cast<std::size_t>(cpus));
  const std::uint32_t zero = 0;
  const int error = bpf_map__lookup_elem(impl_->skeleton->maps.cpu_states, &zero, sizeof(zero),
                                         states.data(), states.size() * sizeof(states[0]), 0);
  if (error != 0) return libbpf_error("reading the loss counters", error);
  return states;
}

std::uint64_t Capture::recursion_misses() const {
  std::uint64_t misses = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, impl_->skeleton->obj) {
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0) {
      misses += info.recursion_misses;
    }
  }
  return misses;
}

}  // namespace reperf::record
