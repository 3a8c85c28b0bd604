#include "core/file/lock.h"

#include <fcntl.h>

#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos {

bool TryLock(int fd, bool exclusive) {
  struct flock lock = {};
  lock.l_type = exclusive ? F_WRLCK : F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  ThrowErrno("fcntl", "F_OFD_SETLK");
}

}  // namespace slapos
