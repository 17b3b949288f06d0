#include "traces/chunk_encoder.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <array>
#include <limits>

#include "traces/columns.h"
#include "traces/log.capnp.h"

namespace reperf::log {
namespace {

constexpr std::size_t kSlots = 1U << 17;  // twice the most values: short probes
constexpr std::size_t kKinds = 256;

std::size_t slot_of(std::uint32_t value) {
  return static_cast<std::size_t>(value * 0x9e3779b1U) >> 15;
}

struct Blob {
  std::uint32_t offset;
  std::uint32_t length;
};

template <class List>
struct Cursor {
  List list;
  std::uint32_t used = 0;
  auto next() { return list[used++]; }
};
template <class T>
using StructCursor = Cursor<typename capnp::List<T, capnp::Kind::STRUCT>::Builder>;
using NumberCursor = Cursor<capnp::List<std::int64_t>::Builder>;

// Builds the lists of the kinds without columns. One put() a kind, in the order of log.capnp.
class Lists {
 public:
  Lists(schema::Chunk::Builder chunk, const std::vector<std::uint8_t>& kinds,
        std::span<const std::byte> blobs)
      : blobs_(blobs) {
    std::array<std::uint32_t, kKinds> counts{};
    for (const std::uint8_t kind : kinds) ++counts[kind];
    const auto count = [&](Kind kind) { return counts[static_cast<std::size_t>(kind)]; };
    init(migrates_, chunk, &schema::Chunk::Builder::initMigrates, count(Kind::sched_migrate_task));
    init(forks_, chunk, &schema::Chunk::Builder::initForks, count(Kind::sched_process_fork));
    init(execs_, chunk, &schema::Chunk::Builder::initExecs, count(Kind::sched_process_exec));
    init(opens_, chunk, &schema::Chunk::Builder::initOpens, count(Kind::perf_event_open));
    init(ioctls_, chunk, &schema::Chunk::Builder::initIoctls, count(Kind::ioctl));
    init(reads_, chunk, &schema::Chunk::Builder::initReads, count(Kind::read));
    init(closes_, chunk, &schema::Chunk::Builder::initCloses, count(Kind::close));
    init(releases_, chunk, &schema::Chunk::Builder::initReleases, count(Kind::release));
    init(open_rets_, chunk, &schema::Chunk::Builder::initOpenRets,
         count(Kind::perf_event_open_ret));
    init(ioctl_rets_, chunk, &schema::Chunk::Builder::initIoctlRets, count(Kind::ioctl_ret));
    init(read_rets_, chunk, &schema::Chunk::Builder::initReadRets, count(Kind::read_ret));
    init(close_rets_, chunk, &schema::Chunk::Builder::initCloseRets, count(Kind::close_ret));
    init(cpus_, chunk, &schema::Chunk::Builder::initSnapshotCpus, count(Kind::snapshot_cpu));
    init(tasks_, chunk, &schema::Chunk::Builder::initSnapshotTasks, count(Kind::snapshot_task));
    init(events_, chunk, &schema::Chunk::Builder::initSnapshotEvents, count(Kind::snapshot_event));
    init(filtered_, chunk, &schema::Chunk::Builder::initFiltered, count(Kind::filtered));
    init(lost_, chunk, &schema::Chunk::Builder::initLost, count(Kind::lost));
    init(finishes_, chunk, &schema::Chunk::Builder::initFinishes, count(Kind::finish));
    init(holds_, chunk, &schema::Chunk::Builder::initHolds, count(Kind::hold));
    init(prctls_, chunk, &schema::Chunk::Builder::initPrctls, count(Kind::prctl));
    init(cpu_downs_, chunk, &schema::Chunk::Builder::initCpuDowns, count(Kind::cpu_down));
    init(cpu_ups_, chunk, &schema::Chunk::Builder::initCpuUps, count(Kind::cpu_up));
    init(cgroup_mkdirs_, chunk, &schema::Chunk::Builder::initCgroupMkdirs,
         count(Kind::cgroup_mkdir));
    init(cgroup_attaches_, chunk, &schema::Chunk::Builder::initCgroupAttaches,
         count(Kind::cgroup_attach_task));
    init(overflows_, chunk, &schema::Chunk::Builder::initOverflows, count(Kind::overflow));
    init(kernel_counters_, chunk, &schema::Chunk::Builder::initKernelCounters,
         count(Kind::kernel_counter));
    init(prctl_rets_, chunk, &schema::Chunk::Builder::initPrctlRets, count(Kind::prctl_ret));
    init(kernel_counter_rets_, chunk, &schema::Chunk::Builder::initKernelCounterRets,
         count(Kind::kernel_counter_ret));
    init(delivers_, chunk, &schema::Chunk::Builder::initDelivers, count(Kind::deliver));
    init(defers_, chunk, &schema::Chunk::Builder::initDefers, count(Kind::defer));
    init(run_works_, chunk, &schema::Chunk::Builder::initRunWorks, count(Kind::run_work));
  }

