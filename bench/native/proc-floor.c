// The floor for one sample of processes: the system calls and the parsing that cannot be left out,
// from plain C loops that keep one sum of each field.
//   proc-floor procfs        stat, statm, io and the real user (PIDFD_GET_INFO: Linux 6.13)
//   proc-floor bpf OBJECT    the task iterator of OBJECT, every field of every record
// Takes a sample for each byte of its input and prints {"seen":N,"ms":N}. The second is there when
// built with -DHAS_BPF -lbpf.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static unsigned long long sums[64];

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void add_numbers(const char* text) {
  for (int field = 0; *text != '\0'; field++) {
    while (*text != '\0' && (*text < '0' || *text > '9')) text++;
    unsigned long long number = 0;
    for (; *text >= '0' && *text <= '9'; text++) number = number * 10 + (unsigned)(*text - '0');
    sums[field % 64] += number;
  }
}

static int load(int folder, const char* pid, const char* name, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", pid, name);
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = '\0';
  return 1;
}

/* struct pidfd_info of linux/pidfd.h as it was first. */
struct pidfd_info {
  unsigned long long mask, cgroup_id;
  unsigned pid, tgid, ppid, ruid, others[7], exit_code;
};
enum { CREDENTIALS = 1 << 1, CGROUP_ID = 1 << 2 };
#define GET_INFO _IOWR(0xFF, 11, struct pidfd_info)

static int add_real_user(const char* pid) {
  struct pidfd_info info = {.mask = CREDENTIALS | CGROUP_ID};
  int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
  if (fd < 0) return 0;
  if (ioctl(fd, GET_INFO, &info) == 0) sums[0] += info.ruid + info.cgroup_id;
  close(fd);
  return 1;
}

static int sample_procfs(void) {
  static char text[4096];
  int seen = 0;
  DIR* listing = opendir("/proc");
  for (const struct dirent* entry; (entry = readdir(listing)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    if (!add_real_user(entry->d_name)) continue;
    if (!load(dirfd(listing), entry->d_name, "stat", text, sizeof text)) continue;
    const char* close_name = strrchr(text, ')');
    add_numbers(close_name != NULL ? close_name : text);
    if (load(dirfd(listing), entry->d_name, "statm", text, sizeof text)) add_numbers(text);
    if (load(dirfd(listing), entry->d_name, "io", text, sizeof text)) add_numbers(text);
    seen++;
  }
  closedir(listing);
  return seen;
}

#ifdef HAS_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/bpf/task_record.h"

static struct bpf_object* object;
static struct bpf_link* tasks;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static struct bpf_link* attach(const char* name) {
  struct bpf_link* link =
      bpf_program__attach_iter(bpf_object__find_program_by_name(object, name), NULL);
  if (link == NULL) die(name);
  return link;
}

static int read_all(struct bpf_link* link) {
  static char buffer[64 << 10];
  int seen = 0, fd = bpf_iter_create(bpf_link__fd(link));
  for (ssize_t length; (length = read(fd, buffer, sizeof buffer)) > 0;) {
    const struct slapos_task_record* records = (void*)buffer;
    for (size_t at = 0; at < (size_t)length / sizeof *records; at++) {
      const unsigned long long* words = (const void*)&records[at];
      for (size_t word = 0; word < sizeof *records / sizeof *words; word++)
        sums[word] += words[word];
      seen += (int)records[at].is_leader;
    }
  }
  close(fd);
  return seen;
}

static void open_bpf(const char* path) {
  object = bpf_object__open_file(path, NULL);
  bpf_program__set_autoload(bpf_object__find_program_by_name(object, "add_ended"), false);
  if (bpf_object__load(object) != 0) die("load");
  int globals = bpf_map__fd(bpf_object__find_map_by_name(object, ".bss"));
  struct slapos_task_settings* settings =
      mmap(NULL, sizeof *settings, PROT_READ | PROT_WRITE, MAP_SHARED, globals, 0);
  if (settings == MAP_FAILED) die("mmap");
  struct bpf_map_info info = {0};
  unsigned length = sizeof info;
  bpf_obj_get_info_by_fd(bpf_map__fd(bpf_object__find_map_by_name(object, "cpu_mark")), &info,
                         &length);
  settings->cpu_mark_id = info.id;
  settings->cpu_count = (unsigned)libbpf_num_possible_cpus();
  read_all(attach("look_at_cpus"));
  for (unsigned cpu = 0; cpu < settings->cpu_count; cpu++)
    settings->cpu_offset[cpu] = settings->cpu_mark_address[cpu] - settings->cpu_mark_base;
  tasks = attach("tell_task");
}

static int sample_bpf(void) { return read_all(tasks); }
#endif

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int (*sample)(void) = sample_procfs;
#ifdef HAS_BPF
  if (strcmp(argv[1], "bpf") == 0) {
    open_bpf(argv[2]);
    sample = sample_bpf;
  }
#endif
  for (int byte; (byte = getchar()) != EOF;) {
    double start = now_ms();
    int seen = sample();
    printf("{\"seen\":%d,\"ms\":%.3f}\n", seen, now_ms() - start);
    fflush(stdout);
  }
  return sums[1] == 0;
}
