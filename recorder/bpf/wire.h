/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the BPF programs put into the ring buffer, for both sides (recorder.md 9).
 *
 * Every record starts with the 16-byte header. Order is the position in the ring, never the
 * stamp (recorder.md 6). Kernel addresses serve as identities inside one recording only; the
 * collector turns them into numbers and never writes them into a log.
 */
#ifndef REPERF_RECORDER_WIRE_H
#define REPERF_RECORDER_WIRE_H

#include <linux/types.h>

#define REPERF_COMM_LEN 16
#define REPERF_ATTR_MAX 256  /* bytes of a perf_event_attr kept; the kernel's has 136 in 6.18 */
#define REPERF_READ_MAX 2048 /* bytes of a read() kept: a group of over 60 members */
#define REPERF_MAX_CPUS 1024
#define REPERF_MAX_SYSCALLS 512
#define REPERF_NO_CPU 0xffff

enum reperf_wire_type {
  REPERF_WIRE_SWITCH = 1,
  REPERF_WIRE_MIGRATE = 2,
  REPERF_WIRE_FORK = 3,
  REPERF_WIRE_EXEC = 4,
  REPERF_WIRE_EXIT = 5,
  REPERF_WIRE_OPEN = 6,
  REPERF_WIRE_OPEN_RET = 7,
  REPERF_WIRE_CALL = 8,     /* ioctl, read or close entering */
  REPERF_WIRE_CALL_RET = 9, /* ioctl or close returning */
  REPERF_WIRE_READ_RET = 10,
  REPERF_WIRE_RELEASE = 11,
  REPERF_WIRE_SNAP_TASK = 12,
  REPERF_WIRE_SNAP_EVENT = 13,
  REPERF_WIRE_LOST = 14,
};

/* Classes of system calls; also the index "which call is this thread in". */
enum reperf_call {
  REPERF_CALL_NONE = 0,
  REPERF_CALL_OPEN = 1,
  REPERF_CALL_IOCTL = 2,
  REPERF_CALL_READ = 3,
  REPERF_CALL_CLOSE = 4,
  /* Not recorded themselves: they can drop the last reference to a perf file. */
  REPERF_CALL_DUP2 = 5,
  REPERF_CALL_CLOSE_RANGE = 6,
  REPERF_CALL_MUNMAP = 7,
  REPERF_CALL_EXEC = 8,
};

/* Numbers are those of reperf::log, so that no table stands between them. */
enum reperf_release_by {
  REPERF_RELEASE_CLOSE = 0,
  REPERF_RELEASE_EXIT = 1,
  REPERF_RELEASE_OTHER = 2,
};
enum reperf_loss {
  REPERF_LOSS_RING_FULL = 0,
  REPERF_LOSS_UNREADABLE = 2,
  REPERF_LOSS_TABLE_FULL = 3,
};

/* When perf_release() of a file ran, as seen when a call returned (recorder.md 4.1). */
enum reperf_gone {
  REPERF_ALIVE = 0,
  REPERF_GONE_PENDING = 1, /* no reference left; release runs as task work after the call */
  REPERF_GONE = 2,         /* the event is DEAD, or its memory carries another id */
};

struct reperf_wire_header {
  __u64 stamp; /* CLOCK_MONOTONIC, ns */
  __u32 tid;
  __u16 cpu;
  __u8 type;  /* enum reperf_wire_type */
  __u8 flags; /* per type */
};

struct reperf_wire_switch {
  struct reperf_wire_header h; /* tid: the task that leaves; flags: preempt */
  __u32 next_tid;
  __u32 prev_state;
  __u64 filtered; /* switches of this CPU only counted since its last record */
};

struct reperf_wire_migrate {
  struct reperf_wire_header h;
  __u32 task;
  __u16 orig_cpu;
  __u16 dest_cpu;
  __u64 filtered;
};

struct reperf_wire_fork {
  struct reperf_wire_header h;
  __u32 child;
  __u32 child_pid;
  __u32 parent_pid;
  __u32 pad;
  char comm[REPERF_COMM_LEN];
};

struct reperf_wire_exec {
  struct reperf_wire_header h;
  char comm[REPERF_COMM_LEN];
};

struct reperf_wire_exit {
  struct reperf_wire_header h;
};

struct reperf_wire_open {
  struct reperf_wire_header h; /* flags: 1 if the attr could be copied */
  __s32 pid;
  __s32 cpu;
  __s32 group_fd;
  __u32 attr_len;
  __u64 group_event;
  __u64 open_flags;
  __u64 cap_effective;
  __u32 euid;
  __u32 init_user_ns;
  __u8 attr[REPERF_ATTR_MAX]; /* attr_len bytes of it are sent */
};

struct reperf_wire_open_ret {
  struct reperf_wire_header h;
  __s64 ret;
  __u64 event;
  __u32 target;
  __u16 kernel_len; /* bytes of the kernel's copy, first in `data` */
  __u16 user_len;   /* then the caller's, when it could not be had at enter */
  __u8 data[2 * REPERF_ATTR_MAX];
};

struct reperf_wire_call {
  struct reperf_wire_header h; /* flags: enum reperf_call */
  __u64 event;
  __u64 arg; /* ioctl: argument; read: size; close: descriptor */
  __u64 cmd; /* ioctl */
};

struct reperf_wire_call_ret {
  struct reperf_wire_header h; /* flags: enum reperf_call */
  __s64 ret;
  __u64 event;
  __u32 gone; /* close: enum reperf_gone, if this was the first to see it */
  __u32 pad;
};

struct reperf_wire_read_ret {
  struct reperf_wire_header h;
  __s64 ret;
  __u32 len;
  __u32 pad;
  __u8 data[REPERF_READ_MAX];
};

struct reperf_wire_release {
  struct reperf_wire_header h; /* flags: enum reperf_release_by */
  __u64 event;
};

struct reperf_wire_snap_task {
  struct reperf_wire_header h; /* flags: 1 if running */
  __u32 pid;
  __u32 pad;
  char comm[REPERF_COMM_LEN];
};

struct reperf_wire_snap_event {
  struct reperf_wire_header h; /* tid, cpu: where its context is */
  __u64 address;
  __u64 parent;
  __u64 leader;
  __u64 event;
  __u32 owner;
  __s32 state;
  __s32 cpu;
  __s32 oncpu;
  __u64 count;
  __u64 child_count;
  __u64 time_enabled;
  __u64 time_running;
  __u64 child_time_enabled;
  __u64 child_time_running;
  __u32 attr_len;
  __u32 pad;
  __u8 attr[REPERF_ATTR_MAX];
};

struct reperf_wire_lost {
  struct reperf_wire_header h; /* flags: enum reperf_loss */
  __u64 count;
  __u64 first;
  __u64 last;
};

/* Per CPU; read by the collector at the end for what no record carried any more. */
struct reperf_cpu_state {
  __u64 filtered_switches;
  __u64 filtered_migrations;
  __u64 lost;
  __u64 lost_first;
  __u64 lost_last;
};

#endif
