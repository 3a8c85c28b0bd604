/* System calls that fault_tracer.c watches, and the name of what one of them works on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { LONGEST = 4096 };

/* Where a call names what it works on: the number of an argument. */
enum kind {
  PATH_AT, /* descriptor and path */
  PATH,    /* path */
  AT_SECOND, /* path, descriptor, path: symlinkat */
  TO_AT,   /* descriptor, path, descriptor, path: renameat, linkat; named by the second */
  TO,      /* path, path: rename, link */
  ON_FD,   /* descriptor */
  CONNECT, /* descriptor and address */
  SOCKET,  /* domain */
  CLONE,   /* flags */
  CLONE3,  /* struct clone_args */
  SELF,    /* nothing but the caller */
};

struct call {
  long number;
  const char *name;
  enum kind kind;
};

#define CALL(name, kind) {__NR_##name, #name, kind}
static const struct call calls[] = {
    CALL(openat, PATH_AT),    CALL(openat2, PATH_AT),     CALL(read, ON_FD),
    CALL(pread64, ON_FD),     CALL(readv, ON_FD),         CALL(preadv, ON_FD),
    CALL(write, ON_FD),       CALL(pwrite64, ON_FD),      CALL(writev, ON_FD),
    CALL(pwritev, ON_FD),     CALL(fsync, ON_FD),         CALL(fdatasync, ON_FD),
    CALL(syncfs, ON_FD),      CALL(ftruncate, ON_FD),     CALL(fallocate, ON_FD),
    CALL(copy_file_range, ON_FD), CALL(sendfile, ON_FD),  CALL(renameat, TO_AT),
    CALL(renameat2, TO_AT),   CALL(linkat, TO_AT),        CALL(symlinkat, AT_SECOND),
    CALL(unlinkat, PATH_AT),  CALL(mkdirat, PATH_AT),     CALL(fchown, ON_FD),
    CALL(fchownat, PATH_AT),  CALL(fchmod, ON_FD),        CALL(fchmodat, PATH_AT),
    CALL(newfstatat, PATH_AT), CALL(statx, PATH_AT),      CALL(fstat, ON_FD),
    CALL(readlinkat, PATH_AT), CALL(getdents64, ON_FD),   CALL(utimensat, PATH_AT),
    CALL(faccessat, PATH_AT), CALL(statfs, PATH),         CALL(flock, ON_FD),
    CALL(clone, CLONE),       CALL(clone3, CLONE3),       CALL(execve, PATH),
    CALL(execveat, PATH_AT),  CALL(socket, SOCKET),       CALL(connect, CONNECT),
    CALL(bind, CONNECT),      CALL(listen, ON_FD),        CALL(accept4, ON_FD),
    CALL(sendto, ON_FD),      CALL(sendmsg, ON_FD),       CALL(recvfrom, ON_FD),
    CALL(recvmsg, ON_FD),     CALL(sendmmsg, ON_FD),      CALL(socketpair, SELF),
    CALL(pipe2, SELF),        CALL(memfd_create, SELF),   CALL(pidfd_open, SELF),
    CALL(setresuid, SELF),    CALL(setresgid, SELF),      CALL(setgroups, SELF),
    CALL(setuid, SELF),       CALL(setgid, SELF),         CALL(chdir, PATH),
    CALL(fchdir, ON_FD),      CALL(ioctl, ON_FD),         CALL(mount, PATH),
    CALL(setrlimit, SELF),    CALL(setsid, SELF),         CALL(close_range, SELF),
#ifdef __x86_64__
    CALL(open, PATH),         CALL(rename, TO),           CALL(link, TO),
    CALL(symlink, TO),        CALL(unlink, PATH),         CALL(rmdir, PATH),
    CALL(mkdir, PATH),        CALL(chown, PATH),          CALL(lchown, PATH),
    CALL(chmod, PATH),        CALL(stat, PATH),           CALL(lstat, PATH),
    CALL(readlink, PATH),     CALL(access, PATH),         CALL(fork, SELF),
    CALL(vfork, SELF),        CALL(pipe, SELF),           CALL(dup2, ON_FD),
#endif
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static int starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int read_memory(pid_t pid, uint64_t address, void *to, size_t size) {
  struct iovec local = {to, size}, remote = {(void *)address, size};
  return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : -1;
}

/* Page by page, since the text may end just before one that is not there. */
static void read_text(pid_t pid, uint64_t address, char *to, size_t size) {
  size_t done = 0;
  while (done + 1 < size) {
    size_t part = 4096 - (address + done) % 4096;
    if (part > size - 1 - done) part = size - 1 - done;
    if (read_memory(pid, address + done, to + done, part) != 0) break;
    char *end = memchr(to + done, 0, part);
    if (end != NULL) return;
    done += part;
  }
  to[done] = 0;
}

static void read_link(char *to, const char *format, pid_t pid, int fd) {
  char path[64];
  snprintf(path, sizeof path, format, pid, fd);
  ssize_t length = readlink(path, to, LONGEST - 1);
  to[length < 0 ? 0 : length] = 0;
}

static int borrow(pid_t pid, int fd) {
  /* pidfd_open(2) takes the leader of a thread group only. */
  char path[64], line[128];
  pid_t leader = pid;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *status = fopen(path, "re");
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "Tgid: %d", &leader) == 1) break;
  if (status != NULL) fclose(status);
  int process = (int)syscall(__NR_pidfd_open, leader, 0);
  int mine = process < 0 ? -1 : (int)syscall(__NR_pidfd_getfd, process, fd, 0);
  if (process >= 0) close(process);
  return mine;
}

