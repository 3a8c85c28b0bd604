/* The service of the benchmark of supervisors: a static program that does as little as possible.
 *
 *   service COUNTER                  adds one to the 32-bit number in the file COUNTER, then sleeps
 *   service COUNTER flood RATE NAME  the same, then writes RATE numbered lines a second for ever
 *
 * The counter tells without any supervisor's word how many services have come to run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void Announce(const char* path) {
  int fd = open(path, O_RDWR);
  if (fd < 0) return;
  unsigned* count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (count != MAP_FAILED) __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
  close(fd);
}

/* One write a line, as a program with line buffering does. */
static void Flood(long rate, const char* name) {
  enum { kBurst = 10 };
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned long number = 0;; number++) {
    char line[128];
    int length = snprintf(line, sizeof line,
                          "%s %012lu the quick brown fox jumps over the lazy dog and comes back\n",
                          name, number);
    if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(1);
    if (number % kBurst != kBurst - 1) continue;
    next.tv_nsec += kBurst * (1000000000L / rate);
    next.tv_sec += next.tv_nsec / 1000000000L;
    next.tv_nsec %= 1000000000L;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Announce(argv[1]);
  /* Supervisors that run scripts add words of their own. */
  if (argc >= 5 && strcmp(argv[2], "flood") == 0) Flood(atol(argv[3]), argv[4]);
  for (;;) pause();
}
