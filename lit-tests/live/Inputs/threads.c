// SPDX-License-Identifier: Apache-2.0
// Four threads that hand a byte round through pipes: switches between equivalent contexts.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { kThreads = 4, kRounds = 60 };
static int pipes[kThreads][2];

static void* hand_on(void* arg) {
  long self = (long)arg;
  char byte = 0;

  for (int i = 0; i < kRounds; i++) {
    if (read(pipes[self][0], &byte, 1) != 1) return NULL;
    if (write(pipes[(self + 1) % kThreads][1], &byte, 1) != 1) return NULL;
  }
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  char byte = 0;

  for (int i = 0; i < kThreads; i++) {
    if (pipe(pipes[i])) return 1;
  }
  for (long i = 0; i < kThreads; i++) pthread_create(&threads[i], NULL, hand_on, (void*)i);
  if (write(pipes[0][1], &byte, 1) != 1) return 1;
  for (int i = 0; i < kThreads; i++) pthread_join(threads[i], NULL);
  return 0;
}
