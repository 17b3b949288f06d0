#include "traces/random_records.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace reperf::log::testing {
namespace {

template <std::size_t... I>
Payload payload_of(std::size_t which, std::index_sequence<I...>) {
  Payload out;
  ((which == I ? void(out.emplace<I>()) : void()), ...);
  return out;
}

}  // namespace

std::uint64_t RandomRecords::number() {
  constexpr std::array<std::uint64_t, 12> kEdges = {0,          1,          0x7f,       0xff,
                                                    0x7fff,     0xffff,     0x7fffffff, 0x80000000,
                                                    0xffffffff, 1ULL << 63, ~0ULL,      ~0ULL >> 1};
  if (below(4) == 0) return kEdges[below(kEdges.size())];
  const std::uint64_t value = static_cast<std::uint64_t>(random_()) << 32 | random_();
  return value >> below(64);
}

std::string RandomRecords::string() {
  constexpr std::array<std::string_view, 10> kOdd = {
      "",     "a b", "\"quoted\"",       "back\\slash",    "na\xc3\xafve", "\xff\xfe broken \xc3",
      "#x=1", "{a}", "new\nline\ttab\r", "caf\xe2\x82\xac"};
  const std::uint32_t which = below(16);
  if (which < kOdd.size()) return std::string(kOdd[which]);
  std::string out(below(20), ' ');
  for (char& c : out) c = static_cast<char>(which == 15 ? below(256) : 'a' + below(26));
  return out;
}

std::string_view RandomRecords::text() {
  return *kept_.emplace_back(std::make_unique<std::string>(string()));
}

Bytes RandomRecords::bytes(std::uint32_t size_max) {
  std::string out(below(size_max + 1), '\0');
  for (char& c : out) c = static_cast<char>(below(3) == 0 ? below(256) : 0);
  const std::string& kept = *kept_.emplace_back(std::make_unique<std::string>(std::move(out)));
  return std::as_bytes(std::span(kept));
}

Bytes RandomRecords::attr() {
  if (below(4) == 0) return bytes(300);
  constexpr std::array<std::uint32_t, 8> kSizes = {0, 64, 72, 112, 120, 128, 136, 200};
  std::array<std::uint32_t, 64> words{};
  words[1] = kSizes[below(kSizes.size())];
  const std::uint32_t size = words[1] == 0 ? 64 : words[1];
  words[0] = below(8);
  for (std::uint32_t i = 2; i < size / 4; ++i) words[i] = below(3) == 0 ? pick<std::uint32_t>() : 0;
  if (below(2) == 0) words[2] = below(12), words[3] = 0;
  std::string out(reinterpret_cast<const char*>(words.data()), size);
  return std::as_bytes(
      std::span(*kept_.emplace_back(std::make_unique<std::string>(std::move(out)))));
}

std::int64_t RandomRecords::ret() {
  return below(2) == 0 ? pick<std::int64_t>() : -static_cast<std::int64_t>(below(140));
}

