/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Number and arguments of a system call from the saved registers. */
#ifndef REPERF_RECORDER_ARCH_H
#define REPERF_RECORDER_ARCH_H

#include "kernel_types.h"

#if defined(__TARGET_ARCH_x86)

#define REPERF_TS_COMPAT 0x0002

static __always_inline __u64 syscall_arg0(struct pt_regs* regs) { return regs->di; }
static __always_inline __u64 syscall_arg1(struct pt_regs* regs) { return regs->si; }
static __always_inline __u64 syscall_arg2(struct pt_regs* regs) { return regs->dx; }
static __always_inline __u64 syscall_arg3(struct pt_regs* regs) { return regs->r10; }
static __always_inline __u64 syscall_arg4(struct pt_regs* regs) { return regs->r8; }
static __always_inline long syscall_number(struct pt_regs* regs) { return (long)regs->orig_ax; }

/* A 32-bit call: its numbers mean other calls. */
static __always_inline bool is_compat_call(struct task_struct* task) {
  return task->thread_info.status & REPERF_TS_COMPAT;
}

#elif defined(__TARGET_ARCH_arm64)

static __always_inline __u64 syscall_arg0(struct pt_regs* regs) { return regs->orig_x0; }
static __always_inline __u64 syscall_arg1(struct pt_regs* regs) { return regs->regs[1]; }
static __always_inline __u64 syscall_arg2(struct pt_regs* regs) { return regs->regs[2]; }
static __always_inline __u64 syscall_arg3(struct pt_regs* regs) { return regs->regs[3]; }
static __always_inline __u64 syscall_arg4(struct pt_regs* regs) { return regs->regs[4]; }
static __always_inline long syscall_number(struct pt_regs* regs) { return regs->syscallno; }
static __always_inline bool is_compat_call(struct task_struct* task) { return false; }

#endif

#endif
