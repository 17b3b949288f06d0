/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What existed before: iterators that the collector runs while the recording is already on
 * (recorder.md 6.1). Their records go through the same ring, so each has its place in the order.
 *
 * Also the calibration: addresses that no symbol gives are read through the collector's own
 * perf descriptors (recorder.md 3.3, 4), which are closed before anything is attached.
 */
#ifndef REPERF_RECORDER_SNAPSHOT_BPF_H
#define REPERF_RECORDER_SNAPSHOT_BPF_H

#include "common.bpf.h"
#include "release.bpf.h"

#define EVENTS_MAX 8192  /* events of one context */
#define ANCESTORS_MAX 32 /* generations looked back to find the root of the scope */

/* ---- calibration, set by the collector */
__s32 calibration_fd = -1;    /* any perf descriptor of its own */
__s32 clock_fd[2] = {-1, -1}; /* a cpu-clock and a task-clock event */

/* ---- and its answers */
__u32 clock_type[2] = {};
char clock_name[2][REPERF_COMM_LEN] = {};

SEC("iter/task_file")
int calibrate(struct bpf_iter__task_file* ctx) {
  struct task_struct* me = bpf_get_current_task_btf();
  struct task_struct* task = ctx->task;
  struct file* file = ctx->file;
  __s32 fd = (__s32)ctx->fd;
  struct perf_event* event;
  __s32 cpu;

  if (!task || !file || task->tgid != me->tgid) return 0;
  self_tgid = (__u32)me->tgid;
  state_exit = (__s32)bpf_core_enum_value(enum perf_event_state, PERF_EVENT_STATE_EXIT);
  state_dead = (__s32)bpf_core_enum_value(enum perf_event_state, PERF_EVENT_STATE_DEAD);
  attr_size = bpf_core_type_size(struct perf_event_attr);
  one_context_per_cpu = bpf_core_type_exists(struct perf_event_pmu_context);
  if (fd == calibration_fd) perf_fops = (__u64)file->f_op;
  if (!perf_fops || (__u64)file->f_op != perf_fops) return 0;
  event = file->private_data;
  cpu = BPF_CORE_READ(event, cpu);
  if (cpu >= 0 && cpu < REPERF_MAX_CPUS)
    cpu_contexts[cpu & (REPERF_MAX_CPUS - 1)] = (__u64)BPF_CORE_READ(event, ctx);
  for (int i = 0; i < 2; i++) {
    if (fd != clock_fd[i]) continue;
    clock_type[i] = (__u32)BPF_CORE_READ(event, pmu, type);
    bpf_probe_read_kernel_str(clock_name[i], sizeof(clock_name[i]),
                              BPF_CORE_READ(event, pmu, name));
  }
  return 0;
}

/* ---- snapshot, set by the collector */
enum snapshot_pass {
  SNAPSHOT_FIND_TARGET = 0, /* -p PID or the command: its number in the initial namespace */
  SNAPSHOT_MARK_SCOPE = 1,  /* its threads and descendants */
  SNAPSHOT_ORIGINALS = 2,   /* tasks, and events that are no inherited copies */
  SNAPSHOT_COPIES = 3,      /* the copies: their originals have been told by then */
};
__u32 snapshot_pass = 0;
__s32 target_pid = 0; /* in the collector's pid namespace */
__u32 target_tgid = 0;

struct walk {
  struct reperf_cpu_state* cpu_state;
  union scratch* scratch;
  __u64 head;
  __u64 node;
  __u32 tid;
  __u32 cpu;
};

static __always_inline void event_totals(struct reperf_wire_snap_event* r, struct perf_event* e) {
  r->count = (__u64)BPF_CORE_READ(e, count.a.a.counter);
  r->child_count = (__u64)BPF_CORE_READ(e, child_count.counter);
  r->time_enabled = BPF_CORE_READ(e, total_time_enabled);
  r->time_running = BPF_CORE_READ(e, total_time_running);
  r->child_time_enabled = (__u64)BPF_CORE_READ(e, child_total_time_enabled.counter);
  r->child_time_running = (__u64)BPF_CORE_READ(e, child_total_time_running.counter);
}

