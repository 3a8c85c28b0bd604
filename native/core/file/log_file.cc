// open(2), spec of the supervisor 11.7.
#include "core/file/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

// Nobody but us can change what stands in it.
bool IsOurs(int folder) {
  struct stat status = {};
  if (::fstat(folder, &status) != 0) return false;
  bool is_owner = status.st_uid == 0 || status.st_uid == ::geteuid();
  return is_owner && (status.st_mode & kOthersWrite) == 0;
}

bool IsLink(int folder, const std::string& name) {
  struct stat status = {};
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISLNK(status.st_mode);
}

void Descend(LogPlace* place, const std::string& part) {
  int follow = place->is_trusted ? 0 : O_NOFOLLOW;
  if (!place->is_trusted && part == "..") throw SysError(EINVAL, "open", place->path);
  UniqueFd next(
      ::openat(place->folder.Get(), part.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | follow));
  if (!next) {
    bool is_link = errno == ENOTDIR && follow != 0 && IsLink(place->folder.Get(), part);
    if (is_link) errno = ELOOP;
    ThrowErrno("open", place->path);
  }
  place->folder = std::move(next);
  place->is_trusted = place->is_trusted && IsOurs(place->folder.Get());
}

void RequirePlainFile(int fd, const std::string& path, const std::optional<uid_t>& owner) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) ThrowErrno("fstat", path);
  if (!S_ISREG(status.st_mode)) throw SysError(EINVAL, "open", path + " is not a regular file");
  if (status.st_nlink != 1) throw SysError(EMLINK, "open", path + " has another name");
  if (owner && status.st_uid != *owner && status.st_uid != ::geteuid()) {
    throw SysError(EPERM, "open", path + " belongs to uid " + std::to_string(status.st_uid));
  }
}

}  // namespace

LogPlace FindLog(const std::string& path) {
  if (path.empty() || path[0] != '/') throw SysError(EINVAL, "open", path);
  LogPlace place{path, UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), "", false};
  if (!place.folder) ThrowErrno("open", "/");
  place.is_trusted = IsOurs(place.folder.Get());
  size_t start = 1;
  for (size_t slash; (slash = path.find('/', start)) != std::string::npos; start = slash + 1) {
    std::string part = path.substr(start, slash - start);
    if (!part.empty() && part != ".") Descend(&place, part);
  }
  place.name = path.substr(start);
  if (place.name.empty() || place.name == "." || place.name == "..") {
    throw SysError(EINVAL, "open", path);
  }
  return place;
}

UniqueFd OpenLog(const LogPlace& place, int flags, mode_t mode, std::optional<uid_t> owner) {
  int follow = place.is_trusted ? 0 : O_NOFOLLOW;
  UniqueFd file(::openat(place.folder.Get(), place.name.c_str(),
                         flags | follow | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, mode));
  if (!file) ThrowErrno("open", place.path);
  if (!place.is_trusted) RequirePlainFile(file.Get(), place.path, owner);
  // A service must see an ordinary descriptor.
  if (::fcntl(file.Get(), F_SETFL, flags & O_APPEND) != 0) ThrowErrno("fcntl", place.path);
  return file;
}

}  // namespace slapos
