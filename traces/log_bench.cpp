// How fast logs are written and read, and how large they get: four million context switches.
//
// The switches are those of eight CPUs with some hundred tasks: most of the work is done by a few
// of them, tasks come back to the CPU that they ran on before, half of all switches are to or from
// the idle task, and times follow an exponential distribution, in ring order with some inversions.
//
// The baseline is what a log costs at least: the same records as flat 24-byte structs, copied.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <vector>

#include "traces/byte_stream.h"
#include "traces/frame_scanner.h"
#include "traces/reader.h"
#include "traces/writer.h"

namespace reperf::log {
namespace {

constexpr std::size_t kRecords = 4'000'000;
constexpr std::uint32_t kCpus = 8;
constexpr std::uint32_t kTasksACpu = 40;

struct Flat {
  Ns time;
  std::uint32_t tid;
  std::uint32_t next_tid;
  std::uint16_t cpu;
  std::uint16_t prev_state;
  std::uint8_t preempt;
};
static_assert(sizeof(Flat) == 24);

// A task of this CPU: the further down the list, the rarer.
std::uint32_t some_task(std::mt19937& random, std::uint32_t cpu) {
  const double u = std::generate_canonical<double, 32>(random);
  const auto rank = static_cast<std::uint32_t>(kTasksACpu * std::pow(u, 3.0));
  const std::uint32_t home =
      random() % 16 == 0 ? static_cast<std::uint32_t>(random() % kCpus) : cpu;
  return 700 + home * 1117 + rank * 13;
}

std::vector<Flat> generate() {
  std::mt19937 random(42);
  std::exponential_distribution<double> gap(1.0 / 6000.0);  // ns between switches of the machine
  std::vector<Flat> out(kRecords);
  std::vector<std::uint32_t> running(kCpus, 0);
  Ns time = 1'000'000;
  for (Flat& record : out) {
    time += static_cast<Ns>(gap(random)) + 150;
    const auto cpu = static_cast<std::uint32_t>(random() % kCpus);
    const std::uint32_t tid = running[cpu];
    std::uint32_t next = 0;
    while ((tid == 0 || random() % 4 == 0) && (next == 0 || next == tid)) {
      next = some_task(random, cpu);
    }
    const auto dice = random() % 100;
    // Idle is always runnable; a task mostly sleeps, now and then waits for a disk or is preempted.
    const std::uint16_t state = tid == 0 || dice < 12 ? 0 : dice < 92 ? 1 : 2;
    record = {time - (random() % 64 == 0 ? random() % 2000 : 0),
              tid,
              next,
              static_cast<std::uint16_t>(cpu),
              state,
              static_cast<std::uint8_t>(tid != 0 && state == 0)};
    running[cpu] = next;
  }
  return out;
}

const std::vector<Flat>& records() {
  static const std::vector<Flat> all = generate();
  return all;
}

class TempFile {
 public:
  TempFile() : path_((std::filesystem::temp_directory_path() / "reperf-bench-XXXXXX").string()) {
    const int fd = ::mkstemp(path_.data());
    if (fd >= 0) ::close(fd);
  }
  ~TempFile() { ::unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Record record_of(const Flat& flat) {
  Record record;
  record.time = flat.time;
  record.tid = flat.tid;
  record.cpu = flat.cpu;
  record.payload = SchedSwitch{flat.next_tid, flat.prev_state, flat.preempt != 0};
  return record;
}

void write_log(const std::string& path, int level) {
  WriterOptions options;
  options.zstd_level = level;
  auto writer = Writer::create(path, {}, options);
  if (!writer.ok()) std::abort();
  for (const Flat& flat : records()) {
    if (!(*writer)->append(record_of(flat)).ok()) std::abort();
  }
  if (!(*writer)->finish().ok()) std::abort();
}

struct Sizes {
  std::uint64_t raw = kRecords * sizeof(Flat);  // before packing
  std::uint64_t stored = kRecords * sizeof(Flat);
};

Sizes sizes_of(const std::string& path) {
  auto stream = ByteStream::open(path);
  if (!stream.ok()) std::abort();
  (*stream)->want(kPreambleBytes);
  (*stream)->skip(kPreambleBytes);
  FrameScanner scanner(**stream, ReaderOptions().frame_bytes_max);
  Sizes sizes{0, 0};
  while (scanner.next() == FrameScanner::Found::frame) {
    sizes.raw += scanner.frame().header.raw_bytes;
  }
  sizes.stored = (*stream)->bytes_read();
  return sizes;
}

void count(benchmark::State& state, const Sizes& sizes) {
  const auto done = static_cast<double>(state.iterations()) * static_cast<double>(kRecords);
  state.counters["records/s"] = benchmark::Counter(done, benchmark::Counter::kIsRate);
  state.counters["stored/record"] = static_cast<double>(sizes.stored) / kRecords;
  state.counters["raw/record"] = static_cast<double>(sizes.raw) / kRecords;
}

// Seconds that one pass takes, the best of some.
template <class Pass>
double best_of(Pass pass) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    pass();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
  }
  return best;
}

void read_flat() {
  for (const Flat& flat : records()) {
    Record record = record_of(flat);
    benchmark::DoNotOptimize(record);
  }
}

void copy_flat(std::vector<Flat>& to) {
  std::memcpy(to.data(), records().data(), to.size() * sizeof(Flat));
  benchmark::ClobberMemory();
}

void read_log(const std::string& path) {
  auto reader = Reader::open(path);
  if (!reader.ok()) std::abort();
  Record record;
  std::size_t n = 0;
  while (true) {
    const Result<bool> more = (*reader)->next(record);
    if (!more.ok()) std::abort();
    if (!*more) break;
    benchmark::DoNotOptimize(record);
    ++n;
  }
  if (n != kRecords) std::abort();
}

// Baseline of writing: the flat structs, copied once.
void BM_CopyFlat(benchmark::State& state) {
  std::vector<Flat> to(records().size());
  for (auto _ : state) copy_flat(to);
  count(state, {});
}

// Baseline of reading: the flat structs, each made into a Record.
void BM_ReadFlat(benchmark::State& state) {
  (void)records();
  for (auto _ : state) read_flat();
  count(state, {});
}

void BM_Write(benchmark::State& state) {
  const int level = static_cast<int>(state.range(0));
  std::vector<Flat> to(records().size());
  const TempFile file;
  for (auto _ : state) write_log(file.path(), level);
  count(state, sizes_of(file.path()));
  state.counters["times_copy"] =
      best_of([&] { write_log(file.path(), level); }) / best_of([&] { copy_flat(to); });
}

void BM_Read(benchmark::State& state) {
  const TempFile file;
  write_log(file.path(), static_cast<int>(state.range(0)));
  for (auto _ : state) read_log(file.path());
  count(state, sizes_of(file.path()));
  state.counters["times_flat"] = best_of([&] { read_log(file.path()); }) / best_of(read_flat);
}

BENCHMARK(BM_CopyFlat)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ReadFlat)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Write)->Arg(1)->Arg(3)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Read)->Arg(1)->Arg(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace reperf::log
