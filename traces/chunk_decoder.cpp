#include "traces/chunk_decoder.h"

#include <capnp/serialize.h>
#include <fmt/format.h>
#include <kj/exception.h>

#include <algorithm>

#include "traces/columns.h"

namespace reperf::log {
namespace {

// Why a chunk is no good. Thrown inside load() only, which catches it beside Cap'n Proto's own
// exceptions: a decoder that checks a result after each of a hundred steps hides its format.
struct BadChunk {
  std::string what;
};

const std::array<bool, 256> kKnown = [] {
  std::array<bool, 256> known{};
  for (std::size_t kind = 0; kind < known.size(); ++kind) {
    known[kind] = kind_name(static_cast<Kind>(kind)) != "unknown";
  }
  return known;
}();

[[noreturn]] void bad(std::string what) { throw BadChunk{std::move(what)}; }

void expect_size(std::string_view list, std::size_t size, std::size_t expected) {
  if (size != expected) bad(fmt::format("{} has {} entries instead of {}", list, size, expected));
}

const std::uint8_t* column(std::string_view name, capnp::Data::Reader data, std::size_t width,
                           std::size_t count) {
  if (data.size() != width * count) {
    bad(fmt::format("column {} has {} bytes instead of {}", name, data.size(), width * count));
  }
  return data.begin();
}

template <class E>
E enumerator(std::string_view name, std::uint8_t value, E last) {
  if (value > static_cast<std::uint8_t>(last))
    bad(fmt::format("{} {} does not exist", name, value));
  return static_cast<E>(value);
}

template <class List>
struct Cursor {
  List list;
  std::uint32_t used = 0;
  std::size_t open(List opened) {
    list = opened;
    return list.size();
  }
  auto next() { return list[used++]; }
};
template <class T>
using StructCursor = Cursor<typename capnp::List<T, capnp::Kind::STRUCT>::Reader>;
using NumberCursor = Cursor<capnp::List<std::int64_t>::Reader>;

// Fetches the lists of the kinds without columns, then hands out their entries in order. One
// get() a kind, in the order of log.capnp. The constructor has checked every length.
class Lists {
 public:
  template <class Counts>
  Lists(schema::Chunk::Reader chunk, const Counts& counts) : blobs_(chunk.getBlobs()) {
    const auto expect = [&](std::string_view name, std::size_t size, Kind kind) {
      expect_size(name, size, counts[static_cast<std::size_t>(kind)]);
    };
    expect("migrates", migrates_.open(chunk.getMigrates()), Kind::sched_migrate_task);
    expect("forks", forks_.open(chunk.getForks()), Kind::sched_process_fork);
    expect("execs", execs_.open(chunk.getExecs()), Kind::sched_process_exec);
    expect("opens", opens_.open(chunk.getOpens()), Kind::perf_event_open);
    expect("ioctls", ioctls_.open(chunk.getIoctls()), Kind::ioctl);
    expect("reads", reads_.open(chunk.getReads()), Kind::read);
    expect("closes", closes_.open(chunk.getCloses()), Kind::close);
    expect("releases", releases_.open(chunk.getReleases()), Kind::release);
    expect("openRets", open_rets_.open(chunk.getOpenRets()), Kind::perf_event_open_ret);
    expect("ioctlRets", ioctl_rets_.open(chunk.getIoctlRets()), Kind::ioctl_ret);
    expect("readRets", read_rets_.open(chunk.getReadRets()), Kind::read_ret);
    expect("closeRets", close_rets_.open(chunk.getCloseRets()), Kind::close_ret);
    expect("snapshotCpus", cpus_.open(chunk.getSnapshotCpus()), Kind::snapshot_cpu);
    expect("snapshotTasks", tasks_.open(chunk.getSnapshotTasks()), Kind::snapshot_task);
    expect("snapshotEvents", events_.open(chunk.getSnapshotEvents()), Kind::snapshot_event);
    expect("filtered", filtered_.open(chunk.getFiltered()), Kind::filtered);
    expect("lost", lost_.open(chunk.getLost()), Kind::lost);
    expect("finishes", finishes_.open(chunk.getFinishes()), Kind::finish);
    expect("holds", holds_.open(chunk.getHolds()), Kind::hold);
    expect("prctls", prctls_.open(chunk.getPrctls()), Kind::prctl);
    expect("cpuDowns", cpu_downs_.open(chunk.getCpuDowns()), Kind::cpu_down);
    expect("cpuUps", cpu_ups_.open(chunk.getCpuUps()), Kind::cpu_up);
    expect("cgroupMkdirs", cgroup_mkdirs_.open(chunk.getCgroupMkdirs()), Kind::cgroup_mkdir);
    expect("cgroupAttaches", cgroup_attaches_.open(chunk.getCgroupAttaches()),
           Kind::cgroup_attach_task);
    expect("overflows", overflows_.open(chunk.getOverflows()), Kind::overflow);
    expect("kernelCounters", kernel_counters_.open(chunk.getKernelCounters()),
           Kind::kernel_counter);
    expect("prctlRets", prctl_rets_.open(chunk.getPrctlRets()), Kind::prctl_ret);
    expect("kernelCounterRets", kernel_counter_rets_.open(chunk.getKernelCounterRets()),
           Kind::kernel_counter_ret);
    expect("delivers", delivers_.open(chunk.getDelivers()), Kind::deliver);
    expect("defers", defers_.open(chunk.getDefers()), Kind::defer);
    expect("runWorks", run_works_.open(chunk.getRunWorks()), Kind::run_work);
  }

