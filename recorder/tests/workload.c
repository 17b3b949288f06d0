// SPDX-License-Identifier: Apache-2.0
// What the live test records: one small program that goes through the life of perf events.
//
//   workload cold-attr     opens with the attr on a page that is not in memory yet
//   workload inherit       an inherited event, forked children that switch and exit
//   workload release       last references dropped by every way that the recorder knows
//   workload hold          opens an event and sleeps until it is killed
//   workload family        an inherited event and two children that wait
//   workload storm N       N times open, read, close: more than a small ring holds
//
// Prints "NAME VALUE" lines that the test compares with the log. Exit code 77: cannot run here.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill(struct perf_event_attr* attr, uint64_t config) {
  memset(attr, 0, sizeof(*attr));
  attr->type = PERF_TYPE_SOFTWARE;
  attr->size = sizeof(*attr);
  attr->config = config;
  attr->disabled = 1;
}

static int sys_open(struct perf_event_attr* attr, pid_t pid, int cpu, int group) {
  return (int)syscall(SYS_perf_event_open, attr, pid, cpu, group, 0UL);
}

static int must_open(struct perf_event_attr* attr, int group) {
  int fd = sys_open(attr, 0, -1, group);

  if (fd < 0) {
    perror("perf_event_open");
    exit(77);
  }
  return fd;
}

static uint64_t id_of(int fd) {
  uint64_t id = 0;

  if (ioctl(fd, PERF_EVENT_IOC_ID, &id)) exit(1);
  return id;
}

/* A page of a file, mapped but never touched: the kernel has to fault it in. */
static int cold_attr(void) {
  char name[] = "/tmp/reperf-attr-XXXXXX";
  struct perf_event_attr attr;
  int file = mkstemp(name);

  fill(&attr, PERF_COUNT_SW_CONTEXT_SWITCHES);
  if (file < 0 || write(file, &attr, sizeof(attr)) != (ssize_t)sizeof(attr)) return 1;
  unlink(name);
  struct perf_event_attr* cold = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  int fd = sys_open(cold, 0, -1, -1);
  if (fd < 0) return 77;
  printf("event %llu\n", (unsigned long long)id_of(fd));
  close(fd);
  return 0;
}

static int inherit(void) {
  struct perf_event_attr attr;
  uint64_t data[8];

  fill(&attr, PERF_COUNT_SW_CONTEXT_SWITCHES);
  attr.inherit = 1;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  int fd = must_open(&attr, -1);
  ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
  for (int i = 0; i < 10; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      for (int k = 0; k < 5; k++) usleep(200);
      _exit(0);
    }
    waitpid(pid, NULL, 0);
  }
  ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
  if (read(fd, data, sizeof(data)) != 24) return 1;
  printf("event %llu\nswitches %llu\n", (unsigned long long)id_of(fd), (unsigned long long)data[0]);
  close(fd);
  return 0;
}

static void print_id(const char* how, int fd) {
  printf("%s %llu\n", how, (unsigned long long)id_of(fd));
}

static int release(char* self) {
  struct perf_event_attr attr;
  int fd;

  fill(&attr, PERF_COUNT_SW_DUMMY);
  fd = must_open(&attr, -1);
  print_id("close", fd);
  int twin = dup(fd);
  close(twin); /* not the last one */
  close(fd);

  fd = must_open(&attr, -1);
  print_id("dup2", fd);
  dup2(0, fd);
  close(fd);

  fd = must_open(&attr, -1);
  print_id("close_range", fd);
  syscall(SYS_close_range, (unsigned)fd, (unsigned)fd, 0);

  fd = must_open(&attr, -1);
  print_id("munmap", fd);
  void* buffer = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd); /* the mapping holds on */
  if (buffer == MAP_FAILED) return 1;
  munmap(buffer, 2 * 4096);

  fd = must_open(&attr, -1);
  print_id("exit", fd);
  fd = must_open(&attr, -1);
  print_id("exec", fd);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fflush(stdout);
  execl(self, self, "nothing", (char*)NULL);
  return 1;
}

static int hold(void) {
  struct perf_event_attr attr;

  fill(&attr, PERF_COUNT_SW_TASK_CLOCK);
  attr.disabled = 0;
  int leader = must_open(&attr, -1);
  fill(&attr, PERF_COUNT_SW_CONTEXT_SWITCHES);
  int member = must_open(&attr, leader);
  printf("leader %llu\nmember %llu\n", (unsigned long long)id_of(leader),
         (unsigned long long)id_of(member));
  fflush(stdout);
  for (;;) {
    uint64_t value;
    usleep(1000);
    if (read(leader, &value, sizeof(value)) != (ssize_t)sizeof(value)) return 1;
  }
}

static int family(void) {
  struct perf_event_attr attr;
  pid_t parent = getpid();

  fill(&attr, PERF_COUNT_SW_TASK_CLOCK);
  attr.disabled = 0;
  attr.inherit = 1;
  int fd = must_open(&attr, -1);
  uint64_t id = id_of(fd);
  for (int i = 0; i < 2; i++) {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (getppid() == parent) usleep(1000);
      _exit(0);
    }
  }
  printf("event %llu\n", (unsigned long long)id);
  fflush(stdout);
  for (;;) pause();
}

static int storm(int rounds) {
  struct perf_event_attr attr;
  uint64_t value;

  fill(&attr, PERF_COUNT_SW_DUMMY);
  for (int i = 0; i < rounds; i++) {
    int fd = must_open(&attr, -1);
    if (read(fd, &value, sizeof(value)) != (ssize_t)sizeof(value)) return 1;
    close(fd);
  }
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";

  if (!strcmp(what, "cold-attr")) return cold_attr();
  if (!strcmp(what, "inherit")) return inherit();
  if (!strcmp(what, "release")) return release(argv[0]);
  if (!strcmp(what, "hold")) return hold();
  if (!strcmp(what, "family")) return family();
  if (!strcmp(what, "storm") && argc > 2) return storm(atoi(argv[2]));
  return strcmp(what, "nothing") != 0;
}
