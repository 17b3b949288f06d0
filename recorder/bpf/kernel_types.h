/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The fields of kernel structures that the programs read, and nothing else. CO-RE puts the
 * running kernel's offsets in at load time, so building needs neither BTF nor kernel headers.
 * A "flavour" (name___what) describes the same structure in an older kernel (recorder.md 3.1).
 */
#ifndef REPERF_RECORDER_KERNEL_TYPES_H
#define REPERF_RECORDER_KERNEL_TYPES_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
  struct list_head *next, *prev;
};

typedef struct {
  int counter;
} atomic_t;
typedef struct {
  __s64 counter;
} atomic64_t;
typedef struct {
  long counter;
} atomic_long_t;
typedef struct {
  atomic_long_t a;
} local_t;
typedef struct {
  local_t a;
} local64_t;
typedef struct {
  unsigned int val;
} kuid_t;
typedef struct {
  __u64 val; /* up to 6.2 two u32, low word first: the same bytes on little endian */
} kernel_cap_t;

enum perf_event_state {
  PERF_EVENT_STATE_DEAD = -4,
  PERF_EVENT_STATE_EXIT = -3,
};

struct perf_event_attr {
  __u32 type;
  __u32 size;
};

struct pmu {
  const char* name;
  int type;
};

struct task_struct;

struct perf_event_context {
  struct list_head event_list;
  int nr_events;
  struct task_struct* task;
};

/* 6.2 and later; its existence tells the layouts apart. */
struct perf_event_pmu_context {
  struct pmu* pmu;
};

struct perf_event {
  struct list_head event_entry;
  struct perf_event* group_leader;
  struct pmu* pmu;
  enum perf_event_state state;
  local64_t count;
  atomic64_t child_count;
  __u64 total_time_enabled;
  __u64 total_time_running;
  struct perf_event_attr attr;
  struct perf_event_context* ctx;
  atomic64_t child_total_time_enabled;
  atomic64_t child_total_time_running;
  struct perf_event* parent;
  int oncpu;
  int cpu;
  struct task_struct* owner;
  __u64 id;
};

/* 6.13 and later: minus one, the top bits say "dead". */
typedef struct {
  atomic64_t refcnt;
} file_ref_t;

struct file {
  const void* f_op;
  void* private_data;
  file_ref_t f_ref;
};
struct file___counted {
  atomic_long_t f_count;
};

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
  unsigned long* close_on_exec;
  unsigned long* open_fds;
};

struct files_struct {
  struct fdtable* fdt;
};

struct user_namespace {
  int level;
};

struct cred {
  kuid_t euid;
  kernel_cap_t cap_effective;
  struct user_namespace* user_ns;
};

struct thread_info {
  __u32 status; /* x86: TS_COMPAT */
  __u32 cpu;
};

struct pid_namespace;
struct upid {
  int nr;
  struct pid_namespace* ns;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct vm_area_struct {
  struct file* vm_file;
};

struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  int on_cpu;
  unsigned in_execve : 1;
  int pid;
  int tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  const struct cred* cred;
  char comm[16];
  struct files_struct* files;
  struct perf_event_context* perf_event_ctxp;
};
/* Up to 6.1: hardware and software context. */
struct task_struct___two_contexts {
  struct perf_event_context* perf_event_ctxp[2];
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
  unsigned long r10, r9, r8, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
  __u64 regs[31];
  __u64 orig_x0;
  int syscallno;
};
#else
#error "system call arguments are known for x86 and arm64 only"
#endif

struct bpf_iter_meta {
  __u64 seq_num;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop

#endif