  // False: not a kind that this program knows.
  bool get(Kind kind, Payload& to) {
    return get_stimulus(kind, to) || get_rare(kind, to) || get_other(kind, to) ||
           get_directive(kind, to);
  }

 private:
  bool get_stimulus(Kind kind, Payload& to) {
    switch (kind) {
      case Kind::sched_switch:
        return false;  // has columns, never asked for
      case Kind::sched_migrate_task:
        to = get(migrates_.next());
        return true;
      case Kind::sched_process_fork:
        to = get(forks_.next());
        return true;
      case Kind::sched_process_exec:
        to = get(execs_.next());
        return true;
      case Kind::sched_process_exit:
        to = SchedProcessExit{};
        return true;
      case Kind::perf_event_open:
        to = get(opens_.next());
        return true;
      case Kind::ioctl:
        to = get(ioctls_.next());
        return true;
      case Kind::read:
        to = get(reads_.next());
        return true;
      case Kind::close:
        to = get(closes_.next());
        return true;
      case Kind::release:
        to = get(releases_.next());
        return true;
      default:
        return false;
    }
  }

  bool get_rare(Kind kind, Payload& to) {
    switch (kind) {
      case Kind::prctl:
        to = Prctl{prctl_op(prctls_.next())};
        return true;
      case Kind::cpu_down:
        to = CpuDown{cpu_downs_.next()};
        return true;
      case Kind::cpu_up:
        to = CpuUp{cpu_ups_.next()};
        return true;
      case Kind::cgroup_mkdir:
        to = get(cgroup_mkdirs_.next());
        return true;
      case Kind::cgroup_attach_task:
        to = get(cgroup_attaches_.next());
        return true;
      case Kind::overflow:
        to = get(overflows_.next());
        return true;
      case Kind::tick:
        to = Tick{};
        return true;
      case Kind::kernel_counter:
        to = get(kernel_counters_.next());
        return true;
      case Kind::prctl_ret:
        to = PrctlRet{prctl_rets_.next()};
        return true;
      case Kind::kernel_counter_ret:
        to = get(kernel_counter_rets_.next());
        return true;
      default:
        return false;
    }
  }

  bool get_directive(Kind kind, Payload& to) {
    switch (kind) {
      case Kind::hold:
        to = get(holds_.next());
        return true;
      case Kind::resume:
        to = Resume{};
        return true;
      case Kind::queue:
        to = Queue{};
        return true;
      case Kind::deliver:
        to = Deliver{truth("delivers", delivers_.next())};
        return true;
      case Kind::defer:
        to = Defer{name(defers_.next())};
        return true;
      case Kind::run_work:
        to = RunWork{name(run_works_.next())};
        return true;
      default:
        return false;
    }
  }

  bool get_other(Kind kind, Payload& to) {
    switch (kind) {
      case Kind::perf_event_open_ret:
        to = get(open_rets_.next());
        return true;
      case Kind::ioctl_ret:
        to = IoctlRet{ioctl_rets_.next()};
        return true;
      case Kind::read_ret:
        to = get(read_rets_.next());
        return true;
      case Kind::close_ret:
        to = CloseRet{close_rets_.next()};
        return true;
      case Kind::snapshot_begin:
        to = SnapshotBegin{};
        return true;
      case Kind::snapshot_cpu:
        to = get(cpus_.next());
        return true;
      case Kind::snapshot_task:
        to = get(tasks_.next());
        return true;
      case Kind::snapshot_event:
        to = get(events_.next());
        return true;
      case Kind::snapshot_end:
        to = SnapshotEnd{};
        return true;
      case Kind::filtered:
        to = get(filtered_.next());
        return true;
      case Kind::lost:
        to = get(lost_.next());
        return true;
      case Kind::finish:
        to = get(finishes_.next());
        return true;
      default:
        return false;
    }
  }

