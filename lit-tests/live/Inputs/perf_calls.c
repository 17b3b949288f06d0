// SPDX-License-Identifier: Apache-2.0
// Makes many perf calls, right and wrong ones, so that a recording of it compares the model's
// errnos and values with the kernel's. It judges nothing itself: `reperf check` does.
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct wide_attr {
  union {
    struct perf_event_attr attr;
    unsigned char bytes[256];
  };
};

static struct wide_attr fresh(uint64_t config) {
  struct wide_attr w;

  memset(&w, 0, sizeof(w));
  w.attr.type = PERF_TYPE_SOFTWARE;
  w.attr.size = 136;
  w.attr.config = config;
  return w;
}

static int perf_open(struct wide_attr* w, int pid, int cpu, int group, unsigned long flags) {
  return (int)syscall(SYS_perf_event_open, &w->attr, pid, cpu, group, flags);
}

static void try_open(struct wide_attr w, int pid, int cpu, int group, unsigned long flags) {
  int fd = perf_open(&w, pid, cpu, group, flags);

  if (fd >= 0) close(fd);
}

static void yield_some(int times) {
  for (int i = 0; i < times; i++) usleep(200);
}

/* The attr: sizes, reserved bits, fields. */
static void attrs(void) {
  static const uint32_t sizes[] = {0, 4, 63, 64, 65, 72, 112, 128, 136, 144, 256, 4097};
  struct wide_attr w;

  for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    w = fresh(PERF_COUNT_SW_DUMMY);
    w.attr.size = sizes[i];
    try_open(w, 0, -1, -1, 0);
  }
  w = fresh(PERF_COUNT_SW_DUMMY);
  w.attr.size = 144;
  w.bytes[143] = 1;
  try_open(w, 0, -1, -1, 0);
  for (int bit = 24; bit < 64; bit++) {
    uint64_t flags = 1ULL << bit;

    w = fresh(PERF_COUNT_SW_DUMMY);
    memcpy(w.bytes + 40, &flags, sizeof(flags));
    try_open(w, 0, -1, -1, 0);
  }
  for (int bit = 0; bit < 28; bit++) {
    w = fresh(PERF_COUNT_SW_DUMMY);
    w.attr.sample_type = 1ULL << bit;
    try_open(w, 0, -1, -1, 0);
  }
  for (int bit = 0; bit < 8; bit++) {
    w = fresh(PERF_COUNT_SW_DUMMY);
    w.attr.read_format = 1ULL << bit;
    try_open(w, 0, -1, -1, 0);
  }
  for (uint64_t config = 0; config < 14; config++) try_open(fresh(config), 0, -1, -1, 0);
  w = fresh(PERF_COUNT_SW_DUMMY);
  w.bytes[110] = 1;
  try_open(w, 0, -1, -1, 0);
  w = fresh(PERF_COUNT_SW_DUMMY);
  w.attr.sample_period = 1ULL << 63;
  try_open(w, 0, -1, -1, 0);
  w = fresh(PERF_COUNT_SW_DUMMY);
  w.attr.freq = 1;
  w.attr.sample_freq = 100000000;
  try_open(w, 0, -1, -1, 0);
  w.attr.freq = 0;
  w.attr.use_clockid = 1;
  for (w.attr.clockid = 0; w.attr.clockid < 14; w.attr.clockid++) try_open(w, 0, -1, -1, 0);
}

/* Targets, flags, types. */
static void targets(void) {
  static const uint32_t types[] = {0, 3, 4, 6, 7, 99};
  struct wide_attr w = fresh(PERF_COUNT_SW_DUMMY);
  pid_t child;

  try_open(w, -1, -1, -1, 0);
  try_open(w, -2, -1, -1, 0);
  try_open(w, 0, 9999, -1, 0);
  try_open(w, 0, -2, -1, 0);
  try_open(w, -1, 0, -1, 0);
  try_open(w, 0, 0, -1, 0);
  try_open(w, 0, -1, 9999, 0);
  try_open(w, 0, -1, 0, 0);
  try_open(w, 0, -1, -1, 0x10);
  try_open(w, -1, 0, -1, 4);
  try_open(w, 0, -1, -1, 4);
  for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    w = fresh(0);
    w.attr.type = types[i];
    try_open(w, 0, -1, -1, 0);
    w.attr.config = 1;
    try_open(w, 0, -1, -1, 0);
  }
  child = fork();
  if (child == 0) _exit(0);
  usleep(20000);
  w = fresh(PERF_COUNT_SW_DUMMY);
  try_open(w, child, -1, -1, 0); /* a zombie */
  w.attr.type = 99;
  try_open(w, child, -1, -1, 0);
  waitpid(child, NULL, 0);
  w = fresh(PERF_COUNT_SW_DUMMY);
  try_open(w, child, -1, -1, 0); /* reaped */
}

