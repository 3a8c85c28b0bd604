// open(2), spec of the supervisor 11.7.
#include "core/file/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr mode_t kLogMode = 0644;

void RequirePlainFile(int fd, const std::string& path) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) ThrowErrno("fstat", path);
  if (!S_ISREG(status.st_mode)) throw SysError(EINVAL, "open", path + " is not a regular file");
  if (status.st_nlink != 1) throw SysError(EMLINK, "open", path + " has another name");
}

}  // namespace

UniqueFd OpenLogFile(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash + 1 == path.size()) throw SysError(EINVAL, "open", path);
  std::string folder_name = path.substr(0, slash + 1);
  UniqueFd folder(::open(folder_name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) ThrowErrno("open", folder_name);
  // O_NONBLOCK: a fifo without reader fails with ENXIO instead of waiting for one.
  UniqueFd file(::openat(
      folder.Get(), path.c_str() + slash + 1,
      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, kLogMode));
  if (!file) ThrowErrno("open", path);
  RequirePlainFile(file.Get(), path);
  // The service must see an ordinary descriptor.
  if (::fcntl(file.Get(), F_SETFL, O_APPEND) != 0) ThrowErrno("fcntl", path);
  return file;
}

}  // namespace slapos
