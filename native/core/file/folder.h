#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file/beneath.h"
#include "core/sys/sys_error.h"

namespace slapos {

struct FolderToCreate {
  std::string path;
  Ownership ownership;
};

// Creates folders, or gives existing ones this owner and mode, each for itself: nothing for one
// that is done, else why not. The parents must exist and be trusted; the folder itself is no link.
std::vector<std::optional<SysError>> CreateFolders(const std::vector<FolderToCreate>& folders);

// Brings what was written in the file system of a folder to its disk: syncfs(2).
void SyncFileSystem(const std::string& folder);

// Takes a mount away, whose root the descriptor is (O_PATH is enough), at once: umount2(2),
// MNT_DETACH. No name is looked up.
void DetachMount(int fd);

}  // namespace slapos
