// Folder sizes as du(1) counts them: allocated blocks of everything, folders included.
#include "core/disk/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "core/disk/folder_level.h"
#include "core/disk/walk.h"
#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

constexpr size_t kMaxLinks = 1000;

using Folders = std::set<std::pair<dev_t, ino_t>>;

bool IsRaised(int fd) {
  if (fd < 0) return false;
  struct pollfd event = {fd, POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

void Add(DiskUsage* sum, const DiskUsage& part) {
  // du rounds each of its answers up to whole KiB.
  sum->bytes += (part.bytes + 1023) / 1024 * 1024;
  sum->entries += part.entries;
  sum->failures += part.failures;
}

struct Wanted {
  uid_t owner;
  std::optional<dev_t> apart_from;
};

// The folder that a link leads to, when it is wanted and was not met before.
UniqueFd OpenLinked(int folder, const char* name, const Wanted& wanted, Folders* met) {
  struct stat status;
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(status.st_mode)) {
    return UniqueFd();
  }
  UniqueFd target(::openat(folder, name, kFolderFlags));
  if (!target || ::fstat(target.Get(), &status) != 0 || status.st_uid != wanted.owner ||
      status.st_dev == wanted.apart_from) {
    return UniqueFd();
  }
  return met->insert({status.st_dev, status.st_ino}).second ? std::move(target) : UniqueFd();
}

std::optional<dev_t> DeviceOf(const std::string& path) {
  struct stat status;
  if (path.empty() || ::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_dev;
}

}  // namespace

DiskUsage MeasureFolder(const std::string& path, int cancel_fd, const WalkLimits& limits) {
  UniqueFd root(::open(path.c_str(), kFolderFlags | O_NOFOLLOW));
  if (!root) ThrowErrno("open", path);
  DiskUsage usage;
  Add(&usage, WalkFolder(std::move(root), cancel_fd, limits));
  return usage;
}

DiskUsage MeasureLinkedFolders(const std::string& path, int cancel_fd,
                               const std::string& apart_from) {
  DiskUsage usage;
  int fd = ::open(path.c_str(), kFolderFlags | O_NOFOLLOW);
  DIR* listing = fd < 0 ? nullptr : ::fdopendir(fd);
  if (listing == nullptr) {
    if (fd >= 0) ::close(fd);
    return usage;
  }
  struct stat status;
  Folders met;
  if (::fstat(fd, &status) == 0) {
    Wanted wanted = {status.st_uid, DeviceOf(apart_from)};
    while (const dirent* entry = ::readdir(listing)) {
      if (met.size() >= kMaxLinks || IsRaised(cancel_fd)) break;
      UniqueFd target = OpenLinked(fd, entry->d_name, wanted, &met);
      if (target) Add(&usage, WalkFolder(std::move(target), cancel_fd, {}));
    }
  }
  ::closedir(listing);
  return usage;
}

void LowerThreadPriority() {
  // ioprio_set(2): IOPRIO_WHO_PROCESS is 1, class idle is 3; both failures only cost politeness.
  (void)::syscall(SYS_ioprio_set, 1, 0, 3 << 13);
  // Threads that this one starts inherit both.
  auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  (void)::setpriority(PRIO_PROCESS, thread, std::max(10, ::getpriority(PRIO_PROCESS, thread)));
}

DiskSpace ReadDiskSpace(const std::string& path) {
  struct statvfs numbers;
  if (::statvfs(path.c_str(), &numbers) != 0) ThrowErrno("statvfs", path);
  return {numbers.f_frsize, numbers.f_blocks, numbers.f_bfree, numbers.f_bavail};
}

}  // namespace slapos
