@0xc8392841a8516836;
# The messages inside the frames of a log (.rplog). docs/log-format.md describes the container
# around them and what may change; traces/record.h describes what the values mean.
#
# Rules:
#   - Fields are only added, at the end, with the next ordinal. Nothing is removed, renumbered or
#     given another meaning. A reader sees the default for a field that the writer did not know.
#   - A new kind of record gets a new number in Kind and, when it has a payload, a new list in
#     Chunk. A reader that does not know it skips it: nothing else depends on its payload.
#   - Strings are Data: the kernel's names are bytes, not necessarily UTF-8.
#   - Enumerations are UInt8 with the values of traces/record.h. A value that a reader does not
#     know makes the chunk unreadable to it, so a new value needs a new kind or a new field.
#   - "since" says the container version in which a field appeared; none: since version 1.
#
# Columns. A column of N numbers of W bytes is one Data of N * W bytes in byte planes: first the N
# lowest bytes, then the N second ones, and so on. High bytes are mostly constant, so this packs
# far better than whole numbers side by side.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("reperf::log::schema");

struct Header {
  origin @0 :UInt8;        # Origin
  scope @1 :UInt8;         # Scope
  allSwitches @2 :Bool;
  recorder @3 :Data;       # version of the program that made the log
  tier @4 :Data;
  command @5 :Data;
  release @6 :Data;        # uname -r
  version @7 :Data;        # uname -v
  machine @8 :Data;        # uname -m
  cpus @9 :UInt32;         # CPUs possible, 0: not known
  hz @10 :UInt32;          # ticks per second, 0: not known
  clockBase @11 :UInt64;   # ns, CLOCK_MONOTONIC at time 0 of the log
  realtimeBase @12 :UInt64;  # ns since 1970, CLOCK_REALTIME at that moment
  attrSize @13 :UInt32;    # bytes, the kernel's sizeof(struct perf_event_attr), 0: not known
  stateExit @14 :Int32 = -3;
  stateDead @15 :Int32 = -4;
  pmus @16 :List(Pmu);
  sysctls @17 :List(Sysctl);

  struct Pmu {
    name @0 :Data;
    type @1 :UInt32;
    counters @2 :UInt32;  # of a counting PMU of a scenario, a CPU; 0: not known
    muxIntervalMs @3 :UInt32;  # 0: one tick
    constraints @4 :List(Constraint);
  }
  struct Constraint {
    config @0 :UInt64;
    counters @1 :UInt64;  # bit n: counter n
  }
  struct Sysctl {
    name @0 :Data;
    value @1 :Int64;
  }
}

# Up to 65535 records. The four columns kinds, timeDeltas, cpus and tidCodes have one entry for
# each record, in log order. Everything else belongs to one kind and is used up in log order: the
# third record of kind `read` owns reads[2]. So a list's length is the number of its records.
struct Chunk {
  firstTime @0 :UInt64;    # ns, the time that the first delta counts from
  kinds @1 :Data;          # Kind, never 0
  timeDeltas @2 :Data;
  # 4-byte column. Zigzag (0, -1, 1, -2, ... become 0, 1, 2, 3, ...) of the difference to the time
  # of the record before, ns. Ring order is not time order, so it may be negative. 0xffffffff: the
  # difference does not fit, the time is the next one of wideTimes.
  wideTimes @3 :List(UInt64);  # ns, absolute
  cpus @4 :Data;           # 2-byte column
  tids @5 :List(UInt32);   # the distinct thread ids of tidCodes and switchNext, at most 65534
  tidCodes @6 :Data;
  # 2-byte column: 0 is the task that the last sched_switch of this CPU in this chunk switched to,
  # any other value is 1 + a place in tids.
  blobs @7 :Data;          # the bytes that offset and length pairs below point into

  # sched_switch, by far the most frequent kind
  switchNext @8 :Data;     # 2-byte column: a place in tids
  switchStates @9 :List(UInt32);  # the distinct values of prev_state | preempt << 16
  switchState @10 :Data;   # 2-byte column: a place in switchStates

  migrates @11 :List(Migrate);
  forks @12 :List(Fork);
  execs @13 :List(Exec);
  opens @14 :List(Open);
  ioctls @15 :List(Ioctl);
  reads @16 :List(Read);
  closes @17 :List(Close);
  releases @18 :List(Release);
  openRets @19 :List(OpenRet);
  ioctlRets @20 :List(Int64);   # -errno on failure, as all returns
  readRets @21 :List(ReadRet);
  closeRets @22 :List(Int64);
  snapshotCpus @23 :Data;  # 0 offline, 1 online
  snapshotTasks @24 :List(SnapshotTask);
  snapshotEvents @25 :List(SnapshotEvent);
  filtered @26 :List(Filtered);
  lost @27 :List(Lost);
  finishes @28 :List(Finish);
  holds @29 :List(Hold);
  prctls @30 :Data;        # PrctlOp
  cpuDowns @31 :List(UInt16);
  cpuUps @32 :List(UInt16);
  cgroupMkdirs @33 :List(CgroupMkdir);
  cgroupAttaches @34 :List(CgroupAttach);
  overflows @35 :List(Overflow);
  kernelCounters @36 :List(KernelCounter);
  prctlRets @37 :List(Int64);
  kernelCounterRets @38 :List(KernelCounterRet);
  delivers @39 :Data;      # 1 the oldest only, 0 all
  defers @40 :List(Name);
  runWorks @41 :List(Name);
  # No payload: sched_process_exit, tick, snapshot_begin, snapshot_end, resume, queue.
}