static __noinline int event_emit(struct walk* walk, struct perf_event* e) {
  struct perf_event* parent = BPF_CORE_READ(e, parent);
  struct reperf_wire_snap_event* r;
  struct task_struct* owner;
  __u32 len = (__u32)at_most(bpf_core_type_size(struct perf_event_attr), REPERF_ATTR_MAX);

  if (!walk || !walk->scratch || !walk->cpu_state) return 0;
  r = &walk->scratch->snap_event;
  header_fill(&r->h, REPERF_WIRE_SNAP_EVENT, walk->tid);
  r->h.cpu = (__u16)walk->cpu;
  r->address = (__u64)e;
  r->parent = (__u64)parent;
  r->leader = (__u64)BPF_CORE_READ(e, group_leader);
  /* A copy has a number of its own, which only samples show as the stream id; everything else
   * goes by the original's (ABI-133). */
  r->event = parent ? BPF_CORE_READ(parent, id) : BPF_CORE_READ(e, id);
  owner = BPF_CORE_READ(e, owner);
  r->owner = owner ? (__u32)BPF_CORE_READ(owner, pid) : 0;
  r->state = (__s32)BPF_CORE_READ(e, state);
  r->cpu = BPF_CORE_READ(e, cpu);
  r->oncpu = BPF_CORE_READ(e, oncpu);
  event_totals(r, e);
  r->pad = 0;
  if (bpf_core_read(r->attr, len, &e->attr)) len = 0;
  r->attr_len = len;
  record_send(walk->cpu_state, r,
              offsetof(struct reperf_wire_snap_event, attr) + at_most(len, REPERF_ATTR_MAX));
  return 0;
}

/* Backwards through the context's list, which grows at its head: leaders come before their
 * siblings. The list is read without its lock; a poisoned link ends the walk. */
static long walk_event(__u32 i, struct walk* walk) {
  struct list_head* node = (void*)walk->node;
  struct perf_event* event;
  bool copy;

  if (walk->node == walk->head) return 1;
  event = (void*)(walk->node - bpf_core_field_offset(struct perf_event, event_entry));
  copy = BPF_CORE_READ(event, parent) != NULL;
  if (copy == (snapshot_pass == SNAPSHOT_COPIES)) event_emit(walk, event);
  if (bpf_core_read(&walk->node, sizeof(walk->node), &node->prev)) {
    loss_emit(REPERF_LOSS_UNREADABLE, 1);
    return 1;
  }
  return 0;
}

static __noinline int context_emit(struct walk* walk, struct perf_event_context* ctx) {
  if (!walk || !ctx || BPF_CORE_READ(ctx, nr_events) <= 0) return 0;
  walk->head = (__u64)ctx + bpf_core_field_offset(struct perf_event_context, event_list);
  walk->node = (__u64)BPF_CORE_READ(ctx, event_list.prev);
  if (bpf_loop(EVENTS_MAX, walk_event, walk, 0) == EVENTS_MAX) loss_emit(REPERF_LOSS_TABLE_FULL, 1);
  return 0;
}

static __always_inline void task_contexts_emit(struct walk* walk, struct task_struct* task) {
  if (bpf_core_type_exists(struct perf_event_pmu_context)) {
    context_emit(walk, BPF_CORE_READ(task, perf_event_ctxp));
  } else {
    struct task_struct___two_contexts* old = (void*)task;

    context_emit(walk, BPF_CORE_READ(old, perf_event_ctxp[0]));
    context_emit(walk, BPF_CORE_READ(old, perf_event_ctxp[1]));
  }
}

#define REPERF_PF_EXITING 0x4

static __always_inline void task_emit(struct reperf_cpu_state* cpu, struct task_struct* task) {
  struct reperf_wire_snap_task* r =
      record_begin(cpu, struct reperf_wire_snap_task, REPERF_WIRE_SNAP_TASK, (__u32)task->pid);

  if (!r) return;
  r->h.cpu = (__u16)task->thread_info.cpu;
  r->h.flags = task->on_cpu != 0;
  r->pid = (__u32)task->tgid;
  r->pad = 0;
  bpf_probe_read_kernel(r->comm, sizeof(r->comm), task->comm);
  record_end(r);
}

