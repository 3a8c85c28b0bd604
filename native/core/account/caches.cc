#include "core/account/caches.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/sys/unique_fd.h"

namespace slapos::account {

namespace {

constexpr int kTimeLimitMs = 2000;

void ReapInTime(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd event = {fd.Get(), POLLIN, 0};
  if (!fd || ::poll(&event, 1, kTimeLimitMs) == 0) ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
}

// Signals that Node ignores or blocks must not stay so in the child.
void RunQuietly(const char* file, char* const argv[]) {
  if (::access(file, X_OK) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (int fd : {0, 1, 2}) {
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  sigset_t signals;
  ::sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* const environment[] = {path, nullptr};
  pid_t pid = -1;
  if (::posix_spawn(&pid, file, &actions, &attributes, argv, environment) == 0) ReapInTime(pid);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
}

void Run(const char* file, const char* option, const char* argument) {
  char* const argv[] = {const_cast<char*>(file), const_cast<char*>(option),
                        const_cast<char*>(argument), nullptr};
  RunQuietly(file, argv);
}

}  // namespace

void FlushNameCaches() {
  Run("/usr/sbin/nscd", "-i", "passwd");
  Run("/usr/sbin/nscd", "-i", "group");
  Run("/usr/sbin/sss_cache", "-UG", nullptr);
}

}  // namespace slapos::account