struct Migrate {
  task @0 :UInt32;
  origCpu @1 :UInt16;
  destCpu @2 :UInt16;
}

struct Fork {
  child @0 :UInt32;
  childPid @1 :UInt32;
  parentPid @2 :UInt32;
  commOffset @3 :UInt32;
  commLength @4 :UInt32;
}

struct Exec {
  commOffset @0 :UInt32;
  commLength @1 :UInt32;
}

struct Open {
  attrOffset @0 :UInt32;
  attrLength @1 :UInt32;
  attrSource @2 :UInt8;    # AttrSource
  initUserNs @3 :Bool;
  pid @4 :Int32;
  cpu @5 :Int32;
  groupFd @6 :Int32;
  groupEvent @7 :UInt64;
  flags @8 :UInt64;
  euid @9 :UInt32;
  capEffective @10 :UInt64;
  cgroup @11 :UInt64;      # id, 0: none or not known
}

struct Ioctl {
  event @0 :UInt64;
  cmd @1 :UInt32;
  arg @2 :UInt64;
  value @3 :UInt64;        # what arg points to, 0: not known
}

struct Read {
  event @0 :UInt64;
  size @1 :UInt64;         # bytes
}

struct Close {
  event @0 :UInt64;
  fd @1 :Int32;
}

struct Release {
  event @0 :UInt64;
  by @1 :UInt8;            # ReleaseBy
}

struct OpenRet {
  ret @0 :Int64;
  event @1 :UInt64;
  target @2 :UInt32;
  attrOffset @3 :UInt32;
  attrLength @4 :UInt32;
}

struct ReadRet {
  ret @0 :Int64;
  dataOffset @1 :UInt32;
  dataLength @2 :UInt32;
}

struct SnapshotTask {
  pid @0 :UInt32;
  running @1 :Bool;
  commOffset @2 :UInt32;
  commLength @3 :UInt32;
}

struct SnapshotEvent {
  event @0 :UInt64;
  object @1 :UInt32;
  parent @2 :UInt32;
  leader @3 :UInt32;
  owner @4 :UInt32;
  state @5 :Int8;
  cpu @6 :Int32;
  oncpu @7 :Int32;
  count @8 :UInt64;
  childCount @9 :UInt64;
  timeEnabled @10 :UInt64;       # ns, as all times
  timeRunning @11 :UInt64;
  childTimeEnabled @12 :UInt64;
  childTimeRunning @13 :UInt64;
  attrOffset @14 :UInt32;
  attrLength @15 :UInt32;
}

struct Filtered {
  what @0 :UInt8;          # FilterClass
  count @1 :UInt64;
}

struct Lost {
  cause @0 :UInt8;         # LossCause
  count @1 :UInt64;
  first @2 :UInt64;        # ns
  last @3 :UInt64;         # ns
}

struct Finish {
  reason @0 :UInt8;        # FinishReason
  status @1 :Int32;
  losses @2 :UInt64;
}

struct Hold {
  pointOffset @0 :UInt32;
  pointLength @1 :UInt32;
  nth @2 :UInt32;
}

struct CgroupMkdir {
  cgroup @0 :UInt64;
  parent @1 :UInt64;
  nameOffset @2 :UInt32;
  nameLength @3 :UInt32;
}

struct CgroupAttach {
  task @0 :UInt32;
  cgroup @1 :UInt64;
}

struct Overflow {
  event @0 :UInt64;
  inDel @1 :Bool;
}

struct KernelCounter {
  attrOffset @0 :UInt32;
  attrLength @1 :UInt32;
  pid @2 :Int32;
  cpu @3 :Int32;
}

struct KernelCounterRet {
  ret @0 :Int64;
  event @1 :UInt64;
}

struct Name {
  nameOffset @0 :UInt32;
  nameLength @1 :UInt32;
}

# The end of a finished log: where the chunks are. An entry may stand for several neighbouring
# chunks (very long logs), then its offset is that of the first.
struct Index {
  entries @0 :List(Entry);

  struct Entry {
    offset @0 :UInt64;     # of the frame, in bytes from the beginning of the file
    firstSequence @1 :UInt64;
    records @2 :UInt64;
    firstTime @3 :UInt64;  # ns, of the first record
    lastTime @4 :UInt64;   # ns, of the last record
    losses @5 :UInt64;
    chunks @6 :UInt32;
  }
}
