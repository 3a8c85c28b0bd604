/* What a hostile service tries, one line of output for each attempt: its name, then `ok` or the name
 * of the errno. Lines `= NAME VALUE` tell what the process was given.
 *   attack OTHER_PARTITION SOFTWARE_ROOT INSTANCE_ROOT OPEN_FOLDER SETUID_PROGRAM */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *path(const char *folder, const char *name) {
  static char text[PATH_MAX];
  snprintf(text, sizeof text, "%s/%s", folder, name);
  return text;
}

static void tried(const char *name, long result) {
  printf("%s %s\n", name, result >= 0 ? "ok" : strerrorname_np(errno));
}

static void opened(const char *name, const char *file, int flags) {
  int fd = open(file, flags | O_CLOEXEC, 0644);
  tried(name, fd);
  if (fd >= 0) close(fd);
}

static int connect_to(const char *file) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", file);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = connect(fd, (struct sockaddr *)&address, sizeof address);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}

static int take_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{~0u, ~0u, 0}, {0xff, 0xff, 0}};
  return (int)syscall(SYS_capset, &header, data);
}

/* In a child, so that what succeeds does not change this process. */
static void tried_apart(const char *name, long number, long a, long b, long c, long d) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    long result = syscall(number, a, b, c, d, 0L);
    /* A clone would say the same once more, at any time. */
    if (number != SYS_clone || result != 0) tried(name, result);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void show_status(void) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "re");
  while (fgets(line, sizeof line, status)) {
    char *colon = strchr(line, ':');
    line[strcspn(line, "\n")] = 0;
    if (colon == NULL || strchr("SCUGN", line[0]) == NULL) continue;
    *colon = 0;
    for (char *tab = colon + 1; *tab; tab++) {
      if (*tab == '\t') *tab = ' ';
    }
    printf("= %s%s\n", line, colon + 1);
  }
  fclose(status);
}

static void show_limits(void) {
  const char *names[] = {[RLIMIT_CORE] = "core", [RLIMIT_NOFILE] = "nofile", [RLIMIT_NPROC] = "nproc"};
  for (int number = 0; number < RLIM_NLIMITS; number++) {
    struct rlimit limit;
    if (number > RLIMIT_NOFILE || names[number] == NULL) continue;
    getrlimit(number, &limit);
    printf("= limit-%s %ld:%ld\n", names[number], (long)limit.rlim_cur, (long)limit.rlim_max);
  }
}

static void show_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  printf("= descriptors");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder)) printf(" %s", entry->d_name);
  }
  printf("\n");
  closedir(folder);
}

static void show_self(void) {
  char cwd[PATH_MAX];
  mode_t mask = umask(0);
  umask(mask);
  for (char **entry = environ; *entry; entry++) printf("= env %s\n", *entry);
  printf("= umask %o\n= cwd %s\n", mask, getcwd(cwd, sizeof cwd));
  printf("= group-leader %d\n= dumpable %d\n", getpgrp() == getpid(), prctl(PR_GET_DUMPABLE));
  show_status();
  show_limits();
  show_descriptors();
}

static void try_others(const char *other, const char *software, const char *root) {
  opened("read-other", path(other, "secret"), O_RDONLY);
  opened("list-other", other, O_RDONLY | O_DIRECTORY);
  opened("write-other", path(other, "planted"), O_WRONLY | O_CREAT);
  opened("write-software", path(software, "planted"), O_WRONLY | O_CREAT);
  tried("remove-software", unlink(path(software, "release")));
  opened("read-software", path(software, "release"), O_RDONLY);
  opened("change-software", path(software, "release"), O_WRONLY);
  tried("connect-socket", connect_to(path(root, "sv.sock")));
  tried("remove-socket", unlink(path(root, "sv.sock")));
  opened("read-configuration", path(root, "etc/supervisord.conf"), O_RDONLY);
  opened("read-journal", path(root, "var/run/supervisord.state"), O_RDONLY);
  opened("read-main-log", path(root, "var/log/supervisord.log"), O_RDONLY);
  opened("write-instance-root", path(root, "planted"), O_WRONLY | O_CREAT);
  opened("read-shadow", "/etc/shadow", O_RDONLY);
}

