#include "traces/record.h"

#include <algorithm>
#include <array>

namespace reperf::log {
namespace {

// The kind of each alternative of Payload, in its order.
constexpr std::array kKinds = {
    Kind::sched_switch,
    Kind::sched_migrate_task,
    Kind::sched_process_fork,
    Kind::sched_process_exec,
    Kind::sched_process_exit,
    Kind::perf_event_open,
    Kind::ioctl,
    Kind::read,
    Kind::close,
    Kind::release,
    Kind::prctl,
    Kind::cpu_down,
    Kind::cpu_up,
    Kind::cgroup_mkdir,
    Kind::cgroup_attach_task,
    Kind::overflow,
    Kind::tick,
    Kind::kernel_counter,
    Kind::perf_event_open_ret,
    Kind::ioctl_ret,
    Kind::read_ret,
    Kind::close_ret,
    Kind::prctl_ret,
    Kind::kernel_counter_ret,
    Kind::snapshot_begin,
    Kind::snapshot_cpu,
    Kind::snapshot_task,
    Kind::snapshot_event,
    Kind::snapshot_end,
    Kind::filtered,
    Kind::lost,
    Kind::finish,
    Kind::hold,
    Kind::resume,
    Kind::queue,
    Kind::deliver,
    Kind::defer,
    Kind::run_work,
};
static_assert(kKinds.size() == std::variant_size_v<Payload>);

bool same(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

template <class T>
bool same_payload(const T& a, const T& b) {
  return a == b;
}

bool same_payload(const PerfEventOpen& a, const PerfEventOpen& b) {
  return same(a.attr, b.attr) && a.attr_source == b.attr_source && a.pid == b.pid &&
         a.cpu == b.cpu && a.group_fd == b.group_fd && a.group_event == b.group_event &&
         a.flags == b.flags && a.cgroup == b.cgroup && a.cred == b.cred;
}

bool same_payload(const KernelCounter& a, const KernelCounter& b) {
  return same(a.attr, b.attr) && a.pid == b.pid && a.cpu == b.cpu;
}

bool same_payload(const PerfEventOpenRet& a, const PerfEventOpenRet& b) {
  return a.ret == b.ret && a.event == b.event && a.target == b.target &&
         same(a.kernel_attr, b.kernel_attr);
}

bool same_payload(const ReadRet& a, const ReadRet& b) {
  return a.ret == b.ret && same(a.data, b.data);
}

bool same_payload(const SnapshotEvent& a, const SnapshotEvent& b) {
  return a.event == b.event && a.object == b.object && a.parent == b.parent &&
         a.leader == b.leader && a.owner == b.owner && a.state == b.state && a.cpu == b.cpu &&
         a.oncpu == b.oncpu && a.count == b.count && a.child_count == b.child_count &&
         a.time_enabled == b.time_enabled && a.time_running == b.time_running &&
         a.child_time_enabled == b.child_time_enabled &&
         a.child_time_running == b.child_time_running && same(a.attr, b.attr);
}

}  // namespace

Kind Record::kind() const { return kKinds[payload.index()]; }

bool equal(const Record& a, const Record& b) {
  if (a.time != b.time || a.tid != b.tid || a.cpu != b.cpu) return false;
  if (a.payload.index() != b.payload.index()) return false;
  return std::visit(
      [&](const auto& payload) {
        return same_payload(payload, std::get<std::decay_t<decltype(payload)>>(b.payload));
      },
      a.payload);
}

KindClass kind_class(Kind kind) {
  // The numbers of Kind leave room for 31 stimuli and 32 of each of the others.
  switch (static_cast<unsigned>(kind) / 32) {
    case 0:
      return KindClass::stimulus;
    case 1:
      return KindClass::observation;
    case 2:
      return KindClass::provenance;
    default:
      return KindClass::directive;
  }
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
#define REPERF_KIND(name) \
  case Kind::name:        \
    return #name;
    REPERF_KIND(sched_switch)
    REPERF_KIND(sched_migrate_task)
    REPERF_KIND(sched_process_fork)
    REPERF_KIND(sched_process_exec)
    REPERF_KIND(sched_process_exit)
    REPERF_KIND(perf_event_open)
    REPERF_KIND(ioctl)
    REPERF_KIND(read)
    REPERF_KIND(close)
    REPERF_KIND(release)
    REPERF_KIND(prctl)
    REPERF_KIND(cpu_down)
    REPERF_KIND(cpu_up)
    REPERF_KIND(cgroup_mkdir)
    REPERF_KIND(cgroup_attach_task)
    REPERF_KIND(overflow)
    REPERF_KIND(tick)
    REPERF_KIND(kernel_counter)
    REPERF_KIND(perf_event_open_ret)
    REPERF_KIND(ioctl_ret)
    REPERF_KIND(read_ret)
    REPERF_KIND(close_ret)
    REPERF_KIND(prctl_ret)
    REPERF_KIND(kernel_counter_ret)
    REPERF_KIND(snapshot_begin)
    REPERF_KIND(snapshot_cpu)
    REPERF_KIND(snapshot_task)
    REPERF_KIND(snapshot_event)
    REPERF_KIND(snapshot_end)
    REPERF_KIND(filtered)
    REPERF_KIND(lost)
    REPERF_KIND(finish)
    REPERF_KIND(hold)
    REPERF_KIND(resume)
    REPERF_KIND(queue)
    REPERF_KIND(deliver)
    REPERF_KIND(defer)
    REPERF_KIND(run_work)
#undef REPERF_KIND
  }
  return "unknown";
}

}  // namespace reperf::log
