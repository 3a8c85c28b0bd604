/* Tries once what somebody could try against what is not his, a line for each attempt: its name of
 * docs/isolation.md, then `ok` or the name of the errno.
 *   probe FILE    FILE holds lines `NAME VALUE`: the paths, pids and addresses to try
 *   probe hold ADDRESS PORT    holds what others may try to get at, and says how it is called */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SHM_KEY 0x51a905
#define HELD "/slapos-held"
static char names[64][32], values[64][256];
static int targets;

static void read_targets(const char *file) {
  FILE *from = fopen(file, "re");
  if (from == NULL) exit(2);
  while (targets < 64 && fscanf(from, "%31s %255s", names[targets], values[targets]) == 2) targets++;
  fclose(from);
}

static const char *get(const char *name) {
  for (int at = 0; at < targets; at++) {
    if (strcmp(names[at], name) == 0) return values[at];
  }
  fprintf(stderr, "no target %s\n", name);
  exit(2);
}

static const char *below(const char *name, const char *rest) {
  static char text[512];
  snprintf(text, sizeof text, "%s/%s", get(name), rest);
  return text;
}

static const char *proc(const char *target, const char *file) {
  static char text[128];
  snprintf(text, sizeof text, "/proc/%s/%s", get(target), file);
  return text;
}

static void tried(const char *name, long result) {
  printf("%s %s\n", name, result >= 0 ? "ok" : strerrorname_np(errno));
}

static void tried_open(const char *name, const char *file, int flags) {
  int fd = open(file, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  tried(name, fd);
  if (fd >= 0) close(fd);
}

static int connect_unix(const char *file, int is_abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path + is_abstract, sizeof address.sun_path - 1, "%s", file);
  socklen_t length = is_abstract ? offsetof(struct sockaddr_un, sun_path) + 1 + strlen(file)
                                 : sizeof address;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&address, length);
}

static socklen_t parse_address(const char *text, int port, struct sockaddr_storage *into) {
  struct sockaddr_in *four = (void *)into;
  struct sockaddr_in6 *six = (void *)into;
  memset(into, 0, sizeof *into);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    return sizeof *four;
  }
  inet_pton(AF_INET6, text, &six->sin6_addr);
  six->sin6_family = AF_INET6;
  six->sin6_port = htons(port);
  return sizeof *six;
}

static int bind_to(const char *address, int port, int reuses) {
  struct sockaddr_storage storage;
  socklen_t length = parse_address(address, port, &storage);
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (reuses) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
  return bind(fd, (struct sockaddr *)&storage, length) == 0 ? listen(fd, 64) : -1;
}

static int connect_to(const char *address, int port) {
  struct sockaddr_storage storage;
  socklen_t length = parse_address(address, port, &storage);
  int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&storage, length);
}

/* A service that a partition's user would not want others to get at. */
static int hold(const char *address, int port) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  strcpy(name.sun_path + 1, "slapos-held");
  if (bind(fd, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 12) != 0) return 3;
  listen(fd, 64);
  int shm = shmget(SHM_KEY, 4096, IPC_CREAT | 0600);
  mqd_t queue = mq_open(HELD, O_RDWR | O_CREAT, 0600, NULL);
  int posix = shm_open(HELD, O_RDWR | O_CREAT, 0600);
  int file = open("/tmp" HELD, O_RDWR | O_CREAT, 0600);
  long key = syscall(SYS_add_key, "user", "slapos-held", "x", 1L, -4L);
  if (shm < 0 || queue < 0 || posix < 0 || file < 0 || bind_to(address, port, 1) != 0) return 4;
  printf("held pid=%d key=%ld\n", getpid(), key);
  fflush(stdout);
  for (;;) pause();
}

static void try_files(void) {
  tried_open("list-home", get("other"), O_RDONLY | O_DIRECTORY);
  tried_open("read-file", below("other", "secret"), O_RDONLY);
  tried_open("read-open-file", below("other", "open"), O_RDONLY);
  tried_open("write-home", below("other", "planted"), O_WRONLY | O_CREAT);
  tried("watch-home", inotify_add_watch(inotify_init1(IN_CLOEXEC), get("other"), IN_ALL_EVENTS));
  tried("link-file", link(below("other", "open"), "stolen"));
  tried_open("read-log", get("other-log"), O_RDONLY);
  tried_open("read-software", below("release", "instance.cfg"), O_RDONLY);
  tried_open("write-software", below("release", "planted"), O_WRONLY | O_CREAT);
  tried_open("change-software", below("release", "instance.cfg"), O_WRONLY);
  tried_open("write-software-root", below("software-root", "planted"), O_WRONLY | O_CREAT);
  tried_open("write-instance-root", below("instance-root", "planted"), O_WRONLY | O_CREAT);
  tried("exchange-home", rename(get("other"), below("instance-root", "moved")));
  tried_open("write-own", "written", O_WRONLY | O_CREAT);
}

