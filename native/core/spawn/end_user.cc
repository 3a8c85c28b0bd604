// kill(2) with pid -1, setresuid(2), capset(2), pidfd_open(2) (Linux 5.3).
#include "core/spawn/end_user.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/proc/sample.h"
#include "core/spawn/process_signal.h"
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
    // The kernel takes it away with each change of users: no core file would be written any more.
    if (dumpable_ == 1) ::prctl(PR_SET_DUMPABLE, 1);
  }

  int dumpable_ = ::prctl(PR_GET_DUMPABLE);
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

// How many pid namespaces a process is in, and its user namespace; false when it is gone.
struct Place {
  size_t depth = 0;
  std::string users;

  bool Read(const std::string& process) {
    std::ifstream status("/proc/" + process + "/status");
    std::string line;
    while (std::getline(status, line) && line.rfind("NSpid:", 0) != 0) continue;
    std::istringstream numbers(line.substr(line.empty() ? 0 : 6));
    for (long number; numbers >> number;) depth++;
    char target[64] = {};
    std::string link = "/proc/" + process + "/ns/user";
    ssize_t length = ::readlink(link.c_str(), target, sizeof target - 1);
    users.assign(target, length > 0 ? static_cast<size_t>(length) : 0);
    return depth > 0 && length > 0;
  }
};

// Whether it runs in a container that root made: a pid namespace below ours with our users, where
// the same number stands for somebody else. Whoever is no root makes a user namespace with it.
bool IsContained(pid_t pid, const Place& ours) {
  Place place;
  if (!place.Read(std::to_string(pid))) return false;
  return place.depth > ours.depth && place.users == ours.users;
}

struct Running {
  std::vector<pid_t> pids;
  size_t contained = 0;
};

Running ListRunning(uid_t uid) {
  std::vector<uid_t> uids{uid};
  Place ours;
  ours.Read("self");
  Running running;
  for (const ProcessRecord& record : SampleProcesses("/proc", &uids)) {
    auto pid = static_cast<pid_t>(record.pid);
    if (!IsRunning(record)) continue;
    if (IsContained(pid, ours)) {
      running.contained++;
    } else {
      running.pids.push_back(pid);
    }
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
  if (!pidfd) return errno == ESRCH;
  while (true) {
    pollfd waits[2] = {{pidfd.Get(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
    int ready = ::poll(waits, 2, MillisecondsUntil(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || waits[1].revents != 0) return false;
    return true;
  }
}

// One by one, where a signal to all would reach containers. The user is looked at once more with
// the process held, since its pid may be another's by now.
void KillEach(const std::vector<pid_t>& pids, uid_t uid) {
  for (pid_t pid : pids) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    std::stringstream status;
    status << file.rdbuf();
    uint32_t owner = 0;
    if (pidfd && ParseStatusUid(status.str().c_str(), &owner) && owner == uid) {
      SendSignal(pidfd.Get(), pid, SIGKILL, false);
    }
  }
}

}  // namespace

UserEnd EndProcessesOfUser(uid_t uid, int timeout_ms, int cancel_fd) {
  if (uid == 0 || uid == ::getuid() || uid == ::geteuid() || uid == kNobodyElse) {
    throw SysError(EINVAL, "kill", "uid " + std::to_string(uid));
  }
  auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::set<pid_t> found;
  Running running = ListRunning(uid);
  // Also without any: a process may have another real user and still be this one's to signal.
  if (running.pids.empty() && running.contained == 0) KillAll(uid);
  bool in_time = true;
  for (; !running.pids.empty(); running = ListRunning(uid)) {
    found.insert(running.pids.begin(), running.pids.end());
    if (!in_time) break;
    if (running.contained == 0) {
      KillAll(uid);
    } else {
      KillEach(running.pids, uid);
    }
    for (pid_t pid : running.pids) in_time = in_time && AwaitEnd(pid, deadline, cancel_fd);
  }
  return {found.size(), running.pids.size(), running.contained};
}

}  // namespace slapos
