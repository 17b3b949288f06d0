/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Maps, settings and the way into the ring, for all programs.
 *
 * Losses (recorder.md 7): a full ring makes a reservation fail at once. Each CPU counts what it
 * could not write and puts a LOST record before its next successful one; what is left at the end
 * the collector reads from cpu_states.
 */
#ifndef REPERF_RECORDER_COMMON_BPF_H
#define REPERF_RECORDER_COMMON_BPF_H

#include <linux/bpf.h>

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "wire.h"

/* ---- set before loading */
const volatile __u8 system_wide = 0;
const volatile __u8 all_switches = 0;
const volatile __u64 wakeup_at = 0; /* bytes waiting in the ring at which the reader is woken */
const volatile __u8 call_of_syscall[REPERF_MAX_SYSCALLS] = {}; /* enum reperf_call */

/* ---- learned by the calibration (recorder.md 3.3, 4) */
__u64 perf_fops = 0;
__u64 cpu_contexts[REPERF_MAX_CPUS] = {}; /* 0: not known */
__u32 self_tgid = 0;
__s32 state_exit = 0;
__s32 state_dead = 0;
__u32 attr_size = 0;
__u8 one_context_per_cpu = 0; /* the layout of 6.2 and later */

/* Set by whoever wakes the reader, cleared by the reader: one wakeup a batch. */
__u32 reader_woken = 0;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 32 << 20);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct reperf_cpu_state);
} cpu_states SEC(".maps");

/* What a thread is in the middle of, and whether it is recorded at all. */
struct task_state {
  __u64 event;
  __u64 address; /* of the perf_event */
  __u64 file;
  __u64 buffer; /* user address of the attr or of read()'s buffer */
  __u8 in_scope;
  __u8 call;       /* enum reperf_call; NONE: no exit record is due */
  __u8 enter_lost; /* the enter record did not fit: its exit record is lost, too */
  __u8 attr_missing;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct task_state);
} tasks SEC(".maps");

/* Assembly space for records of variable size. Slot 0: system calls and exit, which run with
 * preemption off; slot 1: the iterators, of which only one runs. */
union scratch {
  struct reperf_wire_open open;
  struct reperf_wire_open_ret open_ret;
  struct reperf_wire_read_ret read_ret;
  struct reperf_wire_snap_event snap_event;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, union scratch);
} scratches SEC(".maps");

/* At most `max`, in a way that the verifier can follow: the compiler may not test one copy of
 * the number and use another. */
static __always_inline __u64 at_most(__u64 value, __u64 max) {
  barrier_var(value);
  if (value > max) value = max;
  barrier_var(value);
  return value;
}

static __always_inline union scratch* scratch_get(__u32 slot) {
  return bpf_map_lookup_elem(&scratches, &slot);
}

static __always_inline struct reperf_cpu_state* cpu_state_get(void) {
  __u32 zero = 0;

  return bpf_map_lookup_elem(&cpu_states, &zero);
}

/* A wakeup costs 3.4 us, a record 0.13 us: the reader polls every 50 ms and is woken only when
 * the ring fills (recorder.md 1.7). */
static __always_inline __u64 wakeup_flags(void) {
  if (reader_woken || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < wakeup_at)
    return BPF_RB_NO_WAKEUP;
  reader_woken = 1;
  return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void header_fill(struct reperf_wire_header* h, __u8 type, __u32 tid) {
  h->stamp = bpf_ktime_get_ns();
  h->tid = tid;
  h->cpu = (__u16)bpf_get_smp_processor_id();
  h->type = type;
  h->flags = 0;
}

/* Interrupts may come between: a system call's program and a migration seen in an interrupt
 * share the counter, hence the atomic operations. */
static __always_inline void loss_count(struct reperf_cpu_state* cpu) {
  __u64 now = bpf_ktime_get_ns();

  if (cpu->lost == 0) cpu->lost_first = now;
  cpu->lost_last = now;
  __sync_fetch_and_add(&cpu->lost, 1);
}

/* Writes the LOST record that is due. False: there is still no room. */
static __noinline bool loss_report(struct reperf_cpu_state* cpu) {
  struct reperf_wire_lost* r;

  if (!cpu) return false;
  r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
  if (!r) return false;
  header_fill(&r->h, REPERF_WIRE_LOST, (__u32)bpf_get_current_pid_tgid());
  r->h.flags = REPERF_LOSS_RING_FULL;
  r->first = cpu->lost_first;
  r->last = cpu->lost_last;
  r->count = __sync_lock_test_and_set(&cpu->lost, 0);
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  return true;
}

/* Space for a record of fixed size, or NULL and the loss is counted. A stamp taken after the
 * reservation disagrees with the order less often (recorder.md 6). */
#define record_begin(cpu, type_struct, wire_type, tid)              \
  ({                                                                \
    type_struct* record_ = NULL;                                    \
    if ((cpu)->lost == 0 || loss_report(cpu))                       \
      record_ = bpf_ringbuf_reserve(&ring, sizeof(type_struct), 0); \
    if (record_)                                                    \
      header_fill(&record_->h, wire_type, tid);                     \
    else                                                            \
      loss_count(cpu);                                              \
    record_;                                                        \
  })

static __always_inline void record_end(void* record) { bpf_ringbuf_submit(record, wakeup_flags()); }

/* Sends a record that was put together in scratch memory. False: lost and counted. */
static __always_inline bool record_send(struct reperf_cpu_state* cpu, void* record, __u64 size) {
  if ((cpu->lost == 0 || loss_report(cpu)) &&
      bpf_ringbuf_output(&ring, record, size, wakeup_flags()) == 0)
    return true;
  loss_count(cpu);
  return false;
}

/* Something could not be read or remembered: said in place, at once. */
static __noinline int loss_emit(__u32 cause, __u64 count) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  struct reperf_wire_lost* r;

  if (!cpu) return 0;
  r = record_begin(cpu, struct reperf_wire_lost, REPERF_WIRE_LOST,
                   (__u32)bpf_get_current_pid_tgid());
  if (!r) return 0;
  r->h.flags = (__u8)cause;
  r->count = count;
  r->first = r->h.stamp;
  r->last = r->h.stamp;
  record_end(r);
  return 0;
}

/* A context stays with a task after its last event went: what counts is nr_events
 * (recorder.md 3.2). */
static __always_inline bool task_has_events(struct task_struct* task) {
  if (bpf_core_type_exists(struct perf_event_pmu_context)) {
    struct perf_event_context* ctx = task->perf_event_ctxp;

    return ctx && ctx->nr_events > 0;
  } else {
    struct task_struct___two_contexts* old = (void*)task;
    struct perf_event_context* hw = BPF_CORE_READ(old, perf_event_ctxp[0]);
    struct perf_event_context* sw = BPF_CORE_READ(old, perf_event_ctxp[1]);

    return (hw && BPF_CORE_READ(hw, nr_events) > 0) || (sw && BPF_CORE_READ(sw, nr_events) > 0);
  }
}

static __always_inline bool in_scope(struct task_struct* task) {
  struct task_state* state;

  if ((__u32)task->tgid == self_tgid) return false;
  if (system_wide) return true;
  state = bpf_task_storage_get(&tasks, task, 0, 0);
  return state && state->in_scope;
}

#endif
