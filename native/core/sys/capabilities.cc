#include "core/sys/capabilities.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

bool HasPidfd() {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return static_cast<bool>(fd);
}

// The highest descriptor number there can be is never open: the call closes nothing.
bool HasCloseRange() { return ::syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0) == 0; }

bool HasOpenat2() {
  struct open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how))));
  return static_cast<bool>(fd);
}

}  // namespace

const Capabilities& ProbeCapabilities() {
  static const Capabilities probed = {HasPidfd(), HasCloseRange(), HasOpenat2()};
  return probed;
}

}  // namespace slapos
