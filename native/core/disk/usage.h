#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace slapos {

// What du(1) -s would say of a folder, and how the walk went.
struct DiskUsage {
  uint64_t bytes = 0;     // allocated blocks, each hard link counted once
  uint64_t entries = 0;   // files and folders seen
  uint64_t failures = 0;  // folders that could not be read, apart from those that vanished
};

// How far a walk may go.
struct WalkLimits {
  size_t threads = 0;  // 0: as many as there are processors, from 2 to 4
  // Files of several names that are remembered, in 32 bytes each. Names of files met later count
  // a share each, the size over the number of names: exact unless names lie outside of the folder.
  size_t hard_links = 2 << 20;
};

// Measures the tree at `path`, a folder that may belong to somebody we do not trust: no symbolic
// link is followed, mounts are crossed. At most 33 descriptors a thread are open however deep it
// is. Returns early, with what it has, once `cancel_fd` is readable (-1: never). Throws SysError
// when `path` is not a folder that can be opened.
DiskUsage MeasureFolder(const std::string& path, int cancel_fd, const WalkLimits& limits = {});

// Measures, each like a folder of its own, the folders that symbolic links in `path` lead to (a
// partition keeps its data on other disks so). Only targets owned by the owner of `path` count,
// each once, 1000 at most. A `path` that is missing or no folder measures nothing. Unless it is
// empty, `apart_from` is a path: nothing on the file system of it is measured.
DiskUsage MeasureLinkedFolders(const std::string& path, int cancel_fd,
                               const std::string& apart_from = "");

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
