/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Scheduling, fork, exec, exit.
 *
 * A switch or migration is recorded when it matters to perf, else only counted per CPU; the
 * count travels with the next record of its kind on that CPU (recorder.md 8).
 */
#ifndef REPERF_RECORDER_SCHED_BPF_H
#define REPERF_RECORDER_SCHED_BPF_H

#include "common.bpf.h"
#include "release.bpf.h"

#define REPERF_TASK_DEAD 0x80

/* A CPU whose context is not known (came online later, or 6.1 with one context a PMU) counts as
 * having events: rather too many records than a hole in a CPU's chain (PRED-61). */
static __always_inline bool cpu_has_events(__u32 cpu) {
  struct perf_event_context* ctx;

  if (!one_context_per_cpu || cpu >= REPERF_MAX_CPUS) return true;
  /* The verifier does not follow the comparison through the compiler's rewriting. */
  asm volatile("" : "+r"(cpu));
  ctx = (void*)cpu_contexts[cpu & (REPERF_MAX_CPUS - 1)];
  return !ctx || BPF_CORE_READ(ctx, nr_events) > 0;
}

/* Interrupts are off here: prev's context cannot change (recorder.md 3.2), and the per-CPU
 * counter needs no atomic operation. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct* prev, struct task_struct* next,
             unsigned int prev_state) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  struct reperf_wire_switch* r;

  if (!cpu) return 0;
  if (prev_state & REPERF_TASK_DEAD) watch_check_dead(cpu, prev);
  if (!all_switches && !task_has_events(prev) && !task_has_events(next) &&
      !cpu_has_events(bpf_get_smp_processor_id())) {
    cpu->filtered_switches++;
    return 0;
  }
  r = record_begin(cpu, struct reperf_wire_switch, REPERF_WIRE_SWITCH, (__u32)prev->pid);
  if (!r) return 0;
  r->h.flags = preempt;
  r->next_tid = (__u32)next->pid;
  r->prev_state = prev_state;
  r->filtered = cpu->filtered_switches;
  cpu->filtered_switches = 0;
  record_end(r);
  return 0;
}

static __always_inline __u32 task_cpu_of(struct task_struct* task) { return task->thread_info.cpu; }

/* Emitted by the waker or a stopper, never in the task's own context (ABI-149). */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_sched_migrate_task, struct task_struct* task, int dest_cpu) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  struct reperf_wire_migrate* r;

  if (!cpu) return 0;
  /* An event of the CPU that the task goes to counts it, too. */
  if (!all_switches && !task_has_events(task) && !cpu_has_events((__u32)dest_cpu)) {
    cpu->filtered_migrations++;
    return 0;
  }
  r = record_begin(cpu, struct reperf_wire_migrate, REPERF_WIRE_MIGRATE,
                   (__u32)bpf_get_current_pid_tgid());
  if (!r) return 0;
  r->task = (__u32)task->pid;
  r->orig_cpu = (__u16)task_cpu_of(task);
  r->dest_cpu = (__u16)dest_cpu;
  r->filtered = cpu->filtered_migrations;
  cpu->filtered_migrations = 0;
  record_end(r);
  return 0;
}

/* Inheritance is complete here: the child's context holds its copies (recorder.md 3.2). */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  bool scoped = in_scope(parent);
  struct reperf_wire_fork* r;

  if (!cpu) return 0;
  if (scoped && !system_wide) {
    struct task_state* state =
        bpf_task_storage_get(&tasks, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (state)
      state->in_scope = 1;
    else
      loss_emit(REPERF_LOSS_TABLE_FULL, 1);
  }
  if (!scoped && !task_has_events(parent) && !task_has_events(child)) return 0;
  r = record_begin(cpu, struct reperf_wire_fork, REPERF_WIRE_FORK, (__u32)parent->pid);
  if (!r) return 0;
  r->child = (__u32)child->pid;
  r->child_pid = (__u32)child->tgid;
  r->parent_pid = (__u32)parent->tgid;
  r->pad = 0;
  bpf_probe_read_kernel(r->comm, sizeof(r->comm), child->comm);
  record_end(r);
  return 0;
}

/* The kernel gives a task its new name right after perf_event_exec(): the only tracepoint
 * between that and the first instruction of the new program's loading that can sleep.
 * sched_process_exec comes much later. */
SEC("tp_btf/task_rename")
int BPF_PROG(on_task_rename, struct task_struct* task, const char* comm) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  struct reperf_wire_exec* r;

  if (!cpu || !BPF_CORE_READ_BITFIELD(task, in_execve)) return 0;
  if (!task_has_events(task) && !in_scope(task)) return 0;
  r = record_begin(cpu, struct reperf_wire_exec, REPERF_WIRE_EXEC, (__u32)task->pid);
  if (!r) return 0;
  __builtin_memset(r->comm, 0, sizeof(r->comm));
  bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), comm);
  record_end(r);
  return 0;
}

/* From 6.16 on perf exit handling follows directly (ABI-140). */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct* task) {
  struct reperf_cpu_state* cpu = cpu_state_get();
  bool scoped = in_scope(task);
  struct reperf_wire_exit* r;

  if (!cpu || (!scoped && !task_has_events(task))) return 0;
  r = record_begin(cpu, struct reperf_wire_exit, REPERF_WIRE_EXIT, (__u32)task->pid);
  if (r) record_end(r);
  if (scoped) watch_table(task, 0, ~0U, WATCH_ALL, REPERF_RELEASE_EXIT);
  return 0;
}

#endif
