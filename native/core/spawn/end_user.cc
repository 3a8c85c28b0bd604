// kill(2) with pid -1, setresuid(2), capset(2), pidfd_open(2) (Linux 5.3).
#include "core/spawn/end_user.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/proc/sample.h"
#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

using Clock = std::chrono::steady_clock;

// Nobody's: (uid_t)-1 means "leave it as it is".
constexpr uid_t kNobodyElse = static_cast<uid_t>(-2);

// The capabilities of the calling thread.
class Capabilities {
 public:
  Capabilities() {
    if (::syscall(SYS_capget, &header_, data_) != 0) ThrowErrno("capget");
  }
  bool IsEffective() const { return data_[0].effective != 0 || data_[1].effective != 0; }
  bool TryApply() { return ::syscall(SYS_capset, &header_, data_) == 0; }
  void ClearEffective() {
    data_[0].effective = 0;
    data_[1].effective = 0;
  }

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data_[2] = {};
};

// While it lives this thread, and no other, has the effective user `uid` and may signal the
// processes of that user and no others: its real user is nobody, so that none of them may signal
// it. A thread rather than a child, which could not be made while the user has taken every pid.
// SAFETY: raw calls only, those of glibc would change all of our threads.
class AsUser {
 public:
  explicit AsUser(uid_t uid) {
    ::syscall(SYS_getresuid, &real_, &effective_, &saved_);
    // A user namespace need not have such a user.
    if (::syscall(SYS_setresuid, kNobodyElse, uid, effective_) != 0 &&
        ::syscall(SYS_setresuid, uid, uid, effective_) != 0) {
      ThrowErrno("setresuid", "uid " + std::to_string(uid));
    }
    Capabilities none = before_;
    none.ClearEffective();
    none.TryApply();
  }
  ~AsUser() { GoBack(); }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;

  // With CAP_KILL, or as another user, a signal to all would go to everybody on the machine.
  bool IsUser(uid_t uid) const {
    return static_cast<uid_t>(::syscall(SYS_geteuid)) == uid &&
           static_cast<uid_t>(::syscall(SYS_getuid)) != real_ && !Capabilities().IsEffective();
  }

 private:
  void GoBack() {
    ::syscall(SYS_setresuid, -1, effective_, -1);
    ::syscall(SYS_setresuid, real_, effective_, saved_);
    // Only where the kernel does not give them back by itself (SECBIT_NO_SETUID_FIXUP).
    before_.TryApply();
  }

  Capabilities before_;
  uid_t real_ = 0;
  uid_t effective_ = 0;
  uid_t saved_ = 0;
};

// The kernel walks its list of processes under the lock that fork(2) needs, and a fork with a
// signal pending fails: nobody escapes by forking.
void KillAll(uid_t uid) {
  AsUser user(uid);
  std::string detail = "processes of uid " + std::to_string(uid);
  if (!user.IsUser(uid)) throw SysError(EPERM, "setresuid", detail);
  if (::kill(-1, SIGKILL) != 0 && errno != ESRCH && errno != EPERM) ThrowErrno("kill", detail);
}

// One that waits to be reaped by its parent does nothing any more; one whose first thread has ended
// looks the same while others of it go on.
bool IsRunning(const ProcessRecord& record) {
  return (record.state != 'Z' && record.state != 'X') || record.threads > 1;
}

std::vector<pid_t> ListRunning(uid_t uid) {
  std::vector<uid_t> uids{uid};
  std::vector<pid_t> running;
  for (const ProcessRecord& record : SampleProcesses("/proc", &uids)) {
    if (IsRunning(record)) running.push_back(static_cast<pid_t>(record.pid));
  }
  return running;
}

int MillisecondsUntil(Clock::time_point deadline) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

// Whether it went on to the end: false when time is up or the wait was cancelled.
bool AwaitEnd(pid_t pid, Clock::time_point deadline, int cancel_fd) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return true;  // gone
  while (true) {
    pollfd waits[2] = {{pidfd.Get(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
    int ready = ::poll(waits, 2, MillisecondsUntil(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || waits[1].revents != 0) return false;
    return true;
  }
}

}  // namespace

UserEnd EndProcessesOfUser(uid_t uid, int timeout_ms, int cancel_fd) {
  if (uid == 0 || uid == ::getuid() || uid == ::geteuid() || uid == kNobodyElse) {
    throw SysError(EINVAL, "kill", "uid " + std::to_string(uid));
  }
  auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::set<pid_t> found;
  bool in_time = true;
  for (auto running = ListRunning(uid); !running.empty(); running = ListRunning(uid)) {
    found.insert(running.begin(), running.end());
    if (!in_time) return {found.size(), running.size()};
    KillAll(uid);
    for (pid_t pid : running) in_time = in_time && AwaitEnd(pid, deadline, cancel_fd);
  }
  return {found.size(), 0};
}

}  // namespace slapos
