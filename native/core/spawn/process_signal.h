#pragma once

#include <sys/types.h>

namespace slapos {

// Sends `number` to a process through its pidfd, or to its process group. The process must not have
// been reaped: that is what keeps `pid` from naming something else. False when it is gone
// (ESRCH); throws SysError otherwise.
bool SendSignal(int pidfd, pid_t pid, int number, bool to_group);

// How a process ended: exit status, or -1 and the signal.
struct ProcessEnd {
  int status;
  int signal;
  bool dumped_core;
};

// Reaps through the pidfd, waiting for the end if asked. False when the process has not ended yet
// or is not our child.
bool ReapByPidfd(int pidfd, bool wait, ProcessEnd* end);

}  // namespace slapos
