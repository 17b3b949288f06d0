// Records for tests: seeded, of every kind, with many values at the edges of their types.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "traces/record.h"

namespace reperf::log::testing {

class RandomRecords {
 public:
  explicit RandomRecords(std::uint32_t seed) : random_(seed) {}

  // Its views are valid as long as this object.
  Record next();
  Header header();

 private:
  std::uint64_t number();  // of any magnitude
  template <class T>
  T pick() {
    return static_cast<T>(number());
  }
  std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
  std::string string();
  std::string_view text();
  Bytes bytes(std::uint32_t size_max);
  Bytes attr();

  void fill(SchedSwitch& p);
  void fill(SchedMigrateTask& p);
  void fill(SchedProcessFork& p);
  void fill(SchedProcessExec& p);
  void fill(PerfEventOpen& p);
  void fill(Ioctl& p);
  void fill(Read& p);
  void fill(Close& p);
  void fill(Release& p);
  void fill(PerfEventOpenRet& p);
  void fill(IoctlRet& p);
  void fill(ReadRet& p);
  void fill(CloseRet& p);
  void fill(SnapshotCpu& p);
  void fill(SnapshotTask& p);
  void fill(SnapshotEvent& p);
  void fill(Filtered& p);
  void fill(Lost& p);
  void fill(Finish& p);
  void fill(Hold& p);
  void fill(Prctl& p);
  void fill(CpuDown& p);
  void fill(CpuUp& p);
  void fill(CgroupMkdir& p);
  void fill(CgroupAttachTask& p);
  void fill(Overflow& p);
  void fill(KernelCounter& p);
  void fill(PrctlRet& p);
  void fill(KernelCounterRet& p);
  void fill(Deliver& p);
  void fill(Defer& p);
  void fill(RunWork& p);
  template <class T>
  void fill(T&) {}  // no fields
  std::int64_t ret();

  std::mt19937 random_;
  std::vector<std::unique_ptr<std::string>> kept_;
  Ns time_ = 0;
};

// Only context switches, a thousand tasks on four CPUs: what most of a recording is.
std::vector<Record> switches(std::size_t count, std::uint32_t seed);

}  // namespace reperf::log::testing
