// readdir(3), fstatat(2).
#include "core/file/remove_owned.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "core/file/remove.h"
#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

std::vector<std::string> ListOwned(const std::string& folder, uid_t uid) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return {};
  DIR* listing = fd ? ::fdopendir(fd.Get()) : nullptr;
  if (listing == nullptr) ThrowErrno("open", folder);
  int handle = fd.Release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing)) {
    std::string name = entry->d_name;
    struct stat status = {};
    if (name == "." || name == "..") continue;
    if (::fstatat(handle, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (status.st_uid == uid) names.push_back(std::move(name));
  }
  ::closedir(listing);
  return names;
}

}  // namespace

OwnedRemoval RemoveOwned(const std::string& folder, uid_t uid) {
  OwnedRemoval removal;
  for (const std::string& name : ListOwned(folder, uid)) {
    std::string path = folder + "/" + name;
    struct stat status = {};
    // What went meanwhile may be there again as somebody else's.
    if (::lstat(path.c_str(), &status) != 0 || status.st_uid != uid) continue;
    try {
      RemoveBeneath(folder, name);
      removal.removed++;
    } catch (const SysError& error) {
      removal.failures.push_back(error);
    }
  }
  return removal;
}

}  // namespace slapos
