#include "core/netlink/notifications.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos::netlink {

bool WaitForNotification(const Socket& notifications,
                         std::chrono::steady_clock::time_point deadline, int cancel_fd) {
  auto now = std::chrono::steady_clock::now();
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  if (left <= 0) return false;
  pollfd fds[] = {{notifications.Fd(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
  int ready = ::poll(fds, 2, static_cast<int>(std::min<long long>(left, 60'000)));
  if (ready < 0 && errno != EINTR) ThrowErrno("poll");
  return fds[1].revents == 0;
}

Bytes NextNotification(Socket& notifications, bool& is_lossy) {
  for (;;) {
    try {
      return notifications.Receive(false);
    } catch (const SysError& error) {
      if (error.err() != ENOBUFS) throw;
      is_lossy = true;
    }
  }
}

}  // namespace slapos::netlink
