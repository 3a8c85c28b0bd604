#pragma once

#include <sys/ioctl.h>

#include <cstdint>

namespace slapos {

// struct pidfd_info of linux/pidfd.h (Linux 6.13) as it was first; the kernel takes any size from
// this on. `mask` says what is asked for, and then what was told.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup_id;
  uint32_t pid, tgid, ppid;
  uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr uint64_t kPidfdCredentials = 1U << 1;
constexpr uint64_t kPidfdCgroupId = 1U << 2;
constexpr uint64_t kPidfdExit = 1U << 3;  // Linux 6.15
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);

}  // namespace slapos
