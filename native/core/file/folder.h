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

}  // namespace slapos