/* The collector may itself live in a pid namespace: compare with the number that the task has
 * there. */
static __always_inline void target_find(struct task_struct* task) {
  struct task_struct* me = bpf_get_current_task_btf();
  __u32 level = BPF_CORE_READ(me, thread_pid, level);
  struct pid* pid = BPF_CORE_READ(task, thread_pid);
  struct upid upid = {};
  struct upid* at;

  if (!pid || BPF_CORE_READ(pid, level) < level) return;
  at = __builtin_preserve_access_index(&pid->numbers[0]);
  bpf_core_read(&upid, sizeof(upid), (void*)at + (__u64)level * bpf_core_type_size(struct upid));
  if (upid.nr == target_pid) target_tgid = (__u32)task->tgid;
}

static __always_inline void scope_mark(struct task_struct* task) {
  struct task_struct* at = task;
  struct task_state* state;

  for (int i = 0; i < ANCESTORS_MAX; i++) {
    __u32 tgid = (__u32)BPF_CORE_READ(at, tgid);

    if (tgid == target_tgid) break;
    at = BPF_CORE_READ(at, real_parent);
    if (!at) return;
  }
  if ((__u32)BPF_CORE_READ(at, tgid) != target_tgid) return;
  state = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (state)
    state->in_scope = 1;
  else
    loss_emit(REPERF_LOSS_TABLE_FULL, 1);
}

struct cpu_loop {
  struct walk* walk;
};

static long cpu_context_emit(__u32 cpu, struct cpu_loop* loop) {
  struct walk walk;

  if (cpu >= REPERF_MAX_CPUS) return 1;
  walk = *loop->walk;
  walk.tid = 0;
  walk.cpu = cpu;
  context_emit(&walk, (void*)cpu_contexts[cpu & (REPERF_MAX_CPUS - 1)]);
  return 0;
}

SEC("iter/task")
int snapshot_tasks(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  struct walk walk = {.cpu_state = cpu_state_get(), .scratch = scratch_get(1)};
  struct cpu_loop loop = {.walk = &walk};

  if (!walk.cpu_state || !walk.scratch) return 0;
  if (!task) { /* the end of the list */
    if (snapshot_pass >= SNAPSHOT_ORIGINALS) bpf_loop(REPERF_MAX_CPUS, cpu_context_emit, &loop, 0);
    return 0;
  }
  if (snapshot_pass == SNAPSHOT_FIND_TARGET) {
    target_find(task);
    return 0;
  }
  if (snapshot_pass == SNAPSHOT_MARK_SCOPE) {
    scope_mark(task);
    return 0;
  }
  walk.tid = (__u32)task->pid;
  walk.cpu = task->thread_info.cpu;
  /* A zombie has no events any more, and an open on it fails: it is none of the tasks that exist.
   */
  if (snapshot_pass == SNAPSHOT_ORIGINALS && !(task->flags & REPERF_PF_EXITING) &&
      (task_has_events(task) || task->on_cpu || in_scope(task)))
    task_emit(walk.cpu_state, task);
  task_contexts_emit(&walk, task);
  return 0;
}

/* Events whose context is gone (their target exited) are only found through a descriptor. Those
 * on context lists come a second time; the collector knows their address. */
SEC("iter/task_file")
int snapshot_files(struct bpf_iter__task_file* ctx) {
  struct walk walk = {.cpu_state = cpu_state_get(), .scratch = scratch_get(1)};
  struct task_struct *task = ctx->task, *target;
  struct file* file = ctx->file;
  struct perf_event* event;
  __s32 cpu;

  if (!task || !file || !walk.cpu_state || !walk.scratch) return 0;
  event = event_of_file(file);
  if (!event) return 0;
  target = BPF_CORE_READ(event, ctx, task);
  cpu = BPF_CORE_READ(event, cpu);
  walk.cpu = REPERF_NO_CPU;
  if (!target)
    walk.cpu = (__u32)cpu;
  else if (!bpf_core_read(&walk.tid, sizeof(walk.tid), &target->pid))
    walk.cpu = BPF_CORE_READ(target, thread_info.cpu);
  event_emit(&walk, event);
  return 0;
}

#endif