static void try_privilege(pid_t keeper) {
  gid_t none = 0;
  char memory[64];
  snprintf(memory, sizeof memory, "/proc/%d/mem", keeper);
  tried("setuid", setresuid(0, 0, 0));
  tried("setgid", setresgid(0, 0, 0));
  tried("setgroups", setgroups(1, &none));
  tried("capset", take_capabilities());
  tried("raise-nofile", setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 30, 1 << 30}));
  tried("chroot", chroot("."));
  tried("mount", mount("none", ".", "tmpfs", 0, NULL));
  tried("packet-socket", socket(AF_PACKET, SOCK_RAW, 0));
  tried("signal-keeper", kill(keeper, 0));
  tried("trace-keeper", ptrace(PTRACE_ATTACH, keeper, 0, 0));
  opened("keeper-memory", memory, O_RDWR);
  opened("terminal", "/dev/tty", O_RDWR);
}

static void try_log(void) {
  opened("reopen-log", "/proc/self/fd/1", O_WRONLY);
  tried("chmod-log", fchmod(1, 0666));
  tried("chown-log", fchown(1, getuid(), getgid()));
  char byte;
  fcntl(0, F_SETFL, O_NONBLOCK);
  tried("read-stdin", read(0, &byte, 1));
}

static void try_kernel(void) {
  tried_apart("user-namespace", SYS_unshare, CLONE_NEWUSER, 0, 0, 0);
  tried_apart("clone-user-namespace", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0);
  tried_apart("keyctl", SYS_keyctl, 0, -3, 0, 0);
  tried_apart("add-key", SYS_add_key, (long)"user", (long)"attack", (long)"x", 1);
  tried_apart("io-uring", SYS_io_uring_setup, 0, 0, 0, 0);
  tried_apart("userfaultfd", SYS_userfaultfd, 1, 0, 0, 0);
  tried_apart("bpf", SYS_bpf, 0, 0, 0, 0);
  tried_apart("perf", SYS_perf_event_open, 0, 0, -1, -1);
  tried_apart("kexec", SYS_kexec_load, 0, 0, 0, 0);
  tried_apart("module", SYS_init_module, 0, 0, 0, 0);
  tried_apart("clone3", SYS_clone3, 0, 0, 0, 0);
  tried_apart("push-input", SYS_ioctl, 0, TIOCSTI, (long)"x", 0);
  tried_apart("own-namespace", SYS_setns, -1, 0, 0, 0);
}

static void try_files(const char *open_folder, const char *setuid_program) {
  char name[64];
  snprintf(name, sizeof name, "written-%d", (int)getuid());
  opened("write-own", name, O_WRONLY | O_CREAT);
  opened("write-open-folder", path(open_folder, name), O_WRONLY | O_CREAT);
  char kept[64];
  snprintf(kept, sizeof kept, "kept-%d", (int)getuid());
  opened("write-tmp", path("/tmp", kept), O_WRONLY | O_CREAT);
  opened("write-var-tmp", path("/var/tmp", name), O_WRONLY | O_CREAT);
  opened("write-shm", path("/dev/shm", name), O_WRONLY | O_CREAT);
  opened("write-null", "/dev/null", O_WRONLY | O_TRUNC);
  opened("write-proc", "/proc/self/oom_score_adj", O_WRONLY);
  unlink(path("/dev/shm", name));
  unlink(path("/var/tmp", name));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execl(setuid_program, setuid_program, "-u", NULL);
    tried("setuid-program", -1);
    fflush(stdout);
    _exit(1);
  }
  waitpid(pid, NULL, 0);
}

/* Two services of one partition: the first one started may be traced by the other, or not. */
static void try_sibling(void) {
  FILE *file = fopen("sibling", "re");
  int pid = 0;
  if (file == NULL || fscanf(file, "%d", &pid) != 1) return;
  fclose(file);
  tried("signal-sibling", kill(pid, 0));
  tried("trace-sibling", ptrace(PTRACE_SEIZE, pid, 0, 0));
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  show_self();
  try_others(argv[1], argv[2], argv[3]);
  try_privilege(getppid());
  try_log();
  try_kernel();
  try_files(argv[4], argv[5]);
  try_sibling();
  puts("done");
  fflush(stdout);
  for (;;) pause();
}