  void put(const SchedSwitch&) {}  // has columns
  void put(const SchedMigrateTask& p) {
    auto to = migrates_.next();
    to.setTask(p.task);
    to.setOrigCpu(p.orig_cpu);
    to.setDestCpu(p.dest_cpu);
  }
  void put(const SchedProcessFork& p) {
    auto to = forks_.next();
    to.setChild(p.child);
    to.setChildPid(p.child_pid);
    to.setParentPid(p.parent_pid);
    put_comm(to, p.comm);
  }
  void put(const SchedProcessExec& p) { put_comm(execs_.next(), p.comm); }
  void put(const SchedProcessExit&) {}
  void put(const PerfEventOpen& p) {
    auto to = opens_.next();
    put_attr(to, p.attr);
    to.setAttrSource(static_cast<std::uint8_t>(p.attr_source));
    to.setInitUserNs(p.cred.init_user_ns);
    to.setPid(p.pid);
    to.setCpu(p.cpu);
    to.setGroupFd(p.group_fd);
    to.setGroupEvent(p.group_event);
    to.setFlags(p.flags);
    to.setCgroup(p.cgroup);
    to.setEuid(p.cred.euid);
    to.setCapEffective(p.cred.cap_effective);
  }
  void put(const Ioctl& p) {
    auto to = ioctls_.next();
    to.setEvent(p.event);
    to.setCmd(p.cmd);
    to.setArg(p.arg);
    to.setValue(p.value);
  }
  void put(const Read& p) {
    auto to = reads_.next();
    to.setEvent(p.event);
    to.setSize(p.size);
  }
  void put(const Close& p) {
    auto to = closes_.next();
    to.setEvent(p.event);
    to.setFd(p.fd);
  }
  void put(const Release& p) {
    auto to = releases_.next();
    to.setEvent(p.event);
    to.setBy(static_cast<std::uint8_t>(p.by));
  }
  void put(const PerfEventOpenRet& p) {
    auto to = open_rets_.next();
    to.setRet(p.ret);
    to.setEvent(p.event);
    to.setTarget(p.target);
    put_attr(to, p.kernel_attr);
  }
  void put(const IoctlRet& p) { ioctl_rets_.list.set(ioctl_rets_.used++, p.ret); }
  void put(const ReadRet& p) {
    auto to = read_rets_.next();
    const Blob blob = place(p.data.data(), p.data.size());
    to.setRet(p.ret);
    to.setDataOffset(blob.offset);
    to.setDataLength(blob.length);
  }
  void put(const CloseRet& p) { close_rets_.list.set(close_rets_.used++, p.ret); }
  void put(const SnapshotBegin&) {}
  void put(const SnapshotCpu& p) { cpus_.list[cpus_.used++] = p.online ? 1 : 0; }
  void put(const SnapshotTask& p) {
    auto to = tasks_.next();
    to.setPid(p.pid);
    to.setRunning(p.running);
    put_comm(to, p.comm);
  }
  void put(const SnapshotEvent& p) {
    auto to = events_.next();
    to.setEvent(p.event);
    to.setObject(p.object);
    to.setParent(p.parent);
    to.setLeader(p.leader);
    to.setOwner(p.owner);
    to.setState(p.state);
    to.setCpu(p.cpu);
    to.setOncpu(p.oncpu);
    to.setCount(p.count);
    to.setChildCount(p.child_count);
    to.setTimeEnabled(p.time_enabled);
    to.setTimeRunning(p.time_running);
    to.setChildTimeEnabled(p.child_time_enabled);
    to.setChildTimeRunning(p.child_time_running);
    put_attr(to, p.attr);
  }
  void put(const SnapshotEnd&) {}
  void put(const Filtered& p) {
    auto to = filtered_.next();
    to.setWhat(static_cast<std::uint8_t>(p.what));
    to.setCount(p.count);
  }
  void put(const Lost& p) {
    auto to = lost_.next();
    to.setCause(static_cast<std::uint8_t>(p.cause));
    to.setCount(p.count);
    to.setFirst(p.first);
    to.setLast(p.last);
  }
  void put(const Finish& p) {
    auto to = finishes_.next();
    to.setReason(static_cast<std::uint8_t>(p.reason));
    to.setStatus(p.status);
    to.setLosses(p.losses);
  }
  void put(const Hold& p) {
    auto to = holds_.next();
    const Blob blob = place(p.point.data(), p.point.size());
    to.setPointOffset(blob.offset);
    to.setPointLength(blob.length);
    to.setNth(p.nth);
  }
  void put(const Resume&) {}
  void put(const Prctl& p) { prctls_.list[prctls_.used++] = static_cast<std::uint8_t>(p.op); }
  void put(const CpuDown& p) { cpu_downs_.list.set(cpu_downs_.used++, p.target); }
  void put(const CpuUp& p) { cpu_ups_.list.set(cpu_ups_.used++, p.target); }
  void put(const CgroupMkdir& p) {
    auto to = cgroup_mkdirs_.next();
    to.setCgroup(p.cgroup);
    to.setParent(p.parent);
    put_name(to, p.name);
  }
  void put(const CgroupAttachTask& p) {
    auto to = cgroup_attaches_.next();
    to.setTask(p.task);
    to.setCgroup(p.cgroup);
  }
  void put(const Overflow& p) {
    auto to = overflows_.next();
    to.setEvent(p.event);
    to.setInDel(p.in_del);
  }
  void put(const Tick&) {}
  void put(const KernelCounter& p) {
    auto to = kernel_counters_.next();
    put_attr(to, p.attr);
    to.setPid(p.pid);
    to.setCpu(p.cpu);
  }
  void put(const PrctlRet& p) { prctl_rets_.list.set(prctl_rets_.used++, p.ret); }
  void put(const KernelCounterRet& p) {
    auto to = kernel_counter_rets_.next();
    to.setRet(p.ret);
    to.setEvent(p.event);
  }
  void put(const Queue&) {}
  void put(const Deliver& p) { delivers_.list[delivers_.used++] = p.one ? 1 : 0; }
  void put(const Defer& p) { put_name(defers_.next(), p.work); }
  void put(const RunWork& p) { put_name(run_works_.next(), p.work); }

