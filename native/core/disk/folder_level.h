#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <string>
#include <utility>

#include "core/disk/hard_links.h"
#include "core/sys/unique_fd.h"

namespace slapos {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC;

// A folder on the way from where a thread began down to where it is. Its entries are read piece by
// piece: it holds the names of the folders of one piece, and how far it was read.
struct FolderLevel {
  UniqueFd fd;  // closed while the walk is far below
  FileId id;
  off_t position = 0;  // of the next piece, for lseek(2)
  bool is_read = false;
  size_t taken = 0;   // of `names`
  std::string names;  // of folders, each ended by a NUL

  bool HasNames() const { return taken < names.size(); }
  // The next name, which lives until `names` changes.
  const char* TakeName() {
    const char* name = names.c_str() + taken;
    taken = names.find('\0', taken) + 1;
    return name;
  }
};

}  // namespace slapos
