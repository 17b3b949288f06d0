/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From a descriptor to its event, and when the last reference to a perf file goes.
 *
 * An event is found by its file's operations at every call, so descriptors that travel (dup,
 * fork, SCM_RIGHTS, pidfd_getfd) need no bookkeeping (recorder.md 4).
 *
 * Release is seen after the fact (recorder.md 4.1): whoever may drop a last reference first
 * notes the files at stake, then looks again when it is done. close() does this with one file in
 * its task state; everything else (exit, exec, dup2, close_range, munmap) with a "watch".
 */
#ifndef REPERF_RECORDER_RELEASE_BPF_H
#define REPERF_RECORDER_RELEASE_BPF_H

#include "common.bpf.h"

#define WATCH_MAX 256         /* perf files of one table; more are counted as table_full */
#define WATCH_SCAN_MAX 65536u /* descriptors looked at */

enum watch_select {
  WATCH_ALL = 0,
  WATCH_CLOEXEC = 1,
};

struct watched_file {
  __u64 file;
  __u64 address; /* of the perf_event */
  __u64 event;
};

struct watch {
  __u32 count;
  __u32 by; /* enum reperf_release_by */
  /* In the map and not on the stack: the verifier would follow a counter there through every
   * turn of the loop. */
  __u32 excess;
  __u32 pad;
  struct watched_file files[WATCH_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct watch);
} watches SEC(".maps");

/* A watch is put together here; all who do it run with preemption off. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct watch);
} watch_scratches SEC(".maps");

/* Events whose release was told: two tasks that drop references at the same time may both see
 * the event dead, and only one may say so. Old entries fall out by themselves. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u64);
  __type(value, __u8);
} released SEC(".maps");

static __always_inline bool release_claim(__u64 event) {
  __u8 one = 1;

  return bpf_map_update_elem(&released, &event, &one, BPF_NOEXIST) == 0;
}

static __always_inline struct file* file_of_fd(struct task_struct* task, __u32 fd) {
  struct files_struct* files = task->files;
  struct file* file = NULL;
  struct fdtable* table;

  if (!files) return NULL;
  table = files->fdt;
  if (!table || fd >= table->max_fds) return NULL;
  bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
  return file;
}

/* The perf_event behind a file, NULL: not a perf file. */
static __always_inline struct perf_event* event_of_file(struct file* file) {
  if (!file || (__u64)BPF_CORE_READ(file, f_op) != perf_fops) return NULL;
  return BPF_CORE_READ(file, private_data);
}

static __always_inline bool file_is_dead(struct file* file) {
  if (bpf_core_field_exists(file->f_ref)) {
    __u64 refs = (__u64)BPF_CORE_READ(file, f_ref.refcnt.counter);

    /* From here up the count means "released" or "dead" (6.13 and later). */
    return refs >= 0xc000000000000000ULL;
  } else {
    struct file___counted* old = (void*)file;

    return BPF_CORE_READ(old, f_count.counter) == 0;
  }
}

/* The memory of both is freed after a grace period and may carry something else by now, hence
 * the tests for identity. */
static __always_inline __u32 file_gone(__u64 file_address, __u64 event_address, __u64 id) {
  struct file* file = (void*)file_address;
  struct perf_event* event = (void*)event_address;
  __u64 id_now = 0;

  if (bpf_core_read(&id_now, sizeof(id_now), &event->id) || id_now != id) return REPERF_GONE;
  if ((__s32)BPF_CORE_READ(event, state) == state_dead) return REPERF_GONE;
  if ((void*)event_of_file(file) != (void*)event || file_is_dead(file)) return REPERF_GONE_PENDING;
  return REPERF_ALIVE;
}

static __always_inline void watch_add(struct watch* watch, struct file* file,
                                      struct perf_event* event) {
  __u32 n = watch->count;

  if (n >= WATCH_MAX) {
    watch->excess++;
    return;
  }
  watch->files[n].file = (__u64)file;
  watch->files[n].address = (__u64)event;
  watch->files[n].event = BPF_CORE_READ(event, id);
  watch->count = n + 1;
}

struct scan {
  struct watch* watch;
  __u64 fds;
  __u64 bitmap;
  __u64 word;
  __u32 first;
  __u32 last;
};

