// The keys of every kind of record in the text form, once for printing and parsing.
//
// A Visitor is a RecordPrinter or a RecordParser (kPrints says which). Its functions take a key,
// the field, and what an omitted key means:
//   number, name, text   no default: the key must be there; with a default: printed when different
//   shown                has a default, but is printed always
//   flag                 a bare key: the field has this value when the key is there, else the other
//   bits                 names joined with '|', 0 when omitted
#pragma once

#include <type_traits>

#include "traces/record.h"
#include "traces/text_names.h"

namespace reperf::log {

template <class V, class T>
using Field = std::conditional_t<V::kPrints, const T, T>;

template <class V>
void describe(V& v, Field<V, SchedSwitch>& p) {
  v.number("next", p.next_tid);
  v.task_state("state", p.prev_state, p.preempt);
}

template <class V>
void describe(V& v, Field<V, SchedMigrateTask>& p) {
  v.number("task", p.task);
  v.number("orig_cpu", p.orig_cpu);
  v.number("dest_cpu", p.dest_cpu);
}

template <class V>
void describe(V& v, Field<V, SchedProcessFork>& p) {
  v.number("child", p.child);
  v.number("child_pid", p.child_pid);
  v.number("parent_pid", p.parent_pid);
  v.text("comm", p.comm, "");
}

template <class V>
void describe(V& v, Field<V, SchedProcessExec>& p) {
  v.text("comm", p.comm, "");
}

template <class V>
void describe(V& v, Field<V, PerfEventOpen>& p) {
  v.attr("attr", p.attr);
  v.name("attr_source", p.attr_source, kAttrSources,
         v.missing(p.attr) ? AttrSource::missing : AttrSource::enter);
  v.shown("pid", p.pid, 0);
  v.shown("cpu", p.cpu, -1);
  v.shown("group_fd", p.group_fd, -1);
  v.number("group_event", p.group_event, 0);
  v.bits("flags", p.flags, kOpenFlags);
  v.number("cgroup", p.cgroup, 0);
  v.shown("uid", p.cred.euid, 0);
  v.capabilities("caps", p.cred.cap_effective, p.cred.euid == 0 ? kCapabilitiesAll : 0);
  v.flag("user_ns", p.cred.init_user_ns, false);
}

template <class V>
void describe(V& v, Field<V, Ioctl>& p) {
  v.number("event", p.event);
  v.ioctl("cmd", p.cmd);
  v.shown("arg", p.arg, 0);
  v.number("value", p.value, 0);
}

template <class V>
void describe(V& v, Field<V, Read>& p) {
  v.number("event", p.event);
  v.number("size", p.size);
}

template <class V>
void describe(V& v, Field<V, Close>& p) {
  v.number("event", p.event);
  v.number("fd", p.fd, -1);
}

template <class V>
void describe(V& v, Field<V, Release>& p) {
  v.number("event", p.event);
  v.name("by", p.by, kReleaseBys, ReleaseBy::close);
}

template <class V>
void describe(V& v, Field<V, PerfEventOpenRet>& p) {
  v.ret("ret", p.ret);
  v.number("event", p.event, 0);
  v.number("target", p.target, 0);
  v.attr("kernel_attr", p.kernel_attr, Bytes());
}

template <class V>
void describe(V& v, Field<V, IoctlRet>& p) {
  v.ret("ret", p.ret);
}

template <class V>
void describe(V& v, Field<V, ReadRet>& p) {
  v.ret("ret", p.ret);
  v.data("data", p.data);
}

template <class V>
void describe(V& v, Field<V, CloseRet>& p) {
  v.ret("ret", p.ret);
}

template <class V>
void describe(V& v, Field<V, SnapshotCpu>& p) {
  v.flag("offline", p.online, false);
}

template <class V>
void describe(V& v, Field<V, SnapshotTask>& p) {
  v.number("pid", p.pid);
  v.flag("running", p.running, true);
  v.text("comm", p.comm, "");
}

template <class V>
void describe(V& v, Field<V, SnapshotEvent>& p) {
  v.number("event", p.event);
  v.number("object", p.object);
  v.number("parent", p.parent, 0);
  v.number("leader", p.leader, p.object);
  v.number("owner", p.owner, 0);
  v.event_state("state", p.state);
  v.number("cpu", p.cpu, -1);
  v.number("oncpu", p.oncpu, -1);
  v.number("count", p.count, 0);
  v.number("child_count", p.child_count, 0);
  v.number("time_enabled", p.time_enabled, 0);
  v.number("time_running", p.time_running, 0);
  v.number("child_time_enabled", p.child_time_enabled, 0);
  v.number("child_time_running", p.child_time_running, 0);
  v.attr("attr", p.attr);
}

template <class V>
void describe(V& v, Field<V, Filtered>& p) {
  v.name("what", p.what, kFilterClasses);
  v.number("count", p.count);
}

template <class V>
void describe(V& v, Field<V, Lost>& p) {
  v.name("cause", p.cause, kLossCauses);
  v.number("count", p.count);
  v.number("first", p.first, 0);
  v.number("last", p.last, 0);
}

template <class V>
void describe(V& v, Field<V, Finish>& p) {
  v.name("reason", p.reason, kFinishReasons, FinishReason::command_exited);
  v.number("status", p.status, 0);
  v.number("losses", p.losses, 0);
}

template <class V>
void describe(V& v, Field<V, Hold>& p) {
  v.text("point", p.point);
  v.number("nth", p.nth, 0);
}

template <class V>
void describe(V& v, Field<V, Prctl>& p) {
  v.name("op", p.op, kPrctlOps);
}

template <class V>
void describe(V& v, Field<V, CpuDown>& p) {
  v.number("target", p.target);
}

template <class V>
void describe(V& v, Field<V, CpuUp>& p) {
  v.number("target", p.target);
}

template <class V>
void describe(V& v, Field<V, CgroupMkdir>& p) {
  v.number("cgroup", p.cgroup);
  v.number("parent", p.parent, 1);
  v.text("name", p.name, "");
}

template <class V>
void describe(V& v, Field<V, CgroupAttachTask>& p) {
  v.number("task", p.task);
  v.number("cgroup", p.cgroup);
}

template <class V>
void describe(V& v, Field<V, Overflow>& p) {
  v.number("event", p.event);
  v.flag("in_del", p.in_del, true);
}

template <class V>
void describe(V& v, Field<V, KernelCounter>& p) {
  v.attr("attr", p.attr, Bytes());
  v.number("pid", p.pid, -1);
  v.number("cpu", p.cpu, -1);
}

template <class V>
void describe(V& v, Field<V, PrctlRet>& p) {
  v.ret("ret", p.ret);
}

template <class V>
void describe(V& v, Field<V, KernelCounterRet>& p) {
  v.ret("ret", p.ret);
  v.number("event", p.event, 0);
}

template <class V>
void describe(V& v, Field<V, Deliver>& p) {
  v.flag("one", p.one, true);
}

template <class V>
void describe(V& v, Field<V, Defer>& p) {
  v.text("work", p.work);
}

template <class V>
void describe(V& v, Field<V, RunWork>& p) {
  v.text("work", p.work);
}

// No keys.
template <class V>
void describe(V&, Field<V, SchedProcessExit>&) {}
template <class V>
void describe(V&, Field<V, SnapshotBegin>&) {}
template <class V>
void describe(V&, Field<V, SnapshotEnd>&) {}
template <class V>
void describe(V&, Field<V, Resume>&) {}
template <class V>
void describe(V&, Field<V, Queue>&) {}
template <class V>
void describe(V&, Field<V, Tick>&) {}

}  // namespace reperf::log
