#pragma once

#include <cstdint>
#include <string>

namespace slapos {

// Bytes that the owner of a folder uses on the file system of it, by its user quota.
struct QuotaUse {
  uint64_t bytes = 0;
  uint32_t uid = 0;
};

// Asks the file system that holds the folder `path` what its owner uses (quotactl_fd(2), Linux
// 5.14). No symbolic link is followed at the end of `path`.
// Throws SysError: ESRCH where user quotas are off, ENOSYS where the kernel has none, EPERM for a
// folder of root, which owns files everywhere.
QuotaUse ReadOwnerQuota(const std::string& path);

}  // namespace slapos
