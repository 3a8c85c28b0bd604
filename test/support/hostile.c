/* What a process of a partition does to those that look at it or work beside it.
 *   hostile claim WORD     claims a terabyte of arguments and as much environment, the first is WORD
 *   hostile lease FILE...  holds a lease on each file, and takes it again whenever it was broken
 *   hostile lock FILE      holds a read lock on all of it, and on whatever takes its place
 *   hostile fuse FOLDER... mounts a file system of its own on each, and answers nothing there
 *   hostile leader         its first thread ends, another one lives on
 *   hostile bomb COUNT     forks without end, up to COUNT processes at a time, each of its own session
 *   hostile fill FOLDER COUNT    makes so many files in it, then waits
 *   hostile deep FOLDER DEPTH    folders below each other with names of 255 bytes, then waits
 *   hostile stop SECONDS   stops every process of its user as fast as it can
 * Prints `ready` when it has begun. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static int claim(const char *word) {
  const size_t size = 1UL << 40;
  char line[4096], *at, *rest;
  unsigned long fields[64] = {0};
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 3;
  strcpy(memory, word);
  FILE *stat = fopen("/proc/self/stat", "re");
  line[fread(line, 1, sizeof line - 1, stat)] = 0;
  fclose(stat);
  at = strtok_r(strrchr(line, ')') + 2, " ", &rest);
  for (int number = 3; at != NULL; at = strtok_r(NULL, " ", &rest)) fields[number++] = strtoul(at, NULL, 10);
  struct prctl_mm_map map = {.start_code = fields[26], .end_code = fields[27],
                             .start_stack = fields[28], .start_data = fields[45],
                             .end_data = fields[46], .start_brk = fields[47],
                             .brk = (unsigned long)sbrk(0), .exe_fd = (unsigned)-1};
  map.arg_start = map.env_start = (unsigned long)memory;
  map.arg_end = map.env_end = (unsigned long)memory + size;
  if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) != 0) return 4;
  ready();
  for (;;) pause();
}

static int lease(char **files, int count) {
  signal(SIGIO, SIG_IGN);
  int is_ready = 0;
  for (;;) {
    int held = 0;
    for (int at = 0; at < count; at++) {
      /* A lease is of an open file: one that was replaced needs another. */
      int fd = open(files[at], O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
      if (fd < 0) continue;
      if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) held++;
      else close(fd);
    }
    if (held > 0 && !is_ready) {
      ready();
      is_ready = 1;
    }
    usleep(1000);
  }
  return 0;
}

static int lock(const char *path) {
  struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  ino_t held = 0;
  for (;;) {
    struct stat status;
    if (stat(path, &status) == 0 && status.st_ino != held) {
      /* The one before stays open and locked: closing it would give it back. */
      int fd = open(path, O_RDONLY | O_CLOEXEC);
      if (fd < 0) return 3;
      if (fcntl(fd, F_SETLK, &all) == 0) {
        if (held == 0) ready();
        held = status.st_ino;
      } else {
        close(fd);
      }
    }
    usleep(200);
  }
}

/* fusermount3(1) is setuid root and hands over the descriptor of /dev/fuse, by SCM_RIGHTS. */
static int mount_on(const char *folder) {
  int pair[2];
  char number[16], byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
  if (fork() == 0) {
    snprintf(number, sizeof number, "%d", pair[1]);
    setenv("_FUSE_COMMFD", number, 1);
    execlp("fusermount3", "fusermount3", "--", folder, NULL);
    _exit(127);
  }
  close(pair[1]);
  return recvmsg(pair[0], &message, 0) == 1 && message.msg_controllen > 0 ? 0 : -1;
}

static int fuse(char **folders, int count) {
  for (int at = 0; at < count; at++) {
    if (mount_on(folders[at]) != 0) return 3;
  }
  ready();
  for (;;) pause();
}

static void *live_on(void *unused) {
  (void)unused;
  sleep(1);
  ready();
  for (;;) pause();
  return NULL;
}

static int leader(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, live_on, NULL) != 0) return 3;
  pthread_exit(NULL);
}

static int bomb(long count) {
  struct timespec nap = {0, 5000000};
  /* Its dead are nobody else's trouble. */
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  ready();
  for (long at = 0; at < count; at++) {
    if (fork() == 0) {
      setsid();
      /* Each is gone soon, and another one is there in its place. */
      for (;;) {
        nanosleep(&nap, NULL);
        if (fork() > 0) _exit(0);
        setsid();
      }
    }
  }
  for (;;) pause();
}

static int fill(const char *folder, long count) {
  char name[32];
  if (chdir(folder) != 0) return 3;
  for (long at = 0; at < count; at++) {
    snprintf(name, sizeof name, "f%ld", at);
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0) return 4;
    close(fd);
  }
  ready();
  for (;;) pause();
}

static int deep(const char *folder, long depth) {
  char name[256];
  memset(name, 'd', 255);
  name[255] = 0;
  if (chdir(folder) != 0) return 3;
  for (long at = 0; at < depth; at++) {
    if (mkdir(name, 0700) != 0 || chdir(name) != 0) return 4;
  }
  ready();
  for (;;) pause();
}

static int stop(int seconds) {
  time_t end = time(NULL) + seconds;
  ready();
  /* All that this user may signal but itself. */
  while (time(NULL) < end) kill(-1, SIGSTOP);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (strcmp(argv[1], "claim") == 0 && argc == 3) return claim(argv[2]);
  if (strcmp(argv[1], "lease") == 0) return lease(argv + 2, argc - 2);
  if (strcmp(argv[1], "lock") == 0 && argc == 3) return lock(argv[2]);
  if (strcmp(argv[1], "fuse") == 0) return fuse(argv + 2, argc - 2);
  if (strcmp(argv[1], "leader") == 0) return leader();
  if (strcmp(argv[1], "bomb") == 0 && argc == 3) return bomb(atol(argv[2]));
  if (strcmp(argv[1], "fill") == 0 && argc == 4) return fill(argv[2], atol(argv[3]));
  if (strcmp(argv[1], "deep") == 0 && argc == 4) return deep(argv[2], atol(argv[3]));
  if (strcmp(argv[1], "stop") == 0 && argc == 3) return stop(atoi(argv[2]));
  return 2;
}
