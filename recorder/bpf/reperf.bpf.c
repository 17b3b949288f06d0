// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The BPF side of the recorder: raw tracepoints and iterators only. Nothing here attaches
 * through a perf event, which would change the state that is being recorded (recorder.md 3.4).
 */
#include "common.bpf.h"

#include "release.bpf.h"
#include "sched.bpf.h"
#include "snapshot.bpf.h"
#include "syscall.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