static void read_all(int fd, size_t size) {
  uint64_t buffer[64];

  if (read(fd, buffer, size) < 0) return;
}

/* Groups: rules, layouts, enable and disable of a part. */
static void groups(void) {
  struct wide_attr w = fresh(PERF_COUNT_SW_CONTEXT_SWITCHES);
  int leader, sibling, third;

  w.attr.disabled = 1;
  w.attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED |
                       PERF_FORMAT_TOTAL_TIME_RUNNING;
  leader = perf_open(&w, 0, -1, -1, 0);
  w.attr.disabled = 0;
  w.attr.config = PERF_COUNT_SW_CPU_MIGRATIONS;
  sibling = perf_open(&w, 0, -1, leader, 0);
  w.attr.config = PERF_COUNT_SW_DUMMY;
  w.attr.read_format = 0;
  third = perf_open(&w, 0, -1, leader, 0);
  try_open(w, 0, -1, sibling, 0);
  try_open(w, 0, 0, leader, 0);
  try_open(w, -1, 0, leader, 0);
  w.attr.pinned = 1;
  try_open(w, 0, -1, leader, 0);
  w.attr.pinned = 0;
  w.attr.inherit = 1;
  try_open(w, 0, -1, leader, 0);
  yield_some(3);
  read_all(leader, 512);
  ioctl(leader, PERF_EVENT_IOC_ENABLE, 0);
  yield_some(5);
  read_all(leader, 512);
  read_all(sibling, 512);
  read_all(third, 512);
  read_all(leader, 24);
  ioctl(sibling, PERF_EVENT_IOC_DISABLE, 0);
  ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
  yield_some(4);
  read_all(leader, 512);
  ioctl(leader, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
  yield_some(2);
  read_all(leader, 512);
  ioctl(leader, 0x2463, 0);
  close(leader);
  read_all(sibling, 512);
  ioctl(sibling, PERF_EVENT_IOC_ENABLE, 0);
  yield_some(2);
  read_all(sibling, 512);
  close(sibling);
  close(third);
}

/* Inheritance: children that live, die, are switched off while they run. */
static void inheritance(void) {
  struct wide_attr w = fresh(PERF_COUNT_SW_CONTEXT_SWITCHES);
  int event, late;
  pid_t child[3];

  w.attr.inherit = 1;
  w.attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  event = perf_open(&w, 0, -1, -1, 0);
  for (int i = 0; i < 3; i++) {
    child[i] = fork();
    if (child[i] == 0) {
      yield_some(10 + 20 * i);
      if (fork() == 0) {
        yield_some(5);
        _exit(0);
      }
      wait(NULL);
      _exit(0);
    }
  }
  read_all(event, 24);
  waitpid(child[0], NULL, 0);
  read_all(event, 24);
  ioctl(event, PERF_EVENT_IOC_RESET, 0);
  late = perf_open(&w, child[2], -1, -1, 0);
  waitpid(child[1], NULL, 0);
  waitpid(child[2], NULL, 0);
  read_all(event, 24);
  read_all(late, 24);
  ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
  yield_some(3);
  read_all(event, 24);
  ioctl(event, PERF_EVENT_IOC_RESET, 0);
  read_all(event, 24);
  close(late);
  close(event);
}

/* Migrations: the task moves itself. */
static void migrations(void) {
  struct wide_attr w = fresh(PERF_COUNT_SW_CPU_MIGRATIONS);
  int event = perf_open(&w, 0, -1, -1, 0);
  cpu_set_t set;

  for (int i = 0; i < 10; i++) {
    CPU_ZERO(&set);
    CPU_SET(i % 2, &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  read_all(event, 8);
  w.attr.exclude_kernel = 1;
  int hidden = perf_open(&w, 0, -1, -1, 0);

  for (int i = 0; i < 4; i++) {
    CPU_ZERO(&set);
    CPU_SET(i % 2, &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  read_all(hidden, 8);
  read_all(event, 8);
  close(event);
  close(hidden);
}

/* Without privilege, at the default perf_event_paranoid. */
static void unprivileged(void) {
  pid_t child = fork();
  struct wide_attr w = fresh(PERF_COUNT_SW_DUMMY);

  if (child != 0) {
    waitpid(child, NULL, 0);
    return;
  }
  if (setgid(65534) || setuid(65534)) _exit(1);
  try_open(w, 0, -1, -1, 0);
  w.attr.exclude_kernel = 1;
  try_open(w, 0, -1, -1, 0);
  try_open(w, -1, 0, -1, 0);
  try_open(w, 1, -1, -1, 0);
  w.attr.type = 99;
  try_open(w, -1, 0, -1, 0);
  w.attr.type = PERF_TYPE_SOFTWARE;
  w.attr.namespaces = 1;
  try_open(w, 0, -1, -1, 0);
  _exit(0);
}

int main(void) {
  attrs();
  targets();
  groups();
  inheritance();
  migrations();
  unprivileged();
  return 0;
}
