/*
 * Runs a command and makes one system call of it fail, whoever makes it: Node, libuv, the addon, the
 * keeper, a child between clone and exec. seccomp_unotify(2), Linux 5.6 (pidfd_getfd(2)): the kernel
 * stops the caller and asks here, so raw system calls and statically linked programs are seen too, one
 * count covers all threads and children, and nothing is slowed down but the calls that are listed.
 *
 *   fault-tracer [-x PREFIX]... [-e EXE_SUFFIX]... [-l LOG] [-f FAULT]... -- COMMAND [ARG...]
 *
 * -x  paths below this prefix are never counted (the program's own files)
 * -e  only processes of executables whose path ends so are counted; without it all are
 * -l  appends a line `CALL<TAB>TARGET<TAB>K` for the K-th such call on that target, and `fault`
 *     before the line of one that was made to fail
 * -f  CALL<TAB>TARGET<TAB>K<TAB>ACTION; K `*` for each one, `3+` from the third on, `@3` the third
 *     of all that CALL and TARGET say; TARGET `*` for
 *     any, a last `*` for the rest of a name; CALL `*` for any, `a|b` for several. ACTION is
 *     an errno as a number, `kill` (SIGKILL instead of the call), `short` (half of a write or of a
 *     read), `delay:MS` (the call, later).
 *
 * Counting begins with the first call on -b PREFIX, when that is given. Numbers and random parts of
 * names are masked, so that a call has the same name in each run. Ends as the command does; what the
 * command leaves behind goes on being traced by a process of its own.
 */
#include "fault_target.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

enum { MOST_FAULTS = 16, MOST_PREFIXES = 16, MOST_PROCESSES = 65536 };

struct fault {
  char call[512], target[LONGEST], occurrence[16], action[32];
  unsigned met; /* calls that it is about, whatever they work on */
};

struct counter {
  char *key;
  unsigned count;
};

static struct fault faults[MOST_FAULTS];
static int fault_count;
static const char *excluded[MOST_PREFIXES], *executables[MOST_PREFIXES], *beginning;
static int excluded_count, executable_count, has_begun = 1;
static int log_fd = -1, listener = -1;
static struct counter counters[65536];
/* By process id: 0 not looked at, 1 counted, 2 not. */
static unsigned char wanted[MOST_PROCESSES * 64];

static void die(const char *what) {
  fprintf(stderr, "fault-tracer: %s: %s\n", what, strerror(errno));
  exit(125);
}

static int is_wanted(pid_t pid) {
  if (executable_count == 0) return 1;
  unsigned char *known = &wanted[(size_t)pid % sizeof wanted];
  if (*known != 0) return *known == 1;
  char exe[LONGEST];
  read_link(exe, "/proc/%d/exe", pid, 0);
  *known = 2;
  for (int i = 0; i < executable_count; i++) {
    size_t length = strlen(exe), suffix = strlen(executables[i]);
    if (length >= suffix && strcmp(exe + length - suffix, executables[i]) == 0) *known = 1;
  }
  return *known == 1;
}

static int is_excluded(const char *target) {
  for (int i = 0; i < excluded_count; i++)
    if (starts_with(target, excluded[i])) return 1;
  return starts_with(target, "anon_inode:[event") || starts_with(target, "/dev/null") ||
         strcmp(target, "pipe") == 0 || target[0] == 0;
}

static unsigned next_count(const char *key) {
  uint32_t hash = 2166136261u;
  for (const char *at = key; *at != 0; at++) hash = (hash ^ (unsigned char)*at) * 16777619u;
  for (uint32_t slot = hash;; slot++) {
    struct counter *counter = &counters[slot % 65536];
    if (counter->key == NULL) counter->key = strdup(key);
    if (strcmp(counter->key, key) == 0) return ++counter->count;
  }
}

static int matches(const char *pattern, const char *text) {
  size_t length = strlen(pattern);
  if (length > 0 && pattern[length - 1] == '*') return strncmp(pattern, text, length - 1) == 0;
  return strcmp(pattern, text) == 0;
}

