#pragma once

#include <cstdint>
#include <string>

namespace slapos {

// What du(1) -s would say of a folder, and how the walk went.
struct DiskUsage {
  uint64_t bytes = 0;     // allocated blocks, each hard link counted once
  uint64_t entries = 0;   // files and folders seen
  uint64_t failures = 0;  // folders that could not be read, apart from those that vanished
};

// Measures the tree at `path`, a folder that may belong to somebody we do not trust: no symbolic
// link is followed, mounts are crossed, a bounded number of descriptors is used however deep it is.
// Returns early, with what it has, once `cancel_fd` is readable (-1: never).
// Throws SysError when `path` is not a folder that can be opened.
DiskUsage MeasureFolder(const std::string& path, int cancel_fd);

// Measures, each like a folder of its own, the folders that symbolic links in `path` lead to (a
// partition keeps its data on other disks so). Only targets owned by the owner of `path` count,
// each once, 1000 at most. A `path` that is missing or no folder measures nothing.
DiskUsage MeasureLinkedFolders(const std::string& path, int cancel_fd);

// Makes the calling thread step back behind all others, for CPU and for disk. It lasts: only for a
// thread that ends afterwards.
void LowerThreadPriority();

// The numbers of statvfs(3).
struct DiskSpace {
  uint64_t fragment_bytes = 0;
  uint64_t blocks = 0;
  uint64_t free_blocks = 0;
  uint64_t available_blocks = 0;
};

// Throws SysError.
DiskSpace ReadDiskSpace(const std::string& path);

}  // namespace slapos