void RandomRecords::fill(SchedSwitch& p) {
  p = {pick<std::uint32_t>(), pick<std::uint16_t>(), below(2) == 0};
}
void RandomRecords::fill(SchedMigrateTask& p) {
  p = {pick<std::uint32_t>(), pick<std::uint16_t>(), pick<std::uint16_t>()};
}
void RandomRecords::fill(SchedProcessFork& p) {
  p = {pick<std::uint32_t>(), pick<std::uint32_t>(), pick<std::uint32_t>(), text()};
}
void RandomRecords::fill(SchedProcessExec& p) { p = {text()}; }
void RandomRecords::fill(PerfEventOpen& p) {
  p.attr = attr();
  p.attr_source = static_cast<AttrSource>(below(3));
  p.pid = pick<std::int32_t>();
  p.cpu = pick<std::int32_t>();
  p.group_fd = pick<std::int32_t>();
  p.group_event = number();
  p.flags = number();
  p.cgroup = below(2) == 0 ? 0 : number();
  p.cred = {pick<std::uint32_t>(), number(), below(2) == 0};
}
void RandomRecords::fill(Ioctl& p) {
  p = {number(), below(2) == 0 ? 0x2400 + below(8) : pick<std::uint32_t>(), number(), number()};
}
void RandomRecords::fill(Read& p) { p = {number(), number()}; }
void RandomRecords::fill(Close& p) { p = {number(), pick<std::int32_t>()}; }
void RandomRecords::fill(Release& p) { p = {number(), static_cast<ReleaseBy>(below(3))}; }
void RandomRecords::fill(PerfEventOpenRet& p) {
  p = {ret(), number(), pick<std::uint32_t>(), below(2) == 0 ? Bytes() : attr()};
}
void RandomRecords::fill(IoctlRet& p) { p = {ret()}; }
void RandomRecords::fill(ReadRet& p) { p = {ret(), bytes(below(3) == 0 ? 2048 : 40)}; }
void RandomRecords::fill(CloseRet& p) { p = {ret()}; }
void RandomRecords::fill(SnapshotCpu& p) { p = {below(2) == 0}; }
void RandomRecords::fill(SnapshotTask& p) { p = {pick<std::uint32_t>(), below(2) == 0, text()}; }
void RandomRecords::fill(SnapshotEvent& p) {
  p.event = number();
  p.object = pick<std::uint32_t>();
  p.parent = pick<std::uint32_t>();
  p.leader = below(2) == 0 ? p.object : pick<std::uint32_t>();
  p.owner = pick<std::uint32_t>();
  p.state = below(2) == 0 ? static_cast<std::int8_t>(1 - static_cast<int>(below(7)))
                          : pick<std::int8_t>();
  p.cpu = pick<std::int32_t>();
  p.oncpu = pick<std::int32_t>();
  p.count = number();
  p.child_count = number();
  p.time_enabled = number();
  p.time_running = number();
  p.child_time_enabled = number();
  p.child_time_running = number();
  p.attr = attr();
}
void RandomRecords::fill(Filtered& p) { p = {static_cast<FilterClass>(below(2)), number()}; }
void RandomRecords::fill(Lost& p) {
  p = {static_cast<LossCause>(below(5)), number(), number(), number()};
}
void RandomRecords::fill(Finish& p) {
  p = {static_cast<FinishReason>(below(4)), pick<std::int32_t>(), number()};
}
void RandomRecords::fill(Hold& p) { p = {text(), below(3)}; }
void RandomRecords::fill(Prctl& p) { p = {below(2) == 0 ? PrctlOp::enable : PrctlOp::disable}; }
void RandomRecords::fill(CpuDown& p) { p = {pick<std::uint16_t>()}; }
void RandomRecords::fill(CpuUp& p) { p = {pick<std::uint16_t>()}; }
void RandomRecords::fill(CgroupMkdir& p) { p = {number(), number(), text()}; }
void RandomRecords::fill(CgroupAttachTask& p) { p = {pick<std::uint32_t>(), number()}; }
void RandomRecords::fill(Overflow& p) { p = {number(), below(2) == 0}; }
void RandomRecords::fill(KernelCounter& p) {
  p = {attr(), pick<std::int32_t>(), pick<std::int32_t>()};
}
void RandomRecords::fill(PrctlRet& p) { p = {ret()}; }
void RandomRecords::fill(KernelCounterRet& p) { p = {ret(), number()}; }
void RandomRecords::fill(Deliver& p) { p = {below(2) == 0}; }
void RandomRecords::fill(Defer& p) { p = {text()}; }
void RandomRecords::fill(RunWork& p) { p = {text()}; }

Record RandomRecords::next() {
  Record record;
  const std::uint32_t how = below(20);
  time_ = how == 0 ? number() : how == 1 ? time_ - below(5000) : time_ + below(100000);
  record.time = time_;
  record.tid = below(8) == 0 ? pick<std::uint32_t>() : below(50);
  record.cpu = below(50) == 0 ? pick<std::uint16_t>() : static_cast<std::uint16_t>(below(4));
  record.payload = payload_of(below(std::variant_size_v<Payload>),
                              std::make_index_sequence<std::variant_size_v<Payload>>());
  std::visit([this](auto& payload) { fill(payload); }, record.payload);
  return record;
}

Header RandomRecords::header() {
  Header h;
  h.origin = static_cast<Origin>(below(2));
  h.scope = static_cast<Scope>(below(4));
  h.all_switches = below(2) == 0;
  for (std::string* text : {&h.recorder, &h.tier, &h.command, &h.release, &h.version, &h.machine}) {
    *text = string();
  }
  h.cpus = pick<std::uint32_t>();
  h.hz = pick<std::uint32_t>();
  h.clock_base = number();
  h.realtime_base = number();
  h.attr_size = pick<std::uint32_t>();
  h.state_exit = pick<std::int32_t>();
  h.state_dead = pick<std::int32_t>();
  for (std::uint32_t i = below(4); i > 0; --i) {
    Pmu& pmu = h.pmus.emplace_back();
    pmu.name = string();
    pmu.type = pick<std::uint32_t>();
    pmu.counters = pick<std::uint32_t>();
    pmu.mux_interval_ms = pick<std::uint32_t>();
    for (std::uint32_t n = below(3); n > 0; --n) pmu.constraints.push_back({number(), number()});
  }
  for (std::uint32_t i = below(4); i > 0; --i) {
    h.sysctls.push_back({string(), pick<std::int64_t>()});
  }
  return h;
}

std::vector<Record> switches(std::size_t count, std::uint32_t seed) {
  constexpr std::uint32_t kCpus = 4;
  std::mt19937 random(seed);
  std::array<std::uint32_t, kCpus> running{};
  std::vector<Record> out(count);
  Ns time = 0;
  for (Record& record : out) {
    time += 200 + random() % 12000;
    record.time = time;
    record.cpu = static_cast<std::uint16_t>(random() % kCpus);
    record.tid = running[record.cpu];
    const std::uint32_t next = record.tid != 0 && random() % 2 == 0
                                   ? 0
                                   : 1000 + static_cast<std::uint32_t>(random() % 1000);
    const auto state = static_cast<std::uint16_t>(record.tid == 0 ? 0 : random() % 3);
    record.payload = SchedSwitch{next, state, state == 0 && record.tid != 0};
    running[record.cpu] = next;
  }
  return out;
}

}  // namespace reperf::log::testing
