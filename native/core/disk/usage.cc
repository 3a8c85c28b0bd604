// Folder sizes as du(1) counts them: fstatat(2) st_blocks of everything, folders included.
#include "core/disk/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC;
constexpr size_t kOpenFolders = 64;
constexpr size_t kMaxLinks = 1000;
constexpr uint64_t kBlockBytes = 512;  // unit of st_blocks, stat(3type)

using FileId = std::pair<dev_t, ino_t>;

bool IsRaised(int fd) {
  if (fd < 0) return false;
  struct pollfd event = {fd, POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

// A folder on the way from the root of the walk down to where it is. Beyond kOpenFolders levels
// the descriptor is closed; it is opened again by `..` from below, if that is still the same.
struct Level {
  UniqueFd fd;
  FileId id;
  std::vector<std::string> folders;  // not walked yet
};

class Walk {
 public:
  explicit Walk(int cancel_fd) : cancel_fd_(cancel_fd) {}

  DiskUsage Run(UniqueFd root) {
    struct stat status;
    if (::fstat(root.Get(), &status) != 0) ThrowErrno("fstat");
    Count(status);
    Enter(std::move(root), {status.st_dev, status.st_ino});
    while (!levels_.empty() && !IsRaised(cancel_fd_)) Step();
    return usage_;
  }

 private:
  void Step() {
    std::vector<std::string>& folders = levels_.back().folders;
    if (folders.empty()) {
      Leave();
      return;
    }
    std::string name = std::move(folders.back());
    folders.pop_back();
    UniqueFd fd(::openat(levels_.back().fd.Get(), name.c_str(), kFolderFlags | O_NOFOLLOW));
    struct stat status;
    if (!fd || ::fstat(fd.Get(), &status) != 0) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) usage_.failures++;
      return;
    }
    Enter(std::move(fd), {status.st_dev, status.st_ino});
  }

  void Enter(UniqueFd fd, FileId id) {
    levels_.push_back({std::move(fd), id, {}});
    List(&levels_.back());
    if (levels_.size() > kOpenFolders) levels_[levels_.size() - 1 - kOpenFolders].fd.Reset();
  }

  void Leave() {
    UniqueFd left = std::move(levels_.back().fd);
    levels_.pop_back();
    if (levels_.empty() || levels_.back().fd) return;
    Level& parent = levels_.back();
    UniqueFd again(::openat(left.Get(), "..", kFolderFlags));
    struct stat status;
    if (again && ::fstat(again.Get(), &status) == 0 &&
        parent.id == FileId{status.st_dev, status.st_ino}) {
      parent.fd = std::move(again);
      return;
    }
    // Somebody moved the folder: nothing above it can be found any more.
    usage_.failures++;
    levels_.clear();
  }

  void List(Level* level) {
    int copy = ::fcntl(level->fd.Get(), F_DUPFD_CLOEXEC, 0);
    DIR* listing = copy < 0 ? nullptr : ::fdopendir(copy);
    if (listing == nullptr) {
      if (copy >= 0) ::close(copy);
      usage_.failures++;
      return;
    }
    while (const dirent* entry = ::readdir(listing)) Look(level, entry->d_name);
    ::closedir(listing);
  }

  void Look(Level* level, const char* name) {
    if (::strcmp(name, ".") == 0 || ::strcmp(name, "..") == 0) return;
    struct stat status;
    if (::fstatat(level->fd.Get(), name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
      return;
    }
    bool is_folder = S_ISDIR(status.st_mode);
    if (!is_folder && status.st_nlink > 1 &&
        !hard_links_.insert({status.st_dev, status.st_ino}).second) {
      return;
    }
    Count(status);
    if (is_folder) level->folders.emplace_back(name);
  }

  void Count(const struct stat& status) {
    usage_.entries++;
    usage_.bytes += static_cast<uint64_t>(status.st_blocks) * kBlockBytes;
  }

  int cancel_fd_;
  DiskUsage usage_;
  std::vector<Level> levels_;
  std::set<FileId> hard_links_;
};

void Add(DiskUsage* sum, const DiskUsage& part) {
  // du rounds each of its answers up to whole KiB.
  sum->bytes += (part.bytes + 1023) / 1024 * 1024;
  sum->entries += part.entries;
  sum->failures += part.failures;
}

// The folder that a link leads to, when it belongs to `owner` and was not met before.
UniqueFd OpenLinked(int folder, const char* name, uid_t owner, std::set<FileId>* met) {
  struct stat status;
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(status.st_mode)) {
    return UniqueFd();
  }
  UniqueFd target(::openat(folder, name, kFolderFlags));
  if (!target || ::fstat(target.Get(), &status) != 0 || status.st_uid != owner) return UniqueFd();
  return met->insert({status.st_dev, status.st_ino}).second ? std::move(target) : UniqueFd();
}

}  // namespace

DiskUsage MeasureFolder(const std::string& path, int cancel_fd) {
  UniqueFd root(::open(path.c_str(), kFolderFlags | O_NOFOLLOW));
  if (!root) ThrowErrno("open", path);
  DiskUsage usage;
  Add(&usage, Walk(cancel_fd).Run(std::move(root)));
  return usage;
}

DiskUsage MeasureLinkedFolders(const std::string& path, int cancel_fd) {
  DiskUsage usage;
  int fd = ::open(path.c_str(), kFolderFlags | O_NOFOLLOW);
  DIR* listing = fd < 0 ? nullptr : ::fdopendir(fd);
  if (listing == nullptr) {
    if (fd >= 0) ::close(fd);
    return usage;
  }
  struct stat status;
  std::set<FileId> met;
  if (::fstat(fd, &status) == 0) {
    while (const dirent* entry = ::readdir(listing)) {
      if (met.size() >= kMaxLinks || IsRaised(cancel_fd)) break;
      UniqueFd target = OpenLinked(fd, entry->d_name, status.st_uid, &met);
      if (target) Add(&usage, Walk(cancel_fd).Run(std::move(target)));
    }
  }
  ::closedir(listing);
  return usage;
}

void LowerThreadPriority() {
  // ioprio_set(2): IOPRIO_WHO_PROCESS is 1, class idle is 3; both failures only cost politeness.
  (void)::syscall(SYS_ioprio_set, 1, 0, 3 << 13);
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 10);
}

DiskSpace ReadDiskSpace(const std::string& path) {
  struct statvfs numbers;
  if (::statvfs(path.c_str(), &numbers) != 0) ThrowErrno("statvfs", path);
  return {numbers.f_frsize, numbers.f_blocks, numbers.f_bfree, numbers.f_bavail};
}

}  // namespace slapos