 private:
  // An empty list stays unset: it costs nothing in the message.
  template <class C, class Init>
  static void init(C& cursor, schema::Chunk::Builder chunk, Init initialize, std::uint32_t count) {
    if (count > 0) cursor.list = (chunk.*initialize)(count);
  }

  // Precondition: the bytes lie in blobs_, or there are none.
  Blob place(const void* data, std::size_t size) const {
    if (size == 0) return {0, 0};
    const auto offset = static_cast<const std::byte*>(data) - blobs_.data();
    return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size)};
  }
  template <class To>
  void put_comm(To to, std::string_view comm) const {
    const Blob blob = place(comm.data(), comm.size());
    to.setCommOffset(blob.offset);
    to.setCommLength(blob.length);
  }
  template <class To>
  void put_name(To to, std::string_view name) const {
    const Blob blob = place(name.data(), name.size());
    to.setNameOffset(blob.offset);
    to.setNameLength(blob.length);
  }
  template <class To>
  void put_attr(To to, Bytes attr) const {
    const Blob blob = place(attr.data(), attr.size());
    to.setAttrOffset(blob.offset);
    to.setAttrLength(blob.length);
  }

  std::span<const std::byte> blobs_;
  StructCursor<schema::Migrate> migrates_;
  StructCursor<schema::Fork> forks_;
  StructCursor<schema::Exec> execs_;
  StructCursor<schema::Open> opens_;
  StructCursor<schema::Ioctl> ioctls_;
  StructCursor<schema::Read> reads_;
  StructCursor<schema::Close> closes_;
  StructCursor<schema::Release> releases_;
  StructCursor<schema::OpenRet> open_rets_;
  NumberCursor ioctl_rets_;
  StructCursor<schema::ReadRet> read_rets_;
  NumberCursor close_rets_;
  Cursor<capnp::Data::Builder> cpus_;
  StructCursor<schema::SnapshotTask> tasks_;
  StructCursor<schema::SnapshotEvent> events_;
  StructCursor<schema::Filtered> filtered_;
  StructCursor<schema::Lost> lost_;
  StructCursor<schema::Finish> finishes_;
  StructCursor<schema::Hold> holds_;
  Cursor<capnp::Data::Builder> prctls_;
  Cursor<capnp::List<std::uint16_t>::Builder> cpu_downs_;
  Cursor<capnp::List<std::uint16_t>::Builder> cpu_ups_;
  StructCursor<schema::CgroupMkdir> cgroup_mkdirs_;
  StructCursor<schema::CgroupAttach> cgroup_attaches_;
  StructCursor<schema::Overflow> overflows_;
  StructCursor<schema::KernelCounter> kernel_counters_;
  NumberCursor prctl_rets_;
  StructCursor<schema::KernelCounterRet> kernel_counter_rets_;
  Cursor<capnp::Data::Builder> delivers_;
  StructCursor<schema::Name> defers_;
  StructCursor<schema::Name> run_works_;
};

