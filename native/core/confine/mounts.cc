// mount_namespaces(7), mount_setattr(2) (Linux 5.12).
#include "core/confine/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace slapos {

namespace {

constexpr long kMountSetattr = 442;
constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE
constexpr uint64_t kReadOnly = 0x1;      // MOUNT_ATTR_RDONLY

struct MountAttribute {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t user_namespace;
};

// What remounting must not drop.
unsigned long FlagsOf(const char* path) {
  struct statvfs status = {};
  if (::statvfs(path, &status) != 0) return 0;
  unsigned long flags = 0;
  if ((status.f_flag & ST_NOSUID) != 0) flags |= MS_NOSUID;
  if ((status.f_flag & ST_NODEV) != 0) flags |= MS_NODEV;
  if ((status.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  return flags;
}

bool MakeReadOnly(const char* path) {
  if (::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) != 0) return false;
  MountAttribute attribute = {kReadOnly, 0, 0, 0};
  if (::syscall(kMountSetattr, AT_FDCWD, path, kRecursive, &attribute, sizeof attribute) == 0) {
    return true;
  }
  if (errno != ENOSYS) return false;
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | FlagsOf(path);
  return ::mount(nullptr, path, nullptr, flags, nullptr) == 0;
}

}  // namespace

bool MayOwnMounts() {
  pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) ::_exit(::unshare(CLONE_NEWNS) == 0 ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

bool EnterMountView(const MountView& view) {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  // What is mounted outside later is seen, what is mounted here stays here.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return false;
  for (const std::string& path : view.read_only) {
    if (!MakeReadOnly(path.c_str())) return false;
  }
  for (const auto& [folder, source] : view.replaced) {
    if (::mount(source.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) != 0 &&
        errno != ENOENT) {
      return false;
    }
  }
  return true;
}

}  // namespace slapos
