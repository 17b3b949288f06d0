/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * perf_event_open, and ioctl, read and close on perf files: a record when the call enters and
 * one when it returns (recorder.md 4, PRED-59). Calls that can release a perf file otherwise are
 * watched, not recorded. A call that entered before we were attached has no exit record.
 */
#ifndef REPERF_RECORDER_SYSCALL_BPF_H
#define REPERF_RECORDER_SYSCALL_BPF_H

#include "arch.h"
#include "common.bpf.h"
#include "release.bpf.h"

#define REPERF_ATTR_VER0 64 /* what attr.size 0 means (ABI-3) */
#define REPERF_E2BIG 7

static __always_inline struct task_state* state_create(struct task_struct* task) {
  struct task_state* state = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!state) loss_emit(REPERF_LOSS_TABLE_FULL, 2); /* the enter and the exit record */
  return state;
}

/* Copies the caller's attr: as many bytes as it says itself (ABI-3), at least up to the size
 * field. 0: the page is not there, and a tracepoint cannot wait for it. */
static __always_inline __u32 user_attr_copy(__u8* to, __u64 from) {
  __u32 size = 0;

  if (bpf_probe_read_user(&size, sizeof(size), (void*)(from + 4))) return 0;
  if (size == 0) size = REPERF_ATTR_VER0;
  if (size < 8) size = 8;
  if (bpf_probe_read_user(to, (__u32)at_most(size, REPERF_ATTR_MAX), (void*)from)) return 0;
  return (__u32)at_most(size, REPERF_ATTR_MAX);
}

static __always_inline void open_enter(struct reperf_cpu_state* cpu, struct task_struct* task,
                                       struct pt_regs* regs) {
  union scratch* scratch = scratch_get(0);
  struct task_state* state = state_create(task);
  struct perf_event* group;
  const struct cred* cred;
  __u32 len;

  if (!scratch || !state) return;
  struct reperf_wire_open* r = &scratch->open;
  header_fill(&r->h, REPERF_WIRE_OPEN, (__u32)task->pid);
  r->pid = (__s32)syscall_arg1(regs);
  r->cpu = (__s32)syscall_arg2(regs);
  r->group_fd = (__s32)syscall_arg3(regs);
  r->open_flags = syscall_arg4(regs);
  group = event_of_file(file_of_fd(task, (__u32)r->group_fd));
  r->group_event = group ? BPF_CORE_READ(group, id) : 0;
  cred = task->cred;
  r->euid = cred->euid.val;
  r->init_user_ns = cred->user_ns->level == 0;
  r->cap_effective = 0;
  bpf_core_read(&r->cap_effective, sizeof(r->cap_effective), &cred->cap_effective);

  state->buffer = syscall_arg0(regs);
  len = user_attr_copy(r->attr, state->buffer);
  r->attr_len = len;
  r->h.flags = len != 0;
  state->attr_missing = len == 0;
  state->call = REPERF_CALL_OPEN;
  state->enter_lost =
      !record_send(cpu, r, offsetof(struct reperf_wire_open, attr) + at_most(len, REPERF_ATTR_MAX));
}

static __always_inline void call_enter(struct reperf_cpu_state* cpu, struct task_struct* task,
                                       struct pt_regs* regs, __u8 call) {
  struct file* file = file_of_fd(task, (__u32)syscall_arg0(regs));
  struct perf_event* event = event_of_file(file);
  struct reperf_wire_call* r;
  struct task_state* state;

  if (!event) return;
  state = state_create(task);
  if (!state) return;
  state->call = call;
  state->event = BPF_CORE_READ(event, id);
  state->address = (__u64)event;
  state->file = (__u64)file;
  state->buffer = syscall_arg1(regs);
  r = record_begin(cpu, struct reperf_wire_call, REPERF_WIRE_CALL, (__u32)task->pid);
  state->enter_lost = !r;
  if (!r) return;
  r->h.flags = call;
  r->event = state->event;
  r->cmd = (__u32)syscall_arg1(regs);
  if (call == REPERF_CALL_CLOSE)
    r->arg = (__u32)syscall_arg0(regs);
  else
    r->arg = syscall_arg2(regs);
  record_end(r);
}

/* Calls that are only watched: is a perf file at stake? */
static __always_inline void release_enter(struct task_struct* task, struct pt_regs* regs,
                                          __u8 call) {
  struct task_state* state;
  bool watching = false;

  if (call == REPERF_CALL_DUP2)
    watching = watch_file(task, file_of_fd(task, (__u32)syscall_arg1(regs)));
  else if (call == REPERF_CALL_MUNMAP)
    watching = watch_mapping(task, syscall_arg0(regs));
  else if (call == REPERF_CALL_CLOSE_RANGE)
    watching = watch_table(task, (__u32)syscall_arg0(regs), (__u32)syscall_arg1(regs), WATCH_ALL,
                           REPERF_RELEASE_OTHER);
  else if (call == REPERF_CALL_EXEC)
    watching = watch_table(task, 0, ~0U, WATCH_CLOEXEC, REPERF_RELEASE_OTHER);
  if (!watching) return;
  state = state_create(task);
  if (state) {
    state->call = call;
    state->enter_lost = 0;
  }
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs* regs, long nr) {
  struct reperf_cpu_state* cpu;
  struct task_struct* task;
  __u8 call;

  if ((unsigned long)nr >= REPERF_MAX_SYSCALLS) return 0;
  call = call_of_syscall[nr & (REPERF_MAX_SYSCALLS - 1)];
  if (call == REPERF_CALL_NONE) return 0;
  task = bpf_get_current_task_btf();
  if (!in_scope(task) || is_compat_call(task)) return 0;
  cpu = cpu_state_get();
  if (!cpu) return 0;
  if (call == REPERF_CALL_OPEN)
    open_enter(cpu, task, regs);
  else if (call <= REPERF_CALL_CLOSE)
    call_enter(cpu, task, regs, call);
  else
    release_enter(task, regs, call);
  return 0;
}

