#include "core/disk/quota.h"

#include <fcntl.h>
#include <linux/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/disk/folder_level.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

#ifdef SYS_quotactl_fd
constexpr long kQuotactlFd = SYS_quotactl_fd;
#else
constexpr long kQuotactlFd = 443;  // of every architecture, Linux 5.14
#endif

// The kernel answers Q_GETQUOTA for XFS too, in the same units (fs/quota/quota.c, quota_getquota).
constexpr unsigned kGetUserQuota = (static_cast<unsigned>(Q_GETQUOTA) << SUBCMDSHIFT) | USRQUOTA;

}  // namespace

QuotaUse ReadOwnerQuota(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), kFolderFlags | O_NOFOLLOW));
  if (!folder) ThrowErrno("open", path);
  struct stat status;
  if (::fstat(folder.Get(), &status) != 0) ThrowErrno("fstat", path);
  if (status.st_uid == 0) throw SysError(EPERM, "quotactl_fd", path);
  struct if_dqblk numbers = {};
  if (::syscall(kQuotactlFd, folder.Get(), kGetUserQuota, status.st_uid, &numbers) != 0) {
    ThrowErrno("quotactl_fd", path);
  }
  if ((numbers.dqb_valid & QIF_SPACE) == 0) throw SysError(ENODATA, "quotactl_fd", path);
  return {numbers.dqb_curspace, status.st_uid};
}

}  // namespace slapos