  Bytes blob(std::uint32_t offset, std::uint32_t length) const {
    if (length == 0) return {};
    if (offset > blobs_.size() || length > blobs_.size() - offset) {
      bad(fmt::format("bytes {}+{} lie outside the {} bytes of blobs", offset, length,
                      blobs_.size()));
    }
    return {reinterpret_cast<const std::byte*>(blobs_.begin()) + offset, length};
  }
  std::string_view text(std::uint32_t offset, std::uint32_t length) const {
    const Bytes bytes = blob(offset, length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  Hold get(schema::Hold::Reader from) const {
    return {text(from.getPointOffset(), from.getPointLength()), from.getNth()};
  }
  template <class From>
  std::string_view name(const From& from) const {
    return text(from.getNameOffset(), from.getNameLength());
  }
  static bool truth(std::string_view list, std::uint8_t value) {
    if (value > 1) bad(fmt::format("{} entry {} does not exist", list, value));
    return value == 1;
  }
  static PrctlOp prctl_op(std::uint8_t value) {
    const auto op = static_cast<PrctlOp>(value);
    if (op != PrctlOp::enable && op != PrctlOp::disable) {
      bad(fmt::format("prctls entry {} does not exist", value));
    }
    return op;
  }
  template <class From>
  std::string_view comm(const From& from) const {
    return text(from.getCommOffset(), from.getCommLength());
  }
  template <class From>
  Bytes attr(const From& from) const {
    return blob(from.getAttrOffset(), from.getAttrLength());
  }

  SchedMigrateTask get(schema::Migrate::Reader from) const {
    return {from.getTask(), from.getOrigCpu(), from.getDestCpu()};
  }
  SchedProcessFork get(schema::Fork::Reader from) const {
    return {from.getChild(), from.getChildPid(), from.getParentPid(), comm(from)};
  }
  SchedProcessExec get(schema::Exec::Reader from) const { return {comm(from)}; }
  PerfEventOpen get(schema::Open::Reader from) const {
    PerfEventOpen to;
    to.attr = attr(from);
    to.attr_source = enumerator("attrSource", from.getAttrSource(), AttrSource::missing);
    to.pid = from.getPid();
    to.cpu = from.getCpu();
    to.group_fd = from.getGroupFd();
    to.group_event = from.getGroupEvent();
    to.flags = from.getFlags();
    to.cgroup = from.getCgroup();
    to.cred = {from.getEuid(), from.getCapEffective(), from.getInitUserNs()};
    return to;
  }
  Ioctl get(schema::Ioctl::Reader from) const {
    return {from.getEvent(), from.getCmd(), from.getArg(), from.getValue()};
  }
  Read get(schema::Read::Reader from) const { return {from.getEvent(), from.getSize()}; }
  Close get(schema::Close::Reader from) const { return {from.getEvent(), from.getFd()}; }
  Release get(schema::Release::Reader from) const {
    return {from.getEvent(), enumerator("by", from.getBy(), ReleaseBy::other)};
  }
  PerfEventOpenRet get(schema::OpenRet::Reader from) const {
    return {from.getRet(), from.getEvent(), from.getTarget(), attr(from)};
  }
  CgroupMkdir get(schema::CgroupMkdir::Reader from) const {
    return {from.getCgroup(), from.getParent(), name(from)};
  }
  CgroupAttachTask get(schema::CgroupAttach::Reader from) const {
    return {from.getTask(), from.getCgroup()};
  }
  Overflow get(schema::Overflow::Reader from) const { return {from.getEvent(), from.getInDel()}; }
  KernelCounter get(schema::KernelCounter::Reader from) const {
    return {attr(from), from.getPid(), from.getCpu()};
  }
  KernelCounterRet get(schema::KernelCounterRet::Reader from) const {
    return {from.getRet(), from.getEvent()};
  }
  ReadRet get(schema::ReadRet::Reader from) const {
    return {from.getRet(), blob(from.getDataOffset(), from.getDataLength())};
  }
  SnapshotCpu get(std::uint8_t online) const { return {truth("snapshotCpus", online)}; }
  SnapshotTask get(schema::SnapshotTask::Reader from) const {
    return {from.getPid(), from.getRunning(), comm(from)};
  }
  SnapshotEvent get(schema::SnapshotEvent::Reader from) const {
    SnapshotEvent to;
    to.event = from.getEvent();
    to.object = from.getObject();
    to.parent = from.getParent();
    to.leader = from.getLeader();
    to.owner = from.getOwner();
    to.state = from.getState();
    to.cpu = from.getCpu();
    to.oncpu = from.getOncpu();
    to.count = from.getCount();
    to.child_count = from.getChildCount();
    to.time_enabled = from.getTimeEnabled();
    to.time_running = from.getTimeRunning();
    to.child_time_enabled = from.getChildTimeEnabled();
    to.child_time_running = from.getChildTimeRunning();
    to.attr = attr(from);
    return to;
  }
  Filtered get(schema::Filtered::Reader from) const {
    return {enumerator("what", from.getWhat(), FilterClass::sched_migrate_task), from.getCount()};
  }
  Lost get(schema::Lost::Reader from) const {
    return {enumerator("cause", from.getCause(), LossCause::disk), from.getCount(), from.getFirst(),
            from.getLast()};
  }
  Finish get(schema::Finish::Reader from) const {
    return {enumerator("reason", from.getReason(), FinishReason::error), from.getStatus(),
            from.getLosses()};
  }

  capnp::Data::Reader blobs_;
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
  Cursor<capnp::Data::Reader> cpus_;
  StructCursor<schema::SnapshotTask> tasks_;
  StructCursor<schema::SnapshotEvent> events_;
  StructCursor<schema::Filtered> filtered_;
  StructCursor<schema::Lost> lost_;
  StructCursor<schema::Finish> finishes_;
  StructCursor<schema::Hold> holds_;
  Cursor<capnp::Data::Reader> prctls_;
  Cursor<capnp::List<std::uint16_t>::Reader> cpu_downs_;
  Cursor<capnp::List<std::uint16_t>::Reader> cpu_ups_;
  StructCursor<schema::CgroupMkdir> cgroup_mkdirs_;
  StructCursor<schema::CgroupAttach> cgroup_attaches_;
  StructCursor<schema::Overflow> overflows_;
  StructCursor<schema::KernelCounter> kernel_counters_;
  NumberCursor prctl_rets_;
  StructCursor<schema::KernelCounterRet> kernel_counter_rets_;
  Cursor<capnp::Data::Reader> delivers_;
  StructCursor<schema::Name> defers_;
  StructCursor<schema::Name> run_works_;
};

}  // namespace

Result<void> ChunkDecoder::load(kj::ArrayPtr<const capnp::word> message, const FrameHeader& frame) {
  count_ = at_ = switch_at_ = other_at_ = unknown_ = 0;
  try {
    capnp::ReaderOptions options;
    // Every list is fetched a constant number of times; what asks for more is an attack.
    options.traversalLimitInWords = message.size() * 4 + 4096;
    options.nestingLimit = 8;
    capnp::FlatArrayMessageReader reader(message, options);
    if (reader.getEnd() != message.end()) bad("the message is shorter than its frame");
    decode(reader.getRoot<schema::Chunk>(), frame);
  } catch (const BadChunk& e) {
    return Error{ErrorKind::input, e.what, "", 0, 0};
  } catch (const kj::Exception& e) {
    return Error{ErrorKind::input,
                 fmt::format("not a valid message: {}", e.getDescription().cStr()), "", 0, 0};
  }
  count_ = frame.count;
  return {};
}

void ChunkDecoder::decode(schema::Chunk::Reader chunk, const FrameHeader& frame) {
  const capnp::Data::Reader kinds = chunk.getKinds();
  expect_size("kinds", kinds.size(), frame.count);
  kinds_ = {kinds.begin(), kinds.size()};
  Counts counts{};
  for (const std::uint8_t kind : kinds_) ++counts[kind];
  if (counts[0] != 0) bad("record of kind 0");

  decode_times(chunk);
  join_planes(column("cpus", chunk.getCpus(), 2, kinds_.size()), kinds_.size(), cpus_);
  decode_switches(chunk, counts[static_cast<std::size_t>(Kind::sched_switch)]);
  decode_tids(chunk);
  decode_others(chunk, counts);
  check_summary(frame);
}

void ChunkDecoder::decode_times(schema::Chunk::Reader chunk) {
  const std::size_t n = kinds_.size();
  join_planes(column("timeDeltas", chunk.getTimeDeltas(), 4, n), n, deltas_);
  const auto wide = chunk.getWideTimes();
  std::uint32_t wide_at = 0;
  Ns time = chunk.getFirstTime();
  times_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (deltas_[i] != kWideTime) {
      time += static_cast<Ns>(static_cast<std::int64_t>(unzigzag(deltas_[i])));
    } else {
      if (wide_at == wide.size()) bad("wideTimes is too short");
      time = wide[wide_at++];
    }
    times_[i] = time;
  }
  expect_size("wideTimes", wide.size(), wide_at);
}

void ChunkDecoder::decode_switches(schema::Chunk::Reader chunk, std::uint32_t count) {
  const auto tids = chunk.getTids();
  const auto states = chunk.getSwitchStates();
  const std::uint8_t* next = column("switchNext", chunk.getSwitchNext(), 2, count);
  const std::uint8_t* state = column("switchState", chunk.getSwitchState(), 2, count);
  switches_.resize(count);
  // A plain array: the list has a stride that the compiler cannot know.
  dictionary_.resize(tids.size());
  for (kj::uint i = 0; i < tids.size(); ++i) dictionary_[i] = tids[i];
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t tid_at = next[i] | static_cast<std::size_t>(next[count + i]) << 8;
    const std::size_t state_at = state[i] | static_cast<std::size_t>(state[count + i]) << 8;
    if (tid_at >= dictionary_.size()) bad(fmt::format("switchNext names task {}", tid_at));
    if (state_at >= states.size()) bad(fmt::format("switchState names state {}", state_at));
    const std::uint32_t bits = states[static_cast<kj::uint>(state_at)];
    if (bits >> 17 != 0) bad(fmt::format("switchStates has {:#x}", bits));
    switches_[i] = {dictionary_[tid_at], static_cast<std::uint16_t>(bits), (bits >> 16) != 0};
  }
}

void ChunkDecoder::decode_tids(schema::Chunk::Reader chunk) {
  const std::size_t n = kinds_.size();
  join_planes(column("tidCodes", chunk.getTidCodes(), 2, n), n, codes_);
  tids_.resize(n);
  if (++generation_ == 0) {
    std::ranges::fill(running_, Running{});
    generation_ = 1;
  }
  const std::size_t cpus = n == 0 ? 0 : *std::ranges::max_element(cpus_) + std::size_t{1};
  if (running_.size() < cpus) running_.resize(cpus);
  std::size_t switch_at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint16_t cpu = cpus_[i];
    const std::size_t code = codes_[i];
    if (code == 0) {
      if (running_[cpu].generation != generation_)
        bad(fmt::format("no task is known to run on CPU {}", cpu));
      tids_[i] = running_[cpu].tid;
    } else {
      if (code > dictionary_.size()) bad(fmt::format("tidCodes names task {}", code - 1));
      tids_[i] = dictionary_[code - 1];
    }
    if (kinds_[i] == static_cast<std::uint8_t>(Kind::sched_switch)) {
      running_[cpu] = {switches_[switch_at++].next_tid, generation_};
    }
  }
}