/* The target: whose context the event went to. */
static __always_inline __u32 target_of(struct perf_event* event) {
  struct task_struct* target = BPF_CORE_READ(event, ctx, task);
  __u32 tid = 0;

  /* A target that has exited by now left a mark which is no address. */
  if (target) bpf_core_read(&tid, sizeof(tid), &target->pid);
  return tid;
}

static __always_inline void open_exit(struct reperf_cpu_state* cpu, struct task_struct* task,
                                      struct task_state* state, long ret) {
  union scratch* scratch = scratch_get(0);
  struct perf_event* event = NULL;
  __u32 kernel_len = 0, user_len = 0;

  if (!scratch) return;
  struct reperf_wire_open_ret* r = &scratch->open_ret;
  header_fill(&r->h, REPERF_WIRE_OPEN_RET, (__u32)task->pid);
  r->ret = ret;
  r->event = 0;
  r->target = 0;
  if (ret >= 0) event = event_of_file(file_of_fd(task, (__u32)ret));
  if (event) {
    r->event = BPF_CORE_READ(event, id);
    r->target = target_of(event);
    kernel_len = (__u32)at_most(bpf_core_type_size(struct perf_event_attr), REPERF_ATTR_MAX);
    if (bpf_core_read(r->data, kernel_len, &event->attr)) kernel_len = 0;
  }
  /* The kernel wrote its own size into an attr that it found too big: not what was passed. */
  if (state->attr_missing && ret != -REPERF_E2BIG)
    user_len = user_attr_copy(r->data + at_most(kernel_len, REPERF_ATTR_MAX), state->buffer);
  r->kernel_len = (__u16)kernel_len;
  r->user_len = (__u16)user_len;
  record_send(cpu, r,
              offsetof(struct reperf_wire_open_ret, data) +
                  at_most(kernel_len + user_len, 2 * REPERF_ATTR_MAX));
  if (ret >= 0 && !event)
    loss_emit(REPERF_LOSS_UNREADABLE, 1); /* another thread closed it already */
}

static __always_inline void read_exit(struct reperf_cpu_state* cpu, struct task_struct* task,
                                      struct task_state* state, long ret) {
  union scratch* scratch = scratch_get(0);
  __u32 len = 0;

  if (!scratch) return;
  struct reperf_wire_read_ret* r = &scratch->read_ret;
  header_fill(&r->h, REPERF_WIRE_READ_RET, (__u32)task->pid);
  r->ret = ret;
  if (ret > 0) {
    len = (__u32)at_most((__u64)ret, REPERF_READ_MAX);
    if (bpf_probe_read_user(r->data, (__u32)at_most(len, REPERF_READ_MAX), (void*)state->buffer)) {
      len = 0;
      loss_emit(REPERF_LOSS_UNREADABLE, 1);
    }
  }
  r->len = len;
  r->pad = 0;
  record_send(cpu, r, offsetof(struct reperf_wire_read_ret, data) + at_most(len, REPERF_READ_MAX));
}

static __always_inline void call_exit(struct reperf_cpu_state* cpu, struct task_struct* task,
                                      struct task_state* state, long ret, __u8 call) {
  struct reperf_wire_call_ret* r;
  __u32 gone = REPERF_ALIVE;

  if (call == REPERF_CALL_CLOSE) {
    gone = file_gone(state->file, state->address, state->event);
    if (gone != REPERF_ALIVE && !release_claim(state->event)) gone = REPERF_ALIVE;
  }
  r = record_begin(cpu, struct reperf_wire_call_ret, REPERF_WIRE_CALL_RET, (__u32)task->pid);
  if (!r) return;
  r->h.flags = call;
  r->ret = ret;
  r->event = state->event;
  r->gone = gone;
  r->pad = 0;
  record_end(r);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs* regs, long ret) {
  long nr = syscall_number(regs);
  struct reperf_cpu_state* cpu;
  struct task_state* state;
  struct task_struct* task;
  __u8 call;

  if ((unsigned long)nr >= REPERF_MAX_SYSCALLS ||
      call_of_syscall[nr & (REPERF_MAX_SYSCALLS - 1)] == REPERF_CALL_NONE)
    return 0;
  task = bpf_get_current_task_btf();
  state = bpf_task_storage_get(&tasks, task, 0, 0);
  cpu = cpu_state_get();
  if (!state || !cpu) return 0;
  call = state->call;
  if (call == REPERF_CALL_NONE) return 0;
  state->call = REPERF_CALL_NONE;
  if (state->enter_lost)
    loss_count(cpu);
  else if (call == REPERF_CALL_OPEN)
    open_exit(cpu, task, state, ret);
  else if (call == REPERF_CALL_READ)
    read_exit(cpu, task, state, ret);
  else if (call <= REPERF_CALL_CLOSE)
    call_exit(cpu, task, state, ret, call);
  else
    watch_check(cpu, task);
  return 0;
}

#endif
