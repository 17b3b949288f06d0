// Logs made by hand, record by record, for tests and benchmarks of replay and check.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "core/test_machine.h"
#include "replayer/session.h"
#include "traces/record.h"

namespace reperf::replay::testing {

namespace model = core::testing;

// Records in order; keeps the bytes that they point to.
class LogBuilder {
 public:
  LogBuilder() {
    header.cpus = 4;
    header.hz = 1000;
    header.sysctls = {{"perf_event_paranoid", -1}};
  }
  void tick(log::Ns ns = 1000) { now_ += ns; }

  // `prev` leaves the CPU for `next`.
  void sched_switch(std::uint16_t cpu, std::uint32_t prev, std::uint32_t next) {
    add(cpu, prev, log::SchedSwitch{next, 1, false});
  }
  void fork(std::uint16_t cpu, std::uint32_t parent, std::uint32_t child) {
    add(cpu, parent, log::SchedProcessFork{child, child, parent, "child"});
  }
  void exit(std::uint16_t cpu, std::uint32_t tid) { add(cpu, tid, log::SchedProcessExit{}); }
  void open_enter(std::uint16_t cpu, std::uint32_t tid, const core::perf_event_attr& attr,
                  std::int32_t pid = 0, std::int32_t on = -1, std::uint64_t group = 0) {
    core::OpenArgs& args = attrs_.emplace_back();
    model::encode(attr, args);
    log::PerfEventOpen x;
    x.attr = args.attr_span();
    x.pid = pid;
    x.cpu = on;
    x.group_fd = group != 0 ? 3 : -1;
    x.group_event = group;
    x.cred.cap_effective = ~std::uint64_t{0};
    add(cpu, tid, x);
  }
  void open_return(std::uint16_t cpu, std::uint32_t tid, std::int64_t ret, std::uint64_t event) {
    log::PerfEventOpenRet x;
    x.ret = ret;
    x.event = event;
    add(cpu, tid, x);
  }
  void open(std::uint16_t cpu, std::uint32_t tid, const core::perf_event_attr& attr,
            std::uint64_t event, std::int32_t pid = 0, std::int32_t on = -1,
            std::uint64_t group = 0) {
    open_enter(cpu, tid, attr, pid, on, group);
    open_return(cpu, tid, 3, event);
  }
  void ioctl_enter(std::uint16_t cpu, std::uint32_t tid, std::uint64_t event, std::uint32_t cmd,
                   std::uint64_t arg = 0) {
    add(cpu, tid, log::Ioctl{event, cmd, arg});
  }
  void ioctl_return(std::uint16_t cpu, std::uint32_t tid, std::int64_t ret = 0) {
    add(cpu, tid, log::IoctlRet{ret});
  }
  void read_enter(std::uint16_t cpu, std::uint32_t tid, std::uint64_t event,
                  std::uint64_t size = 4096) {
    add(cpu, tid, log::Read{event, size});
  }
  void read_return(std::uint16_t cpu, std::uint32_t tid, const std::vector<std::uint64_t>& words) {
    const std::vector<std::uint64_t>& kept = words_.emplace_back(words);
    const log::Bytes bytes = std::as_bytes(std::span{kept});
    add(cpu, tid, log::ReadRet{static_cast<std::int64_t>(bytes.size()), bytes});
  }
  void read(std::uint16_t cpu, std::uint32_t tid, std::uint64_t event,
            const std::vector<std::uint64_t>& words) {
    read_enter(cpu, tid, event);
    read_return(cpu, tid, words);
  }
  void release(std::uint16_t cpu, std::uint32_t tid, std::uint64_t event) {
    add(cpu, tid, log::Release{event, log::ReleaseBy::close});
  }
  template <class Payload>
  void add(std::uint16_t cpu, std::uint32_t tid, const Payload& payload) {
    tick();
    records.push_back(log::Record{now_, tid, cpu, payload});
  }

  log::Header header;
  std::vector<log::Record> records;

 private:
  log::Ns now_ = 0;
  std::deque<core::OpenArgs> attrs_;
  std::deque<std::vector<std::uint64_t>> words_;
};

}  // namespace reperf::replay::testing
