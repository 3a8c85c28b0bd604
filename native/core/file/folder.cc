// mkdir(2), with owner and mode set through a descriptor: the umask has no say. syncfs(2),
// umount2(2)
#include "core/file/folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace slapos {

namespace {

void CreateFolder(const FolderToCreate& folder) {
  const std::string& path = folder.path;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) ThrowErrno("mkdir", path);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) ThrowErrno("open", path);
  ApplyOwnership(fd.Get(), folder.ownership, path);
}

}  // namespace

std::vector<std::optional<SysError>> CreateFolders(const std::vector<FolderToCreate>& folders) {
  std::vector<std::optional<SysError>> failures(folders.size());
  for (size_t index = 0; index < folders.size(); index++) {
    try {
      CreateFolder(folders[index]);
    } catch (const SysError& error) {
      failures[index] = error;
    }
  }
  return failures;
}

void SyncFileSystem(const std::string& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) ThrowErrno("open", folder);
  if (::syncfs(fd.Get()) != 0) ThrowErrno("syncfs", folder);
}

void DetachMount(int fd) {
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  if (::umount2(link.c_str(), MNT_DETACH) != 0) ThrowErrno("umount2", link);
}

}  // namespace slapos
