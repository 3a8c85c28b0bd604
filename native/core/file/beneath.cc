// openat2(2) (Linux 5.6), path_resolution(7).
#include "core/file/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/sys/capabilities.h"
#include "core/sys/folder_listing.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr int kAlways = O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
constexpr int kTmpfile = O_TMPFILE & ~O_DIRECTORY;
// openat2 answers EAGAIN when a rename elsewhere races with it.
constexpr int kRaceRetries = 64;

// O_PATH tolerates few other flags, and openat2 refuses the rest instead of ignoring them.
int WithSafeFlags(int flags) {
  return (flags & O_PATH) != 0 ? flags | O_CLOEXEC | O_NOFOLLOW : flags | kAlways;
}

[[noreturn]] void Refuse(const std::string& root, const std::string& path) {
  throw SysError(EINVAL, "openat2", "'" + path + "' is not a plain path beneath " + root);
}

std::vector<std::string> SplitPath(const std::string& root, const std::string& path) {
  std::vector<std::string> parts;
  if (path.empty() || path == ".") return parts;
  size_t start = 0;
  for (;;) {
    size_t end = path.find('/', start);
    std::string part = path.substr(start, end == std::string::npos ? end : end - start);
    if (part.empty() || part == ".." || part == "." || part.find('\0') != std::string::npos) {
      Refuse(root, path);
    }
    parts.push_back(std::move(part));
    if (end == std::string::npos) return parts;
    start = end + 1;
  }
}

UniqueFd OpenRoot(const std::string& root, int flags) {
  UniqueFd fd(::open(root.c_str(), flags | O_DIRECTORY | O_CLOEXEC));
  if (!fd) ThrowErrno("open", root);
  return fd;
}

// A mode is only allowed where it is used.
mode_t ModeFor(int flags, mode_t mode) { return (flags & (O_CREAT | kTmpfile)) != 0 ? mode : 0; }

bool IsLink(int parent, const std::string& name) {
  struct stat status = {};
  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

UniqueFd WalkByComponent(UniqueFd folder, const std::vector<std::string>& parts, int flags,
                         mode_t mode) {
  for (size_t index = 0; index + 1 < parts.size(); index++) {
    UniqueFd next(::openat(folder.Get(), parts[index].c_str(),
                           O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      int err = errno;
      errno = err == ENOTDIR && IsLink(folder.Get(), parts[index]) ? ELOOP : err;
      return next;
    }
    folder = std::move(next);
  }
  return UniqueFd(::openat(folder.Get(), parts.back().c_str(), flags, mode));
}

UniqueFd WalkAtOnce(int folder, const std::string& path, int flags, mode_t mode) {
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.mode = ModeFor(flags, mode);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0;; attempt++) {
    long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN || attempt >= kRaceRetries)
      return UniqueFd(static_cast<int>(fd));
  }
}

// Removes a temporary name unless the work was finished.
class TemporaryFolder {
 public:
  TemporaryFolder(int parent, const std::string& name) : parent_(parent), name_(name) {}
  ~TemporaryFolder() {
    if (parent_ >= 0) ::unlinkat(parent_, name_.c_str(), AT_REMOVEDIR);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  void Keep() { parent_ = -1; }

 private:
  int parent_;
  const std::string& name_;
};

bool IsEmptyFolder(int fd, const std::string& path) {
  FolderListing listing(UniqueFd(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), path);
  int count = 0;
  while (count <= 2 && listing.Next() != nullptr) count++;
  return count <= 2;
}

UniqueFd OpenFolder(int parent, const std::string& name) {
  return UniqueFd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// The owner of the parent may swap what we just made for another folder of ours; a new, empty one
// that is ours is worth nothing to them.
bool IsOurNewFolder(int fd, const std::string& path) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) ThrowErrno("fstat", path);
  return status.st_uid == ::geteuid() && IsEmptyFolder(fd, path);
}

// Makes it under another name of the parent. False when its own name is taken.
bool CreateFolderBy(const std::string& name, const Location& place, const std::string& path,
                    const Ownership& ownership) {
  int parent = place.parent.Get();
  if (::mkdirat(parent, name.c_str(), 0700) != 0) ThrowErrno("mkdirat", path);
  TemporaryFolder temporary(parent, name);
  UniqueFd folder = OpenFolder(parent, name);
  if (!folder) ThrowErrno("openat", path);
  if (!IsOurNewFolder(folder.Get(), path)) throw SysError(EPERM, "mkdirat", path + " was replaced");
  ApplyOwnership(folder.Get(), ownership, path);
  if (::syscall(SYS_renameat2, parent, name.c_str(), parent, place.name.c_str(),
                1U /* RENAME_NOREPLACE */) == 0) {
    temporary.Keep();
    return true;
  }
  if (errno == EEXIST) return false;
  ThrowErrno("renameat2", path);
}

// By a fixed name first, so that what a killed run left there goes with the next one. Where the
// owner of the parent keeps it, or another run of ours takes it from us, by one that nobody knows.
bool CreateFolder(const Location& place, const std::string& path, const Ownership& ownership) {
  std::string name = FixedNameFor(place.name);
  ::unlinkat(place.parent.Get(), name.c_str(), AT_REMOVEDIR);
  try {
    return CreateFolderBy(name, place, path, ownership);
  } catch (const SysError& error) {
    if (error.err() != EEXIST && error.err() != ENOENT && error.err() != EPERM) throw;
  }
  return CreateFolderBy(TemporaryNameFor(place.name), place, path, ownership);
}

