#pragma once

#include <cstdint>
#include <string>

namespace slapos {

struct LogLimits {
  uint64_t max_bytes;
  unsigned backups;  // files kept as .1, .2…
};

enum class Rotation {
  kNone,       // smaller than its limit, or than the part of it that can be moved
  kCollapsed,  // nothing was lost: whatever is in no backup is in the log
  kTruncated,  // what was written between the last read and ftruncate, two calls in a row, is lost
};

// Moves a log of at least `max_bytes` to its backup `.1` while services go on writing at its end
// through descriptors of their own (O_APPEND). Where the file system can take blocks out of a file
// (fallocate(2) FALLOC_FL_COLLAPSE_RANGE: ext4, xfs, f2fs) only whole blocks are moved, the last
// one never, and a line may begin in the backup and end in the log. Elsewhere (tmpfs, btrfs, nfs)
// the log is emptied after its last byte was copied. Without backups it is emptied either way.
// Of a log that grew far beyond its limit only the end is kept. Throws like OpenLog.
Rotation RotateLog(const std::string& path, const LogLimits& limits);

}  // namespace slapos
