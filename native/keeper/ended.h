#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "core/spawn/process_signal.h"
#include "core/sys/unique_fd.h"

namespace slapos::keeper {

// Start time of a process in clock ticks since boot (proc_pid_stat(5), field 22), 0 when it is
// gone.
uint64_t ReadStart(pid_t pid);

// A pidfd of a process that is still the one that started at `start`; empty when it is gone.
UniqueFd OpenProcess(pid_t pid, uint64_t start);

// How a child ended, without reaping it (waitid(2) WNOWAIT); nothing while it runs.
std::optional<ProcessEnd> PeekEnd(int pidfd);

// How a process that is not our child ended: PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15, once
// its parent has reaped it.
enum class Knowledge { kKnown, kNotYet, kNever };
Knowledge ReadForeignEnd(int pidfd, ProcessEnd* end);

// Any child that has ended, not reaped; 0 when there is none.
pid_t PeekAnyEnded();

}  // namespace slapos::keeper