void ChunkDecoder::decode_others(schema::Chunk::Reader chunk, const Counts& counts) {
  losses_ = 0;
  others_.clear();
  Lists lists(chunk, counts);
  const std::uint32_t switches = counts[static_cast<std::size_t>(Kind::sched_switch)];
  if (switches == kinds_.size()) return;
  Payload payload;
  for (const std::uint8_t kind : kinds_) {
    if (kind == static_cast<std::uint8_t>(Kind::sched_switch)) continue;
    if (!lists.get(static_cast<Kind>(kind), payload)) {
      ++unknown_;
      continue;
    }
    if (const auto* lost = std::get_if<Lost>(&payload)) losses_ += lost->count;
    others_.push_back(payload);
  }
}

void ChunkDecoder::check_summary(const FrameHeader& frame) const {
  if (times_.empty()) bad("no records");
  if (times_.front() != frame.first_time || times_.back() != frame.last_time) {
    bad("the times of the frame header are not those of the records");
  }
  if (losses_ != frame.losses) bad("the losses of the frame header are not those of the records");
}

bool ChunkDecoder::next(Record& record) {
  while (at_ < count_) {
    const std::uint32_t at = at_++;
    const std::uint8_t kind = kinds_[at];
    if (kind == static_cast<std::uint8_t>(Kind::sched_switch)) {
      record.payload = switches_[switch_at_++];
    } else if (!kKnown[kind]) {
      continue;
    } else {
      record.payload = others_[other_at_++];
    }
    record.time = times_[at];
    record.tid = tids_[at];
    record.cpu = cpus_[at];
    return true;
  }
  return false;
}

}  // namespace reperf::log
