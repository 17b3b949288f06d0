#include "recorder/convert.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

namespace reperf::record {
namespace {

// The kernel's task state as its sched_switch tracepoint reports it: one bit.
std::uint16_t reported_state(std::uint32_t raw) {
  constexpr std::uint32_t kUninterruptible = 2, kReported = 0x7f, kDead = 0x80, kNoLoad = 0x400,
                          kRtLockWait = 0x1000;
  constexpr std::uint16_t kReportedDead = 0x10, kReportedIdle = 0x80;
  if ((raw & kDead) != 0) return kReportedDead;
  if ((raw & kUninterruptible) != 0 && (raw & kNoLoad) != 0) return kReportedIdle;
  if ((raw & kRtLockWait) != 0) return kUninterruptible;
  return static_cast<std::uint16_t>(std::bit_floor(raw & kReported));
}

// Copies the fixed part of a record out of the ring; false when it is too short. Records of
// variable size end where their last array is filled to.
template <class Wire>
bool fetch(std::span<const std::byte> raw, Wire& wire, std::size_t at_least = sizeof(Wire)) {
  if (raw.size() < at_least) return false;
  std::memcpy(&wire, raw.data(), std::min(raw.size(), sizeof(wire)));
  return true;
}

std::string_view name_of(const char (&comm)[REPERF_COMM_LEN]) {
  return {comm, ::strnlen(comm, sizeof(comm))};
}

std::span<const std::byte> bytes_of(const __u8* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

}  // namespace

bool equal_attrs(std::span<const std::byte> a, std::span<const std::byte> b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (!std::equal(a.begin(), a.end(), b.begin())) return false;
  return std::all_of(b.begin() + static_cast<std::ptrdiff_t>(a.size()), b.end(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

Converter::Converter(log::Ns clock_base, RecordSink& sink) : clock_base_(clock_base), sink_(sink) {}

log::Ns Converter::to_log_time(log::Ns stamp) const {
  return stamp > clock_base_ ? stamp - clock_base_ : 0;
}

log::Record Converter::begin(const reperf_wire_header& header) const {
  log::Record record;
  record.time = to_log_time(header.stamp);
  record.tid = header.tid;
  record.cpu = header.cpu;
  return record;
}

template <class Payload>
void Converter::put(const reperf_wire_header& header, const Payload& payload) {
  log::Record record = begin(header);
  record.payload = payload;
  sink_.put(record);
}

void Converter::put_filtered(const reperf_wire_header& header, log::FilterClass what,
                             std::uint64_t count) {
  if (count != 0) put(header, log::Filtered{what, count});
}

void Converter::convert(std::span<const std::byte> raw, std::span<const std::byte> late_attr) {
  reperf_wire_header header{};
  if (!fetch(raw, header)) {
    ++malformed_;
    return;
  }
  switch (header.type) {
    case REPERF_WIRE_SWITCH:
      return on_switch(raw);
    case REPERF_WIRE_MIGRATE:
      return on_migrate(raw);
    case REPERF_WIRE_FORK:
      return on_fork(raw);
    case REPERF_WIRE_EXEC:
      return on_exec(raw);
    case REPERF_WIRE_EXIT:
      return on_exit(raw);
    case REPERF_WIRE_OPEN:
      return on_open(raw, late_attr);
    case REPERF_WIRE_OPEN_RET:
      return on_open_ret(raw);
    case REPERF_WIRE_CALL:
      return on_call(raw);
    case REPERF_WIRE_CALL_RET:
      return on_call_ret(raw);
    case REPERF_WIRE_READ_RET:
      return on_read_ret(raw);
    case REPERF_WIRE_RELEASE:
      return on_release(raw);
    case REPERF_WIRE_SNAP_TASK:
      return on_snap_task(raw);
    case REPERF_WIRE_SNAP_EVENT:
      return on_snap_event(raw);
    case REPERF_WIRE_LOST:
      return on_lost(raw);
    default:
      ++malformed_;
  }
}

void Converter::on_switch(std::span<const std::byte> raw) {
  reperf_wire_switch wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  put_filtered(wire.h, log::FilterClass::sched_switch, wire.filtered);
  put(wire.h, log::SchedSwitch{wire.next_tid, reported_state(wire.prev_state), wire.h.flags != 0});
}

void Converter::on_migrate(std::span<const std::byte> raw) {
  reperf_wire_migrate wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  put_filtered(wire.h, log::FilterClass::sched_migrate_task, wire.filtered);
  put(wire.h, log::SchedMigrateTask{wire.task, wire.orig_cpu, wire.dest_cpu});
}

void Converter::on_fork(std::span<const std::byte> raw) {
  reperf_wire_fork wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  put(wire.h,
      log::SchedProcessFork{wire.child, wire.child_pid, wire.parent_pid, name_of(wire.comm)});
}

void Converter::on_exec(std::span<const std::byte> raw) {
  reperf_wire_exec wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  put(wire.h, log::SchedProcessExec{name_of(wire.comm)});
}

void Converter::on_exit(std::span<const std::byte> raw) {
  reperf_wire_exit wire{};
  fetch(raw, wire);
  put(wire.h, log::SchedProcessExit{});
}

void Converter::on_open(std::span<const std::byte> raw, std::span<const std::byte> late_attr) {
  constexpr std::size_t kFixed = offsetof(reperf_wire_open, attr);
  reperf_wire_open wire{};
  if (!fetch(raw, wire, kFixed) || wire.attr_len > raw.size() - kFixed ||
      wire.attr_len > sizeof(wire.attr)) {
    ++malformed_;
    return;
  }
  log::PerfEventOpen open;
  open.attr = wire.attr_len != 0 ? bytes_of(wire.attr, wire.attr_len) : late_attr;
  open.attr_source = wire.attr_len != 0  ? log::AttrSource::enter
                     : late_attr.empty() ? log::AttrSource::missing
                                         : log::AttrSource::exit;
  open.pid = wire.pid;
  open.cpu = wire.cpu;
  open.group_fd = wire.group_fd;
  open.group_event = wire.group_event;
  open.flags = wire.open_flags;
  open.cred = {wire.euid, wire.cap_effective, wire.init_user_ns != 0};
  passed_attrs_[wire.h.tid].assign(open.attr.begin(), open.attr.end());
  put(wire.h, open);
}

void Converter::on_open_ret(std::span<const std::byte> raw) {
  constexpr std::size_t kFixed = offsetof(reperf_wire_open_ret, data);
  reperf_wire_open_ret wire{};
  if (!fetch(raw, wire, kFixed) || wire.kernel_len > raw.size() - kFixed ||
      wire.kernel_len > sizeof(wire.data)) {
    ++malformed_;
    return;
  }
  log::PerfEventOpenRet ret;
  ret.ret = wire.ret;
  ret.event = wire.event;
  ret.target = wire.target;
  ret.kernel_attr = bytes_of(wire.data, wire.kernel_len);
  const auto passed = passed_attrs_.find(wire.h.tid);
  if (passed != passed_attrs_.end()) {
    if (!passed->second.empty() && equal_attrs(passed->second, ret.kernel_attr)) {
      ret.kernel_attr = {};
    }
    passed_attrs_.erase(passed);
  }
  put(wire.h, ret);
}

void Converter::on_call(std::span<const std::byte> raw) {
  reperf_wire_call wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  switch (wire.h.flags) {
    case REPERF_CALL_IOCTL:
      return put(wire.h, log::Ioctl{wire.event, static_cast<std::uint32_t>(wire.cmd), wire.arg});
    case REPERF_CALL_READ:
      return put(wire.h, log::Read{wire.event, wire.arg});
    case REPERF_CALL_CLOSE:
      return put(wire.h, log::Close{wire.event, static_cast<std::int32_t>(wire.arg)});
    default:
      ++malformed_;
  }
}

// close(2) runs perf_release() before it returns since 6.6; on older kernels it is task work
// behind the return (recorder.md 4.1). The release stands on its side of the return.
void Converter::on_call_ret(std::span<const std::byte> raw) {
  reperf_wire_call_ret wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  if (wire.h.flags == REPERF_CALL_IOCTL) return put(wire.h, log::IoctlRet{wire.ret});
  if (wire.h.flags != REPERF_CALL_CLOSE) {
    ++malformed_;
    return;
  }
  const log::Release release{wire.event, log::ReleaseBy::close};
  if (wire.gone == REPERF_GONE) put(wire.h, release);
  put(wire.h, log::CloseRet{wire.ret});
  if (wire.gone == REPERF_GONE_PENDING) put(wire.h, release);
}

void Converter::on_read_ret(std::span<const std::byte> raw) {
  constexpr std::size_t kFixed = offsetof(reperf_wire_read_ret, data);
  reperf_wire_read_ret wire{};
  if (!fetch(raw, wire, kFixed) || wire.len > raw.size() - kFixed || wire.len > sizeof(wire.data)) {
    ++malformed_;
    return;
  }
  put(wire.h, log::ReadRet{wire.ret, bytes_of(wire.data, wire.len)});
}

void Converter::on_release(std::span<const std::byte> raw) {
  reperf_wire_release wire{};
  if (!fetch(raw, wire) || wire.h.flags > REPERF_RELEASE_OTHER) {
    ++malformed_;
    return;
  }
  put(wire.h, log::Release{wire.event, static_cast<log::ReleaseBy>(wire.h.flags)});
}

void Converter::on_snap_task(std::span<const std::byte> raw) {
  reperf_wire_snap_task wire{};
  if (!fetch(raw, wire)) {
    ++malformed_;
    return;
  }
  put(wire.h, log::SnapshotTask{wire.pid, wire.h.flags != 0, name_of(wire.comm)});
}

std::uint32_t Converter::object_number(std::uint64_t address) {
  if (address == 0) return 0;
  const auto next = static_cast<std::uint32_t>(objects_.size() + 1);
  return objects_.try_emplace(address, next).first->second;
}

void Converter::on_snap_event(std::span<const std::byte> raw) {
  constexpr std::size_t kFixed = offsetof(reperf_wire_snap_event, attr);
  reperf_wire_snap_event wire{};
  if (!fetch(raw, wire, kFixed) || wire.attr_len > raw.size() - kFixed ||
      wire.attr_len > sizeof(wire.attr)) {
    ++malformed_;
    return;
  }
  // Found on its context already, and now once more through a descriptor.
  if (!told_objects_.insert(wire.address).second) return;
  log::SnapshotEvent event;
  event.event = wire.event;
  event.object = object_number(wire.address);
  event.parent = object_number(wire.parent);
  event.leader = object_number(wire.leader);
  event.owner = wire.owner;
  event.state = static_cast<std::int8_t>(wire.state);
  event.cpu = wire.cpu;
  event.oncpu = wire.oncpu;
  event.count = wire.count;
  event.child_count = wire.child_count;
  event.time_enabled = wire.time_enabled;
  event.time_running = wire.time_running;
  event.child_time_enabled = wire.child_time_enabled;
  event.child_time_running = wire.child_time_running;
  event.attr = bytes_of(wire.attr, wire.attr_len);
  put(wire.h, event);
}

void Converter::on_lost(std::span<const std::byte> raw) {
  reperf_wire_lost wire{};
  if (!fetch(raw, wire) || wire.h.flags > REPERF_LOSS_TABLE_FULL) {
    ++malformed_;
    return;
  }
  if (wire.count == 0) return;  // an interrupt reported it first
  log::Record record = begin(wire.h);
  record.payload = log::Lost{static_cast<log::LossCause>(wire.h.flags), wire.count,
                             to_log_time(wire.first), to_log_time(wire.last)};
  sink_.put(record);
}

}  // namespace reperf::record
