#pragma once

#include "core/disk/usage.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// Measures the tree below an open folder with up to `limits.threads` threads, this one included,
// which inherit its priorities. Returns early, with what it has, once `cancel_fd` is readable.
// Throws SysError when the folder cannot be looked at.
DiskUsage WalkFolder(UniqueFd root, int cancel_fd, WalkLimits limits);

}  // namespace slapos
