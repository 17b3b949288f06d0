#include "recorder/recorder.h"

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "recorder/capture.h"
#include "recorder/command.h"
#include "recorder/hold_queue.h"
#include "recorder/log_sink.h"
#include "recorder/machine.h"
#include "recorder/prerequisites.h"
#include "recorder/system.h"

namespace reperf::record {
namespace {

constexpr int kPollMs = 50;  // recorder.md 1.7
// What a kill may cost: half of the second that is promised, since a busy machine adds to it.
constexpr log::Ns kFlushEvery = 500'000'000;
constexpr std::size_t kBatch = 65536;  // records between two looks at the rest
// After a signal the command may say its last words (perf stat reads its counters then).
constexpr log::Ns kGrace = 2'000'000'000;
// A task is reaped before its last switch, which tells about the files it released.
constexpr std::chrono::milliseconds kLastSwitch{20};

sigset_t taken_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

// Blocks the signals that end a recording, and puts things back as they were.
class SignalBlock {
 public:
  SignalBlock() {
    const sigset_t set = taken_signals();
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SignalBlock() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  sigset_t before_{};
  UniqueFd fd_;
};

class Session {
 public:
  explicit Session(const Options& options) : options_(options) {}
  Result<int> run();

 private:
  Result<void> prepare();
  Result<void> create_log(const KernelFacts& facts);
  Result<void> take_snapshot();
  Result<std::optional<int>> start_command();
  Result<void> watch_descriptors();
  void loop();
  void look_around(int timeout_ms);
  void on_signal();
  void drain();
  Result<void> finish();
  void put_rest();
  void put_own(std::uint32_t tid, std::uint16_t cpu, const log::Payload& payload);
  Result<int> conclude(const Result<void>& finished);
  void abandon_log();

  const Options& options_;
  SignalBlock signals_;
  std::optional<Command> command_;
  UniqueFd target_;  // pidfd of -p
  UniqueFd epoll_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<LogSink> sink_;
  std::unique_ptr<Converter> converter_;
  std::unique_ptr<HoldQueue> queue_;
  log::Ns base_ = 0;
  log::Ns last_flush_ = 0;
  log::Ns stop_at_ = 0;  // after the first signal
  int signal_ = 0;
  bool over_ = false;
  log::Finish finish_;
  bool command_ended_ = false;
};

Result<int> Session::run() {
  REPERF_TRY(check_prerequisites());
  if (options_.pid != 0) {
    target_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, options_.pid, 0)));
    if (!target_.valid()) return system_error(fmt::format("process {}", options_.pid), errno);
  }
  if (!options_.command.empty()) {
    Result<Command> forked = Command::fork_waiting(options_.command);
    if (!forked) return forked.take_error();
    command_.emplace(std::move(*forked));
  }
  REPERF_TRY(prepare());
  Result<void> ready = take_snapshot();
  if (ready.ok()) ready = watch_descriptors();
  if (!ready.ok()) {
    abandon_log();
    return ready.take_error();
  }
  Result<std::optional<int>> not_started = start_command();
  if (!not_started) return not_started.take_error();
  if (not_started->has_value()) return **not_started;
  loop();
  return conclude(finish());
}

Result<void> Session::prepare() {
  Result<std::unique_ptr<Capture>> capture =
      Capture::load(options_, [this](std::span<const std::byte> raw) { queue_->feed(raw); });
  if (!capture) return capture.take_error();
  capture_ = std::move(*capture);
  Result<KernelFacts> facts = capture_->calibrate();
  if (!facts) return facts.take_error();
  REPERF_TRY(create_log(*facts));
  // From here on we are the reader of a ring that others fill; failing to get ahead is no error.
  ::setpriority(PRIO_PROCESS, 0, -20);
  return {};
}