static int matches_call(const char *pattern, const char *name) {
  char copy[512], *rest = copy;
  snprintf(copy, sizeof copy, "%.511s", pattern);
  for (char *one; (one = strsep(&rest, "|")) != NULL;)
    if (matches(one, name)) return 1;
  return 0;
}

static int is_due(struct fault *fault, const char *call, const char *target, unsigned count) {
  if (!matches_call(fault->call, call) || !matches(fault->target, target)) return 0;
  if (strcmp(fault->occurrence, "*") == 0) return 1;
  int is_any = fault->occurrence[0] == '@';
  unsigned number = (unsigned)atoi(fault->occurrence + is_any);
  if (is_any) count = ++fault->met;
  return strchr(fault->occurrence, '+') != NULL ? count >= number : count == number;
}

static void answer(uint64_t id, int64_t value, int error, uint32_t flags) {
  struct seccomp_notif_resp response = {.id = id, .val = value, .error = -error, .flags = flags};
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void let_through(uint64_t id) { answer(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }

struct later {
  uint64_t id;
  long ms;
};

static void *answer_later(void *given) {
  struct later *later = given;
  struct timespec time = {later->ms / 1000, later->ms % 1000 * 1000000};
  nanosleep(&time, NULL);
  let_through(later->id);
  free(later);
  return NULL;
}

static void delay(uint64_t id, long ms) {
  struct later *later = malloc(sizeof *later);
  *later = (struct later){id, ms};
  pthread_t thread;
  pthread_create(&thread, NULL, answer_later, later);
  pthread_detach(thread);
}

/* Does half of a write or read in the caller's place. */
static void halve(const struct seccomp_notif *request, const char *name) {
  const __u64 *args = request->data.args;
  size_t size = args[2] / 2;
  int is_write = strstr(name, "write") != NULL, is_at = strstr(name, "64") != NULL;
  char *buffer = malloc(size + 1);
  int fd = size == 0 || strchr(name, 'v') != NULL ? -1 : borrow((pid_t)request->pid, (int)args[0]);
  ssize_t done = -1;
  if (fd >= 0 && is_write && read_memory((pid_t)request->pid, args[1], buffer, size) == 0) {
    done = is_at ? pwrite(fd, buffer, size, (off_t)args[3]) : write(fd, buffer, size);
  } else if (fd >= 0 && !is_write) {
    done = is_at ? pread(fd, buffer, size, (off_t)args[3]) : read(fd, buffer, size);
    struct iovec local = {buffer, done > 0 ? (size_t)done : 0}, remote = {(void *)args[1], local.iov_len};
    process_vm_writev((pid_t)request->pid, &local, 1, &remote, 1, 0);
  }
  if (fd >= 0) close(fd);
  free(buffer);
  if (done < 0) let_through(request->id);
  else answer(request->id, done, 0, 0);
}

static void act(const struct seccomp_notif *request, const char *name, const char *action) {
  if (strcmp(action, "kill") == 0) {
    kill((pid_t)request->pid, SIGKILL);
    answer(request->id, 0, EINTR, 0);
  } else if (strcmp(action, "short") == 0) {
    halve(request, name);
  } else if (starts_with(action, "delay:")) {
    delay(request->id, atol(action + 6));
  } else {
    answer(request->id, 0, atoi(action), 0);
  }
}

static const struct call *find_call(long number) {
  for (size_t i = 0; i < CALLS; i++)
    if (calls[i].number == number) return &calls[i];
  return NULL;
}

static void serve(const struct seccomp_notif *request) {
  static char target[LONGEST], key[LONGEST + 64];
  pid_t pid = (pid_t)request->pid;
  const struct call *call = find_call(request->data.nr);
  int was_wanted = call != NULL && is_wanted(pid);
  if (call != NULL && starts_with(call->name, "execve")) wanted[(size_t)pid % sizeof wanted] = 0;
  if (!was_wanted) return let_through(request->id);
  target[0] = 0;
  name_target(target, call, pid, &request->data);
  if (!has_begun && starts_with(target, beginning)) has_begun = 1;
  if (!has_begun || is_excluded(target)) return let_through(request->id);
  snprintf(key, sizeof key, "%s\t%s", call->name, target);
  unsigned count = next_count(key);
  const char *action = NULL;
  for (int i = 0; i < fault_count && action == NULL; i++)
    if (is_due(&faults[i], call->name, target, count)) action = faults[i].action;
  if (log_fd >= 0) dprintf(log_fd, "%s%s\t%u\n", action == NULL ? "" : "fault\t", key, count);
  if (action == NULL) let_through(request->id);
  else act(request, call->name, action);
}

static void serve_all(void) {
  struct seccomp_notif_sizes sizes;
  syscall(__NR_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
  struct seccomp_notif *request = malloc(sizes.seccomp_notif + sizeof *request);
  for (;;) {
    struct pollfd events = {listener, POLLIN, 0};
    if (poll(&events, 1, -1) < 0 && errno != EINTR) return;
    if (events.revents & POLLHUP) return;
    memset(request, 0, sizes.seccomp_notif);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) == 0) serve(request);
    else if (errno != EINTR && errno != ENOENT) return;
  }
}

/* Returns the descriptor on which the kernel asks. */
static int install(void) {
  static struct sock_filter code[CALLS + 6];
  size_t at = 0;
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, CALLS + 1);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < CALLS; i++)
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number,
                                              (uint8_t)(CALLS - i), 0);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog program = {(unsigned short)at, code};
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
#ifdef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
#endif
  return (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void run_command(char **argv, _Atomic int *shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int fd = install();
  /* Told through memory: each other way is a call that nobody answers yet. */
  atomic_store(shared, fd < 0 ? -errno : fd);
  if (fd >= 0) execvp(argv[0], argv);
  _exit(127);
}

static void trace(pid_t command, _Atomic int *shared) {
  setsid();
  int fd;
  while ((fd = atomic_load(shared)) == 0) usleep(100);
  if (fd < 0) errno = -fd, die("seccomp");
  int process = (int)syscall(__NR_pidfd_open, command, 0);
  listener = (int)syscall(__NR_pidfd_getfd, process, fd, 0);
  if (listener < 0) die("pidfd_getfd");
  close(process);
  for (int standard = 0; standard < 3; standard++) {
    close(standard);
    open("/dev/null", O_RDWR);
  }
  serve_all();
  _exit(0);
}

static void parse_fault(char *text) {
  struct fault *fault = &faults[fault_count++];
  char *parts[4] = {"", "", "", ""};
  for (int i = 0; i < 4 && text != NULL; i++) parts[i] = strsep(&text, "\t");
  snprintf(fault->call, sizeof fault->call, "%s", parts[0]);
  snprintf(fault->target, sizeof fault->target, "%s", parts[1]);
  snprintf(fault->occurrence, sizeof fault->occurrence, "%s", parts[2]);
  snprintf(fault->action, sizeof fault->action, "%s", parts[3]);
}

static void parse_options(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "+x:e:l:f:b:")) != -1;) {
    if (option == 'x' && excluded_count < MOST_PREFIXES) excluded[excluded_count++] = optarg;
    else if (option == 'e' && executable_count < MOST_PREFIXES) executables[executable_count++] = optarg;
    else if (option == 'b') beginning = optarg, has_begun = 0;
    else if (option == 'l') log_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    else if (option == 'f' && fault_count < MOST_FAULTS) parse_fault(optarg);
    else exit(125);
  }
}

int main(int argc, char **argv) {
  parse_options(argc, argv);
  if (optind >= argc) exit(125);
  _Atomic int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t command = fork();
  if (command == 0) run_command(argv + optind, shared);
  pid_t tracer = fork();
  if (tracer == 0) trace(command, shared);
  int status;
  // Whoever ends the command by a signal to the group wants to hear how it ended.
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  if (command < 0 || tracer < 0 || waitpid(command, &status, 0) < 0) die("fork");
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    kill(getpid(), WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}