void AdoptFolder(const Location& place, const std::string& path, const Ownership& ownership) {
  UniqueFd folder = OpenFolder(place.parent.Get(), place.name);
  if (!folder) ThrowErrno("openat", path);
  struct stat parent = {};
  struct stat status = {};
  if (::fstat(place.parent.Get(), &parent) != 0 || ::fstat(folder.Get(), &status) != 0) {
    ThrowErrno("fstat", path);
  }
  uid_t wanted = ownership.uid == kKeepUid ? status.st_uid : ownership.uid;
  if (status.st_uid != wanted && parent.st_uid != ::geteuid()) {
    throw SysError(EPERM, "fchown", path + " belongs to uid " + std::to_string(status.st_uid));
  }
  ApplyOwnership(folder.Get(), ownership, path);
}

}  // namespace

void ApplyOwnership(int fd, const Ownership& ownership, const std::string& path) {
  bool changes_owner = ownership.uid != kKeepUid || ownership.gid != kKeepGid;
  if (changes_owner && ::fchown(fd, ownership.uid, ownership.gid) != 0) ThrowErrno("fchown", path);
  // After the owner, because chown(2) drops the set-id bits.
  if (::fchmod(fd, ownership.mode) != 0) ThrowErrno("fchmod", path);
}

std::string FixedNameFor(const std::string& name) {
  return "." + name.substr(0, 200) + ".slapos-new";
}

std::string TemporaryNameFor(const std::string& name) {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) < 0) ThrowErrno("getrandom");
  static const char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
  std::string suffix;
  for (int index = 0; index < 12; index++, random >>= 5) suffix += kDigits[random & 31];
  return "." + name.substr(0, 200) + "." + suffix + ".tmp";
}

UniqueFd OpenBeneath(const std::string& root, const std::string& path, int flags, mode_t mode,
                     WalkMethod method) {
  std::vector<std::string> parts = SplitPath(root, path);
  int safe = WithSafeFlags(flags);
  if (parts.empty()) return OpenRoot(root, safe & ~O_NOFOLLOW & ~O_CREAT);
  UniqueFd folder = OpenRoot(root, O_PATH);
  bool at_once = method == WalkMethod::kBest && ProbeCapabilities().openat2;
  UniqueFd result = at_once ? WalkAtOnce(folder.Get(), path, safe, mode)
                            : WalkByComponent(std::move(folder), parts, safe, mode);
  if (!result) ThrowErrno(at_once ? "openat2" : "openat", root + "/" + path);
  return result;
}

Location OpenParent(const std::string& root, const std::string& path, WalkMethod method) {
  std::vector<std::string> parts = SplitPath(root, path);
  if (parts.empty()) Refuse(root, path);
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
  return {OpenBeneath(root, folder, O_RDONLY | O_DIRECTORY, 0, method), parts.back()};
}

std::optional<std::string> ReadBeneath(const std::string& root, const std::string& path,
                                       size_t max_bytes, struct stat* status_out) {
  UniqueFd file;
  try {
    file = OpenBeneath(root, path, O_RDONLY, 0);
  } catch (const SysError& error) {
    if (error.err() == ENOENT) return std::nullopt;
    throw;
  }
  std::string full = root + "/" + path;
  struct stat status = {};
  if (::fstat(file.Get(), &status) != 0) ThrowErrno("fstat", full);
  if (!S_ISREG(status.st_mode)) throw SysError(ELOOP, "openat2", full + " is no regular file");
  if (status_out != nullptr) *status_out = status;
  // One byte more than the file has, so that the first read also finds its end.
  size_t size = std::min(static_cast<size_t>(status.st_size), max_bytes) + 1;
  std::string content(size, '\0');
  size_t used = 0;
  while (used <= max_bytes) {
    ssize_t count = ::read(file.Get(), content.data() + used, content.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ThrowErrno("read", full);
    used += static_cast<size_t>(count);
    if (count == 0) break;
    if (used == content.size()) content.resize(std::min(2 * used, max_bytes + 1));
    if (used > max_bytes) throw SysError(EFBIG, "read", full);
  }
  content.resize(used);
  return content;
}

std::vector<ReadOutcome> ReadAllBeneath(const std::string& root,
                                        const std::vector<std::string>& paths, size_t max_bytes) {
  std::vector<ReadOutcome> outcomes(paths.size());
  for (size_t index = 0; index < paths.size(); index++) {
    try {
      outcomes[index].content = ReadBeneath(root, paths[index], max_bytes);
    } catch (const SysError& error) {
      outcomes[index].failure = error;
    }
  }
  return outcomes;
}

void MkdirBeneath(const std::string& root, const std::string& path, const Ownership& ownership) {
  Location place = OpenParent(root, path);
  std::string full = root + "/" + path;
  struct stat status = {};
  bool exists =
      ::fstatat(place.parent.Get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && CreateFolder(place, full, ownership)) return;
  AdoptFolder(place, full, ownership);
}

}  // namespace slapos