static void name_address(char *to, const struct sockaddr_storage *address, socklen_t length) {
  if (address->ss_family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path)) {
    snprintf(to, LONGEST, "unix:%.100s", ((const struct sockaddr_un *)address)->sun_path);
  } else if (address->ss_family == AF_INET || address->ss_family == AF_INET6) {
    strcpy(to, "tcp");
  } else if (address->ss_family == AF_NETLINK) {
    strcpy(to, "netlink");
  } else {
    snprintf(to, LONGEST, "socket%d", address->ss_family);
  }
}

static void name_socket(char *to, pid_t pid, int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int mine = borrow(pid, fd);
  strcpy(to, "socket");
  if (mine < 0) return;
  if (getpeername(mine, (struct sockaddr *)&address, &length) == 0 ||
      (length = sizeof address, getsockname(mine, (struct sockaddr *)&address, &length) == 0)) {
    name_address(to, &address, length);
  }
  close(mine);
}

static void name_descriptor(char *to, pid_t pid, int fd) {
  read_link(to, "/proc/%d/fd/%d", pid, fd);
  if (starts_with(to, "socket:")) name_socket(to, pid, fd);
  char *deleted = strstr(to, " (deleted)");
  if (deleted != NULL) *deleted = 0;
  if (starts_with(to, "pipe:")) strcpy(to, "pipe");
}

static void name_path(char *to, pid_t pid, int folder, uint64_t address) {
  char given[LONGEST] = "", base[LONGEST] = "";
  read_text(pid, address, given, sizeof given);
  int fd, rest = 0;
  if (sscanf(given, "/proc/self/fd/%d%n", &fd, &rest) == 1 && rest > 0) {
    name_descriptor(base, pid, fd);
    snprintf(to, LONGEST, "%s%s", base, given + rest);
    return;
  }
  if (given[0] == '/') {
    snprintf(to, LONGEST, "%s", given);
    return;
  }
  if (folder == AT_FDCWD) {
    read_link(base, "/proc/%d/cwd", pid, 0);
  } else {
    name_descriptor(base, pid, folder);
  }
  const char *name = starts_with(given, "./") ? given + 2 : given;
  int is_base = name[0] == 0 || strcmp(name, ".") == 0;
  snprintf(to, LONGEST, "%.2000s%s%.2000s", base, is_base ? "" : "/", is_base ? "" : name);
}

static int is_alphanumeric(char one) {
  return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z');
}

/* Words that are numbers of three digits and more or of a nameless file, and temporary names. */
static void mask(char *text) {
  char *to = text, before = 0;
  for (char *from = text; *from != 0;) {
    size_t digits = is_alphanumeric(before) ? 0 : strspn(from, "0123456789");
    if ((digits >= 3 || before == '#') && digits > 0 && !is_alphanumeric(from[digits])) {
      before = '#';
      if (to == text || to[-1] != '#') *to++ = '#';
      from += digits;
    } else {
      before = *to++ = *from++;
    }
  }
  *to = 0;
  char *name = strrchr(text, '/');
  char *end = strstr(name == NULL ? text : name, ".tmp");
  if (name != NULL && end != NULL && end[4] == 0) strcpy(name, "/*.tmp");
}

static void name_target(char *to, const struct call *call, pid_t pid, const struct seccomp_data *d) {
  struct sockaddr_storage address = {0};
  uint64_t flags = d->args[0];
  switch (call->kind) {
    case PATH_AT: name_path(to, pid, (int)d->args[0], d->args[1]); break;
    case PATH: name_path(to, pid, AT_FDCWD, d->args[0]); break;
    case AT_SECOND: name_path(to, pid, (int)d->args[1], d->args[2]); break;
    case TO_AT: name_path(to, pid, (int)d->args[2], d->args[3]); break;
    case TO: name_path(to, pid, AT_FDCWD, d->args[1]); break;
    case ON_FD: name_descriptor(to, pid, (int)d->args[0]); break;
    case CONNECT:
      strcpy(to, "socket");
      if (d->args[2] > sizeof address || read_memory(pid, d->args[1], &address, d->args[2]) != 0) break;
      name_address(to, &address, (socklen_t)d->args[2]);
      break;
    case SOCKET:
      address.ss_family = (sa_family_t)d->args[0];
      if (address.ss_family == AF_UNIX) strcpy(to, "unix");
      else name_address(to, &address, sizeof address);
      break;
    case CLONE3:
      if (read_memory(pid, d->args[0], &flags, sizeof flags) != 0) flags = 0;
      __attribute__((fallthrough));
    case CLONE: strcpy(to, flags & CLONE_THREAD ? "thread" : "process"); break;
    case SELF: strcpy(to, "-"); break;
  }
  mask(to);
}