static long scan_fd(__u32 i, struct scan* scan) {
  __u32 fd = scan->first + i;
  struct perf_event* event;
  struct file* file = NULL;

  if (fd > scan->last) return 1;
  if (i == 0 || (fd & 63) == 0)
    bpf_probe_read_kernel(&scan->word, sizeof(scan->word), (void*)(scan->bitmap + (fd >> 6) * 8));
  if (!((scan->word >> (fd & 63)) & 1)) return 0;
  bpf_probe_read_kernel(&file, sizeof(file), (void*)(scan->fds + fd * 8ULL));
  event = event_of_file(file);
  if (event) watch_add(scan->watch, file, event);
  return 0;
}

/* An empty watch, to be filled and then handed to watch_start(). */
static __always_inline struct watch* watch_new(__u32 by) {
  __u32 zero = 0;
  struct watch* watch = bpf_map_lookup_elem(&watch_scratches, &zero);

  if (watch) {
    watch->count = 0;
    watch->by = by;
    watch->excess = 0;
  }
  return watch;
}

/* The task watches these files from now on, instead of what it watched before. */
static __always_inline bool watch_start(struct task_struct* task, struct watch* watch) {
  bpf_task_storage_delete(&watches, task);
  if (watch->count == 0) return false;
  if (!bpf_task_storage_get(&watches, task, watch, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
    loss_emit(REPERF_LOSS_TABLE_FULL, watch->count);
    return false;
  }
  return true;
}

/* Watches the perf files among the task's descriptors first..last. */
static __always_inline bool watch_table(struct task_struct* task, __u32 first, __u32 last,
                                        enum watch_select select, __u32 by) {
  struct files_struct* files = task->files;
  struct scan scan = {};
  struct fdtable* table;

  if (!files) return false;
  table = files->fdt;
  if (!table || first >= table->max_fds) return false;
  scan.watch = watch_new(by);
  if (!scan.watch) return false;
  scan.fds = (__u64)table->fd;
  scan.bitmap = (__u64)(select == WATCH_CLOEXEC ? table->close_on_exec : table->open_fds);
  scan.first = first;
  scan.last = table->max_fds - 1;
  if (last < scan.last) scan.last = last;
  if (scan.last - scan.first >= WATCH_SCAN_MAX) loss_emit(REPERF_LOSS_TABLE_FULL, 1);
  bpf_loop(WATCH_SCAN_MAX, scan_fd, &scan, 0);
  if (scan.watch->excess) loss_emit(REPERF_LOSS_TABLE_FULL, scan.watch->excess);
  return watch_start(task, scan.watch);
}

static __always_inline bool watch_file(struct task_struct* task, struct file* file) {
  struct perf_event* event = event_of_file(file);
  struct watch* watch;

  if (!event) return false;
  watch = watch_new(REPERF_RELEASE_OTHER);
  if (!watch) return false;
  watch_add(watch, file, event);
  return watch_start(task, watch);
}

struct check {
  struct reperf_cpu_state* cpu;
  struct watch* watch;
  __u32 tid;
};

static long check_file(__u32 i, struct check* check) {
  struct reperf_wire_release* r;
  struct watched_file* f;

  if (i >= WATCH_MAX || i >= check->watch->count) return 1;
  f = &check->watch->files[i];
  if (file_gone(f->file, f->address, f->event) == REPERF_ALIVE || !release_claim(f->event))
    return 0;
  r = record_begin(check->cpu, struct reperf_wire_release, REPERF_WIRE_RELEASE, check->tid);
  if (!r) return 0;
  r->h.flags = (__u8)check->watch->by;
  r->event = f->event;
  record_end(r);
  return 0;
}

/* Tells which of the watched files are gone, and watches no longer. */
static __always_inline void watch_check(struct reperf_cpu_state* cpu, struct task_struct* task) {
  struct check check = {.cpu = cpu, .tid = (__u32)task->pid};

  check.watch = bpf_task_storage_get(&watches, task, 0, 0);
  if (!check.watch) return;
  bpf_loop(WATCH_MAX, check_file, &check, 0);
}

/* The last switch away from a task: exit_files() and its task work are over. */
static __always_inline void watch_check_dead(struct reperf_cpu_state* cpu,
                                             struct task_struct* task) {
  watch_check(cpu, task);
}

struct vma_search {
  struct file* file;
};

static long vma_found(struct task_struct* task, struct vm_area_struct* vma,
                      struct vma_search* search) {
  search->file = vma->vm_file;
  return 0;
}

/* A mapping of the event's buffer holds a reference to the file. perf maps each buffer as a
 * whole, so the one mapping at `address` is what munmap() can drop. */
static __always_inline bool watch_mapping(struct task_struct* task, __u64 address) {
  struct vma_search search = {};

  if (bpf_find_vma(task, address, vma_found, &search, 0) || !search.file) return false;
  return watch_file(task, search.file);
}

#endif