static void try_node(void) {
  tried("connect-sv-sock", connect_unix(get("sv-sock"), 0));
  tried("remove-sv-sock", unlink(get("sv-sock")));
  tried_open("supervisor-configuration", below("instance-root", "etc/supervisord.conf"), O_RDONLY);
  tried_open("supervisor-log", below("instance-root", "var/log/supervisord.log"), O_RDONLY);
  tried_open("journal", below("instance-root", "var/run/supervisord.state"), O_RDONLY);
  tried_open("master-document", below("instance-root", "var/slapos-master-document.json"), O_RDONLY);
  tried_open("read-collector-database", get("collector"), O_RDONLY);
  tried_open("write-collector-database", get("collector"), O_RDWR);
  tried("connect-collector", connect_unix(below("instance-root", "var/run/slapos-collect.sock"), 0));
  tried_open("read-proxy-database", get("proxy-database"), O_RDONLY);
  tried_open("write-proxy-database", get("proxy-database"), O_RDWR);
  tried_open("panel-token", get("panel-token"), O_RDONLY);
  tried("connect-proxy", connect_to("127.0.0.1", atoi(get("proxy-port"))));
}

static void try_process(const char *target, const char *prefix) {
  char name[64], text[64], memory[8];
  pid_t pid = atoi(get(target));
  struct iovec here = {memory, sizeof memory}, there = {(void *)0x1000, sizeof memory};
  struct rlimit limit = {0, 0};
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
#define NAMED(part) (snprintf(name, sizeof name, "%s-%s", prefix, part), name)
  /* One that is ignored where it arrives. */
  tried(NAMED("signal"), kill(pid, SIGWINCH));
  tried(NAMED("continue"), kill(pid, SIGCONT));
  tried(NAMED("ptrace"), ptrace(PTRACE_SEIZE, pid, 0, 0));
  tried(NAMED("read-memory"), process_vm_readv(pid, &here, 1, &there, 1, 0));
  tried_open(NAMED("proc-mem"), proc(target, "mem"), O_RDWR);
  tried_open(NAMED("proc-environ"), proc(target, "environ"), O_RDONLY);
  tried_open(NAMED("proc-maps"), proc(target, "maps"), O_RDONLY);
  tried_open(NAMED("proc-fd"), proc(target, "fd"), O_RDONLY | O_DIRECTORY);
  tried(NAMED("proc-cwd"), readlink(proc(target, "cwd"), text, sizeof text));
  tried_open(NAMED("proc-root"), proc(target, "root/etc/passwd"), O_RDONLY);
  tried_open(NAMED("proc-cmdline"), proc(target, "cmdline"), O_RDONLY);
  tried_open(NAMED("proc-oom"), proc(target, "oom_score_adj"), O_WRONLY);
  tried(NAMED("take-descriptor"), syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  tried(NAMED("enter-namespace"), syscall(SYS_setns, pidfd, CLONE_NEWNS));
  tried(NAMED("limit"), prlimit(pid, RLIMIT_CPU, &limit, NULL));
  tried(NAMED("priority"), setpriority(PRIO_PROCESS, pid, 19));
  tried(NAMED("affinity"), sched_setaffinity(pid, sizeof first, &first));
  close(pidfd);
}

static void try_ipc(void) {
  tried("abstract-socket", connect_unix("slapos-held", 1));
  tried("sysv-memory", shmget(SHM_KEY, 4096, 0600));
  tried("posix-memory", shm_open(HELD, O_RDONLY, 0));
  tried("remove-posix-memory", shm_unlink(HELD));
  tried("message-queue", mq_open(HELD, O_RDONLY));
  tried_open("tmp-file", "/tmp" HELD, O_RDONLY);
  tried("remove-tmp-file", unlink("/tmp" HELD));
  tried("read-key", syscall(SYS_keyctl, 11L, atol(get("held-key")), 0L, 0L, 0L));
  tried("revoke-key", syscall(SYS_keyctl, 3L, atol(get("held-key")), 0L, 0L, 0L));
}

static int change_link(void) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
  } request = {{sizeof request, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
               {.ifi_index = (int)if_nametoindex("lo"), .ifi_change = IFF_UP}};
  char answer[1024];
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (send(fd, &request, sizeof request, 0) < 0) return -1;
  ssize_t length = recv(fd, answer, sizeof answer, 0);
  close(fd);
  if (length < (ssize_t)sizeof(struct nlmsghdr)) return -1;
  errno = -((struct nlmsgerr *)NLMSG_DATA(answer))->error;
  return errno == 0 ? 0 : -1;
}