template <class T>
kj::ArrayPtr<const T> array_ptr(const std::vector<T>& values) {
  return kj::ArrayPtr<const T>(values.data(), values.size());
}

}  // namespace

Dictionary::Dictionary() : slots_(kSlots) {}

std::uint16_t Dictionary::place(std::uint32_t value) {
  for (std::size_t at = slot_of(value);; at = (at + 1) % kSlots) {
    Slot& slot = slots_[at];
    if (slot.generation != generation_) {
      slot = {value, generation_, static_cast<std::uint16_t>(values_.size())};
      values_.push_back(value);
      return slot.place;
    }
    if (slot.value == value) return slot.place;
  }
}

void Dictionary::clear() {
  values_.clear();
  if (++generation_ != 0) return;
  slots_.assign(kSlots, Slot{});
  generation_ = 1;
}

ChunkEncoder::ChunkEncoder(std::uint32_t bytes) : bytes_max_(bytes), running_(1U << 16) {
  // One record may overshoot bytes_max_; views in others_ must survive that.
  blobs_.reserve(bytes_max_ + 2 * kBlobBytesMax);
}

void ChunkEncoder::append_time(Ns time) {
  if (kinds_.empty()) first_time_ = last_time_ = time;
  const auto delta = static_cast<std::int64_t>(time - last_time_);
  last_time_ = time;
  // The smallest 32-bit number is the escape; see kWideTime.
  if (delta > std::numeric_limits<std::int32_t>::min() &&
      delta <= std::numeric_limits<std::int32_t>::max()) {
    deltas_.push_back(zigzag(static_cast<std::int32_t>(delta)));
    return;
  }
  deltas_.push_back(kWideTime);
  wide_times_.push_back(time);
}

void ChunkEncoder::append_tid(std::uint16_t cpu, std::uint32_t tid) {
  const std::uint32_t code = tids_.place(tid) + 1U;
  tid_codes_.push_back(static_cast<std::uint16_t>(running_[cpu] == code ? 0 : code));
}

void ChunkEncoder::append_switch(std::uint16_t cpu, const SchedSwitch& payload) {
  const std::uint16_t next = tids_.place(payload.next_tid);
  switch_next_.push_back(next);
  const std::uint32_t state = payload.prev_state | (payload.preempt ? 1U << 16 : 0U);
  switch_state_.push_back(switch_states_.place(state));
  if (running_[cpu] == 0) touched_.push_back(cpu);
  running_[cpu] = next + 1U;
}

template <class View>
View ChunkEncoder::keep(View view) {
  const auto* from = reinterpret_cast<const std::byte*>(view.data());
  const std::size_t at = blobs_.size();
  blobs_.insert(blobs_.end(), from, from + view.size());
  return View(reinterpret_cast<decltype(view.data())>(blobs_.data() + at), view.size());
}

