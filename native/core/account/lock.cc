#include "core/account/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "core/sys/sys_error.h"

namespace slapos::account {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRetryMs = 10;

struct flock WholeFile() {
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return range;
}

// An open file description lock (fcntl_locking(2)); it conflicts with the POSIX locks of others.
bool TryLock(int fd, const std::string& path) {
  struct flock range = WholeFile();
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return true;
  if (errno == EAGAIN || errno == EACCES || errno == EINTR) return false;
  ThrowErrno("fcntl F_OFD_SETLK", path);
}

std::string Holder(int fd) {
  struct flock range = WholeFile();
  if (::fcntl(fd, F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK || range.l_pid <= 0) {
    return "another program";
  }
  return "process " + std::to_string(range.l_pid);
}

bool IsCancelled(int cancel_fd) {
  pollfd fds = {cancel_fd, POLLIN, 0};  // a negative descriptor makes this a plain sleep
  return ::poll(&fds, 1, kRetryMs) > 0;
}

}  // namespace

AccountLock::AccountLock(const std::string& etc, std::chrono::milliseconds timeout, int cancel_fd) {
  std::string path = etc + "/.pwd.lock";
  Clock::time_point deadline = Clock::now() + timeout;
  fd_.Reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd_) ThrowErrno("open", path);
  while (!TryLock(fd_.Get(), path)) {
    if (Clock::now() >= deadline)
      throw SysError(ETIMEDOUT, "lckpwdf", path + " is held by " + Holder(fd_.Get()));
    if (IsCancelled(cancel_fd)) throw SysError(ECANCELED, "lckpwdf", path);
  }
}

}  // namespace slapos::account
