// pidfd_send_signal(2), waitid(2).
#include "core/spawn/process_signal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr unsigned kSignalProcessGroup = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9

bool Settle(long result, const char* syscall) {
  if (result == 0) return true;
  if (errno == ESRCH) return false;
  ThrowErrno(syscall);
}

}  // namespace

bool SendSignal(int pidfd, pid_t pid, int number, bool to_group) {
  unsigned flags = to_group ? kSignalProcessGroup : 0;
  long result = ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, flags);
  if (result == 0 || !to_group || errno != EINVAL) return Settle(result, "pidfd_send_signal");
  // Before Linux 6.9; a pid that was not reaped cannot have been given to another group.
  return Settle(::kill(-pid, number), "kill");
}

bool ReapByPidfd(int pidfd, bool wait, ProcessEnd* end) {
  siginfo_t info = {};
  int options = WEXITED | (wait ? 0 : WNOHANG);
  int result;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, options);
  } while (result < 0 && errno == EINTR);
  if (result < 0 || info.si_pid == 0) return false;
  bool exited = info.si_code == CLD_EXITED;
  *end = {exited ? info.si_status : -1, exited ? 0 : info.si_status, info.si_code == CLD_DUMPED};
  return true;
}

}  // namespace slapos
