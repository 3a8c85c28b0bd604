#pragma once

#include <sys/types.h>

#include <cstddef>

namespace slapos {

struct UserEnd {
  // Processes that there were, and those that did not end in time (uninterruptible ones).
  size_t found;
  size_t left;
  // Those in containers that root made below us, which are somebody else's and go on.
  size_t contained;
};

// Kills every process whose real user is `uid`, however fast they fork, and waits at most
// `timeout_ms` for their end. Containers that share our users are left alone; while there are any,
// processes are killed one by one, and whoever forks fast enough is left. `cancel_fd` ends the wait
// early when it becomes readable; -1 for none. Needs CAP_SETUID. Throws SysError; EINVAL for uid 0
// and for the caller's own.
UserEnd EndProcessesOfUser(uid_t uid, int timeout_ms, int cancel_fd);

}  // namespace slapos