Result<void> Session::create_log(const KernelFacts& facts) {
  log::Header header;
  header.origin = log::Origin::recording;
  header.scope = options_.system_wide ? log::Scope::system
                 : options_.pid != 0  ? log::Scope::process
                                      : log::Scope::command;
  header.all_switches = options_.all_switches;
  header.recorder = std::string{REPERF_VERSION};
  header.tier = std::string{"C"};
  header.command = quote_command(options_.command);
  describe_machine(header);
  for (const log::Pmu& pmu : facts.clock_pmus) {
    const bool known = std::any_of(header.pmus.begin(), header.pmus.end(),
                                   [&pmu](const log::Pmu& other) { return other == pmu; });
    if (!known) header.pmus.push_back(pmu);
  }
  header.attr_size = facts.attr_size;
  header.state_exit = facts.state_exit;
  header.state_dead = facts.state_dead;
  base_ = monotonic_now();
  header.clock_base = base_;
  header.realtime_base = realtime_now();
  Result<std::unique_ptr<log::Writer>> writer = log::Writer::create(options_.output, header);
  if (!writer) return writer.take_error();
  sink_ = std::make_unique<LogSink>(std::move(*writer));
  converter_ = std::make_unique<Converter>(base_, *sink_);
  queue_ = std::make_unique<HoldQueue>(*converter_);
  last_flush_ = base_;
  return {};
}

Result<void> Session::take_snapshot() {
  REPERF_TRY(capture_->attach());
  if (!options_.system_wide) {
    REPERF_TRY(capture_->find_scope(options_.pid != 0 ? options_.pid : command_->pid()));
  }
  drain();
  put_own(0, log::kNoCpu, log::SnapshotBegin{});
  for (const std::uint32_t cpu : online_cpus()) {
    put_own(0, static_cast<std::uint16_t>(cpu), log::SnapshotCpu{true});
  }
  REPERF_TRY(capture_->snapshot());
  drain();
  put_own(0, log::kNoCpu, log::SnapshotEnd{});
  return {};
}

// The exit code when the command could not be started.
Result<std::optional<int>> Session::start_command() {
  if (!command_) return std::optional<int>{};
  const int error = command_->start();
  if (error == 0) return std::optional<int>{};
  abandon_log();
  fmt::print(stderr, "reperf: {}: {}\n", options_.command.front(), std::strerror(error));
  return std::optional<int>{exit_code_of_exec_error(error)};
}

Result<void> Session::watch_descriptors() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return system_error("epoll", errno);
  const auto add = [this](int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return fd < 0 || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  // Edge-triggered: the ring counts as readable whenever it holds something, but only a wakeup
  // is a reason to look before the 50 ms are over.
  const bool added = add(capture_->ring_fd(), EPOLLIN | EPOLLET) && add(signals_.fd(), EPOLLIN) &&
                     (!command_ || add(command_->pidfd(), EPOLLIN)) && add(target_.get(), EPOLLIN);
  if (!added) return system_error("epoll", errno);
  return {};
}

void Session::loop() {
  while (!over_) {
    const bool empty = capture_->consume(kBatch);
    look_around(empty ? kPollMs : 0);
    const log::Ns now = monotonic_now();
    if (now - last_flush_ >= kFlushEvery) {
      queue_->drain(now);
      sink_->flush();
      last_flush_ = now;
    }
    if (stop_at_ != 0 && now >= stop_at_) over_ = true;
    if (sink_->error()) over_ = true;
  }
}

// Waits for something to happen and takes note.
void Session::look_around(int timeout_ms) {
  epoll_event events[4];
  const int n = ::epoll_wait(epoll_.get(), events, 4, timeout_ms);
  for (int i = 0; i < n; ++i) {
    if (events[i].data.fd == signals_.fd()) on_signal();
    if (target_.valid() && events[i].data.fd == target_.get()) {
      finish_.reason = log::FinishReason::target_exited;
      over_ = true;
    }
  }
  if (command_ && !command_ended_ && command_->poll_exit(finish_.status)) {
    command_ended_ = true;
    if (signal_ == 0) finish_.reason = log::FinishReason::command_exited;
    over_ = true;
  }
}

