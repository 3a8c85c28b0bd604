// unlink(2), statx(2), chmod(2) through /proc/self/fd.
#include "core/file/remove.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <vector>

#include "core/file/beneath.h"
#include "core/sys/folder_listing.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

// A folder found below this depth is first moved up to the top of the tree.
constexpr size_t kMaxDepth = 64;
// Passes without progress over a folder that others keep filling.
constexpr int kMaxPasses = 16;
constexpr unsigned kMaxMoves = 1000000;
// Entries of a folder that are looked at together: memory stays bounded however many there are.
constexpr size_t kBatch = 65536;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

struct Entry {
  std::string name;
  bool is_folder;
};

uint64_t MountOf(int fd, const std::string& detail) {
  struct statx status = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0) ThrowErrno("statx", detail);
  if ((status.stx_mask & STATX_MNT_ID) != 0) return status.stx_mnt_id;
  return (uint64_t{status.stx_dev_major} << 32) | status.stx_dev_minor;
}

bool IsFolder(int parent, const char* name) {
  struct stat status = {};
  return ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// At most `kBatch` entries other than `kept`.
std::vector<Entry> ListFolder(int fd, const std::set<std::string>& kept,
                              const std::string& detail) {
  FolderListing listing(UniqueFd(::openat(fd, ".", kFolderFlags)), detail);
  std::vector<Entry> entries;
  while (const dirent* entry = entries.size() < kBatch ? listing.Next() : nullptr) {
    std::string name = entry->d_name;
    if (name == "." || name == ".." || kept.count(name) > 0) continue;
    bool is_folder =
        entry->d_type == DT_UNKNOWN ? IsFolder(fd, entry->d_name) : entry->d_type == DT_DIR;
    entries.push_back({std::move(name), is_folder});
  }
  return entries;
}

// fchmod(2) refuses O_PATH descriptors, the link in /proc does not.
void MakeAccessible(int path_fd) {
  std::string link = "/proc/self/fd/" + std::to_string(path_fd);
  ::chmod(link.c_str(), 0700);
}

class TreeRemover {
 public:
  TreeRemover(int parent, const std::string& name, std::string detail)
      : parent_(parent), name_(name), detail_(std::move(detail)) {}

  void Run() {
    UniqueFd top = OpenFolder(parent_, name_);
    if (!top) return;
    mount_ = MountOf(parent_, detail_);
    if (MountOf(top.Get(), detail_) != mount_)
      throw SysError(EBUSY, "unlinkat", detail_ + " is mounted");
    top_ = top.Get();
    RepeatUntil([this] { return Unlink(parent_, name_, AT_REMOVEDIR); });
  }

  // Leaves the folder itself, and the names to keep in it.
  void RunInside(const std::vector<std::string>& kept) {
    kept_.insert(kept.begin(), kept.end());
    mount_ = MountOf(parent_, detail_);
    top_ = parent_;
    RepeatUntil([this] { return ListFolder(top_, kept_, detail_).empty(); });
  }

 private:
  template <typename Check>
  void RepeatUntil(Check is_done) {
    for (int idle_passes = 0; idle_passes < kMaxPasses && moved_ < kMaxMoves;) {
      unsigned moved_before = moved_;
      Empty(top_, 1);
      if (is_done()) return;
      if (moved_ == moved_before) idle_passes++;
    }
    throw SysError(ENOTEMPTY, "unlinkat", detail_);
  }

  // Empty when it is gone or no folder any more.
  UniqueFd OpenFolder(int parent, const std::string& name) {
    UniqueFd folder(::openat(parent, name.c_str(), kFolderFlags));
    if (!folder && errno == EACCES) {
      UniqueFd handle(
          ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (handle) MakeAccessible(handle.Get());
      folder.Reset(::openat(parent, name.c_str(), kFolderFlags));
    }
    if (!folder && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
      ThrowErrno("openat", detail_ + "/…/" + name);
    }
    return folder;
  }

  // False when the folder is not empty yet.
  bool Unlink(int parent, const std::string& name, int flags) {
    if (::unlinkat(parent, name.c_str(), flags) == 0 || errno == ENOENT) return true;
    if (errno == EACCES && ::fchmod(parent, 0700) == 0 &&
        (::unlinkat(parent, name.c_str(), flags) == 0 || errno == ENOENT)) {
      return true;
    }
    // The owner may swap a file and a folder under our eyes: the next pass sees it as it is.
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR || errno == EISDIR) return false;
    ThrowErrno("unlinkat", detail_ + "/…/" + name);
  }

  void Empty(int folder, size_t depth) {
    static const std::set<std::string> kNone;
    const std::set<std::string>& kept = folder == top_ ? kept_ : kNone;
    for (bool is_full = true, is_emptying = true; is_full && is_emptying;) {
      std::vector<Entry> entries = ListFolder(folder, kept, detail_);
      is_full = entries.size() == kBatch;
      is_emptying = false;
      for (const Entry& entry : entries) {
        bool is_gone = entry.is_folder ? RemoveFolder(folder, entry.name, depth)
                                       : Unlink(folder, entry.name, 0);
        is_emptying = is_emptying || is_gone;
      }
    }
  }

  // False when it is not empty yet.
  bool RemoveFolder(int parent, const std::string& name, size_t depth) {
    if (depth >= kMaxDepth && MoveUp(parent, name)) return true;
    UniqueFd folder = OpenFolder(parent, name);
    if (!folder) return false;
    if (MountOf(folder.Get(), detail_) != mount_) {
      throw SysError(EBUSY, "unlinkat", detail_ + "/…/" + name + " is mounted");
    }
    Empty(folder.Get(), depth + 1);
    return Unlink(parent, name, AT_REMOVEDIR);
  }

  bool MoveUp(int parent, const std::string& name) {
    for (int attempt = 0; attempt < 8; attempt++) {
      std::string target = ".slapos-remove-" + std::to_string(moved_++);
      if (::renameat(parent, name.c_str(), top_, target.c_str()) == 0) return true;
      // Moving a folder of ours needs the right to write in it.
      UniqueFd handle(
          ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (handle) MakeAccessible(handle.Get());
    }
    return false;
  }

  int parent_;
  const std::string& name_;
  std::string detail_;
  std::set<std::string> kept_;
  int top_ = -1;
  uint64_t mount_ = 0;
  unsigned moved_ = 0;
};

}  // namespace

void RemoveBeneath(const std::string& root, const std::string& path) {
  Location place;
  try {
    place = OpenParent(root, path);
  } catch (const SysError& error) {
    if (error.err() == ENOENT) return;
    throw;
  }
  int parent = place.parent.Get();
  if (!IsFolder(parent, place.name.c_str())) {
    if (::unlinkat(parent, place.name.c_str(), 0) == 0 || errno == ENOENT) {
      // Nobody will write the file again and clear what a writer that was killed left of it.
      ::unlinkat(parent, FixedNameFor(place.name).c_str(), 0);
      return;
    }
    if (errno != EISDIR) ThrowErrno("unlinkat", root + "/" + path);
  }
  TreeRemover(parent, place.name, root + "/" + path).Run();
}

void EmptyBeneath(const std::string& root, const std::string& path,
                  const std::vector<std::string>& kept) {
  UniqueFd folder;
  try {
    folder = OpenBeneath(root, path, O_RDONLY | O_DIRECTORY, 0);
  } catch (const SysError& error) {
    if (error.err() == ENOENT) return;
    throw;
  }
  TreeRemover(folder.Get(), path, root + "/" + path).RunInside(kept);
}

}  // namespace slapos