static int add_address(void) {
  struct {
    struct nlmsghdr header;
    struct ifaddrmsg address;
    struct rtattr attribute;
    struct in_addr value;
  } request = {{sizeof request, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0},
               {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = if_nametoindex("lo")},
               {RTA_LENGTH(4), IFA_LOCAL},
               {htonl(0x0a090909)}};
  char answer[1024];
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (send(fd, &request, sizeof request, 0) < 0) return -1;
  if (recv(fd, answer, sizeof answer, 0) < (ssize_t)sizeof(struct nlmsghdr)) return -1;
  close(fd);
  errno = -((struct nlmsgerr *)NLMSG_DATA(answer))->error;
  return errno == 0 ? 0 : -1;
}

static int open_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = ioctl(fd, TUNSETIFF, &request);
  int saved = errno;
  close(fd);
  errno = saved;
  return result;
}

static void try_network(void) {
  int port = atoi(get("other-port"));
  tried("connect-other", connect_to(get("other-address"), port));
  tried("bind-other-address", bind_to(get("other-address"), port + 1, 0));
  tried("bind-other-ipv6", bind_to(get("other-ipv6"), port + 1, 0));
  tried("take-port", bind_to(get("other-address"), port, 0));
  tried("share-port", bind_to(get("other-address"), port, 1));
  tried("low-port", bind_to("127.0.0.1", 1, 0));
  tried("raw-socket", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  tried("packet-socket", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  tried("change-link", change_link());
  tried("add-address", add_address());
  tried("open-other-tap", open_tap(get("other-tap")));
  tried("make-tap", open_tap("stolen0"));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  tried("mark-packets", setsockopt(fd, SOL_SOCKET, SO_MARK, &(int){1}, sizeof(int)));
  tried("foreign-source", setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &(int){1}, sizeof(int)));
  tried_open("sysctl", "/proc/sys/net/ipv4/ip_forward", O_WRONLY);
}

/* In a child, so that what succeeds does not change this process. */
static void tried_apart(const char *name, long number, long a, long b, long c, long d) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    long result = syscall(number, a, b, c, d, 0L);
    tried(name, result);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void try_kernel(void) {
  struct perf_event_attr event = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_CPU_CLOCK};
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  char params[120] = {0};
  gid_t none = 0;
  tried_apart("setuid", SYS_setresuid, 0, 0, 0, 0);
  tried_apart("setgroups", SYS_setgroups, 1, (long)&none, 0, 0);
  tried_apart("user-namespace", SYS_unshare, CLONE_NEWUSER, 0, 0, 0);
  tried_apart("mount-namespace", SYS_unshare, CLONE_NEWNS, 0, 0, 0);
  tried_apart("mount", SYS_mount, (long)"none", (long)".", (long)"tmpfs", 0);
  tried_apart("chroot", SYS_chroot, (long)".", 0, 0, 0);
  tried_apart("make-device", SYS_mknodat, AT_FDCWD, (long)"device", S_IFBLK | 0600, 0x100);
  tried_apart("kernel-memory", SYS_openat, AT_FDCWD, (long)"/dev/kmsg", O_WRONLY, 0);
  tried_apart("module", SYS_init_module, 0, 0, 0, 0);
  tried_apart("kexec", SYS_kexec_load, 0, 0, 0, 0);
  tried_apart("reboot", SYS_reboot, 0, 0, 0, 0);
  tried_apart("set-clock", SYS_settimeofday, (long)&(struct timeval){1, 1}, 0, 0, 0);
  tried_apart("host-name", SYS_sethostname, (long)"x", 1, 0, 0);
  tried_apart("swap", SYS_swapon, (long)"/dev/null", 0, 0, 0);
  tried_apart("bpf", SYS_bpf, BPF_MAP_CREATE, (long)&map, sizeof map, 0);
  tried_apart("perf", SYS_perf_event_open, (long)&event, -1, 0, -1);
  tried_apart("io-uring", SYS_io_uring_setup, 1, (long)params, 0, 0);
  tried_apart("userfaultfd", SYS_userfaultfd, 0, 0, 0, 0);
  tried_apart("kernel-log", SYS_syslog, 3, (long)params, sizeof params, 0);
  tried_apart("fanotify", SYS_fanotify_init, FAN_CLASS_CONTENT, 0, 0, 0);
  tried_apart("own-keys", SYS_keyctl, 0, -3, 1, 0);
  tried_apart("real-time", SYS_sched_setscheduler, 0, SCHED_FIFO, (long)&(int){1}, 0);
  tried("nice", setpriority(PRIO_PROCESS, 0, -1));
  tried("raise-limit", setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 30, 1 << 30}));
  tried("trusted-attribute", setxattr(".", "trusted.x", "x", 1, 0));
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  tried("unkillable", fd < 0 ? -1 : write(fd, "-1000", 5));
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "hold") == 0) return hold(argv[2], atoi(argv[3]));
  if (argc != 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  read_targets(argv[1]);
  try_files();
  try_node();
  try_process("held-pid", "service");
  try_process("keeper-pid", "keeper");
  try_ipc();
  try_network();
  try_kernel();
  puts("done");
  fflush(stdout);
  return 0;
}