void Session::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.fd(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    const int signal = static_cast<int>(info.ssi_signo);
    const bool again = signal_ != 0;
    signal_ = signal;
    finish_.reason = log::FinishReason::interrupted;
    // The terminal sends Ctrl-C to the command itself; what was sent to us alone is passed on.
    if (command_ && info.ssi_code != SI_KERNEL) command_->send_signal(signal);
    if (again || !command_) over_ = true;
    if (stop_at_ == 0) stop_at_ = monotonic_now() + kGrace;
  }
}

void Session::drain() {
  while (!capture_->consume(kBatch)) {
  }
}

void Session::put_own(std::uint32_t tid, std::uint16_t cpu, const log::Payload& payload) {
  queue_->flush();
  log::Record record;
  record.time = monotonic_now() - base_;
  record.tid = tid;
  record.cpu = cpu;
  record.payload = payload;
  sink_->put(record);
}

// What the programs counted and had no occasion to say.
void Session::put_rest() {
  const Result<std::vector<reperf_cpu_state>> states = capture_->cpu_states();
  if (states) {
    for (std::size_t i = 0; i < states->size(); ++i) {
      const reperf_cpu_state& state = (*states)[i];
      const auto cpu = static_cast<std::uint16_t>(i);
      const auto filtered = [&](log::FilterClass what, std::uint64_t count) {
        if (count != 0) put_own(0, cpu, log::Filtered{what, count});
      };
      filtered(log::FilterClass::sched_switch, state.filtered_switches);
      filtered(log::FilterClass::sched_migrate_task, state.filtered_migrations);
      if (state.lost != 0) {
        put_own(0, cpu,
                log::Lost{log::LossCause::ring_full, state.lost, state.lost_first - base_,
                          state.lost_last - base_});
      }
    }
  }
  const std::uint64_t misses = capture_->recursion_misses();
  if (misses != 0) put_own(0, log::kNoCpu, log::Lost{log::LossCause::recursion, misses, 0, 0});
  const std::uint64_t malformed = converter_->malformed();
  if (malformed != 0) {
    put_own(0, log::kNoCpu, log::Lost{log::LossCause::unreadable, malformed, 0, 0});
  }
}

Result<void> Session::finish() {
  if (finish_.reason != log::FinishReason::interrupted) std::this_thread::sleep_for(kLastSwitch);
  capture_->detach();
  drain();
  put_rest();
  finish_.losses = sink_->totals().all_lost();
  put_own(0, log::kNoCpu, finish_);
  if (sink_->error()) return *sink_->error();
  if (options_.output == "-") return sink_->finish();
  // As perf does: the previous recording is kept once.
  const std::string old = options_.output + ".old";
  struct stat existing {};
  const bool regular =
      ::lstat(options_.output.c_str(), &existing) == 0 && S_ISREG(existing.st_mode);
  const bool renamed = regular && ::rename(options_.output.c_str(), old.c_str()) == 0;
  Result<void> finished = sink_->finish();
  if (!finished && renamed) ::rename(old.c_str(), options_.output.c_str());
  return finished;
}

void Session::abandon_log() { sink_->discard(); }

Result<int> Session::conclude(const Result<void>& finished) {
  if (!finished) {
    // The command has nothing to do with our trouble: it runs to its end.
    if (command_ && !command_ended_) command_->wait();
    Error error = finished.error();
    if (error.file.empty()) error.file = options_.output;
    error.what += fmt::format("; what was recorded until then is in {}", sink_->partial_path());
    return error;
  }
  if (!options_.quiet) {
    struct stat status {};
    const bool known = ::stat(options_.output.c_str(), &status) == 0;
    const double seconds = static_cast<double>(monotonic_now() - base_) / 1e9;
    fmt::print(
        stderr, "reperf: {}\n",
        describe_recording(sink_->totals(), known ? static_cast<std::uint64_t>(status.st_size) : 0,
                           seconds, options_.output));
  }
  if (!command_) return 0;
  if (command_ended_) return exit_code_of(finish_.status);
  return signal_ != 0 ? 128 + signal_ : 0;
}

}  // namespace

Result<int> record(const Options& options) { return Session(options).run(); }

}  // namespace reperf::record
