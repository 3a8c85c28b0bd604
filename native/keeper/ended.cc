// pidfd_open(2), waitid(2), ioctl_pidfd (Linux 6.13 and 6.15).
#include "keeper/ended.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "core/proc/sample.h"
#include "core/sys/pidfd_info.h"

namespace slapos::keeper {

namespace {

ProcessEnd FromWaitStatus(int status) {
  if (WIFEXITED(status)) return {WEXITSTATUS(status), 0, false};
  return {-1, WTERMSIG(status), WCOREDUMP(status) != 0};
}

}  // namespace

uint64_t ReadStart(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/stat";
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  ssize_t length = file ? ::read(file.Get(), text, sizeof text - 1) : -1;
  if (length <= 0) return 0;
  text[length] = '\0';
  ProcessRecord record = {};
  return ParseStat(text, &record) ? static_cast<uint64_t>(record.start_ticks) : 0;
}

UniqueFd OpenProcess(pid_t pid, uint64_t start) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // After the open, so that the pid cannot change hands in between.
  if (!pidfd || ReadStart(pid) != start) return UniqueFd();
  return pidfd;
}

std::optional<ProcessEnd> PeekEnd(int pidfd) {
  siginfo_t info = {};
  int options = WEXITED | WNOHANG | WNOWAIT;
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, options) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  bool exited = info.si_code == CLD_EXITED;
  return ProcessEnd{exited ? info.si_status : -1, exited ? 0 : info.si_status,
                    info.si_code == CLD_DUMPED};
}

// ENOTTY before Linux 6.13, ESRCH for a process that was reaped before 6.15; later kernels look for
// the exit code first and for the process then, and say ESRCH too when it is reaped in between.
Knowledge ReadForeignEnd(int pidfd, ProcessEnd* end) {
  PidfdInfo info = {};
  int result = -1;
  for (int attempt = 0; attempt < 2 && result != 0; attempt++) {
    info = {};
    info.mask = kPidfdExit;
    result = ::ioctl(pidfd, kPidfdGetInfo, &info);
  }
  if (result != 0) return Knowledge::kNever;
  if ((info.mask & kPidfdExit) == 0) return Knowledge::kNotYet;
  *end = FromWaitStatus(info.exit_code);
  return Knowledge::kKnown;
}

pid_t PeekAnyEnded() {
  siginfo_t info = {};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
  return info.si_pid;
}

}  // namespace slapos::keeper