Payload ChunkEncoder::keep_views(Payload payload) {
  std::visit(
      [this](auto& p) {
        if constexpr (requires { p.attr; }) p.attr = keep(p.attr);
        if constexpr (requires { p.kernel_attr; }) p.kernel_attr = keep(p.kernel_attr);
        if constexpr (requires { p.data; }) p.data = keep(p.data);
        if constexpr (requires { p.comm; }) p.comm = keep(p.comm);
        if constexpr (requires { p.point; }) p.point = keep(p.point);
        if constexpr (requires { p.name; }) p.name = keep(p.name);
        if constexpr (requires { p.work; }) p.work = keep(p.work);
      },
      payload);
  return payload;
}

void ChunkEncoder::append(const Record& record) {
  append_time(record.time);
  kinds_.push_back(static_cast<std::uint8_t>(record.kind()));
  cpus_.push_back(record.cpu);
  append_tid(record.cpu, record.tid);
  if (const auto* payload = std::get_if<SchedSwitch>(&record.payload)) {
    append_switch(record.cpu, *payload);
    return;
  }
  if (const auto* payload = std::get_if<Lost>(&record.payload)) losses_ += payload->count;
  others_.push_back(keep_views(record.payload));
}

std::size_t ChunkEncoder::raw_bytes() const {
  // Upper bounds for what a record takes in the columns and in the largest struct list.
  return kinds_.size() * 9 + switch_next_.size() * 4 + others_.size() * 120 + blobs_.size();
}

bool ChunkEncoder::full(std::uint32_t records) const {
  return kinds_.size() >= records || raw_bytes() >= bytes_max_;
}

FrameHeader ChunkEncoder::summary() const {
  FrameHeader header;
  header.type = FrameType::chunk;
  header.count = count();
  header.first_time = first_time_;
  header.last_time = last_time_;
  header.losses = losses_;
  return header;
}

kj::Array<capnp::word> ChunkEncoder::build() const {
  const std::size_t estimate = raw_bytes() + wide_times_.size() * 8 +
                               (tids_.values().size() + switch_states_.values().size()) * 4;
  capnp::MallocMessageBuilder message(static_cast<kj::uint>(estimate / 8 + 256));
  auto chunk = message.initRoot<schema::Chunk>();
  const auto n = static_cast<kj::uint>(kinds_.size());
  chunk.setFirstTime(first_time_);
  chunk.setKinds(array_ptr(kinds_));
  split_planes(std::span(deltas_), chunk.initTimeDeltas(n * 4).begin());
  if (!wide_times_.empty()) chunk.setWideTimes(array_ptr(wide_times_));
  split_planes(std::span(cpus_), chunk.initCpus(n * 2).begin());
  chunk.setTids(array_ptr(tids_.values()));
  split_planes(std::span(tid_codes_), chunk.initTidCodes(n * 2).begin());
  if (!switch_next_.empty()) {
    const auto switches = static_cast<kj::uint>(switch_next_.size());
    split_planes(std::span(switch_next_), chunk.initSwitchNext(switches * 2).begin());
    chunk.setSwitchStates(array_ptr(switch_states_.values()));
    split_planes(std::span(switch_state_), chunk.initSwitchState(switches * 2).begin());
  }
  if (!blobs_.empty()) {
    chunk.setBlobs(
        capnp::Data::Reader(reinterpret_cast<const kj::byte*>(blobs_.data()), blobs_.size()));
  }
  Lists lists(chunk, kinds_, blobs_);
  for (const Payload& payload : others_) {
    std::visit([&](const auto& p) { lists.put(p); }, payload);
  }
  return capnp::messageToFlatArray(message);
}

void ChunkEncoder::clear() {
  for (const std::uint16_t cpu : touched_) running_[cpu] = 0;
  touched_.clear();
  losses_ = 0;
  kinds_.clear();
  deltas_.clear();
  wide_times_.clear();
  cpus_.clear();
  tids_.clear();
  tid_codes_.clear();
  switch_next_.clear();
  switch_states_.clear();
  switch_state_.clear();
  others_.clear();
  blobs_.clear();
}

}  // namespace reperf::log
