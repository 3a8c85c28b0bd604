#pragma once

#include <chrono>

#include "core/netlink/message.h"
#include "core/netlink/socket.h"

namespace slapos::netlink {

// False when the time is over or `cancel_fd` became readable. Throws SysError.
bool WaitForNotification(const Socket& notifications,
                         std::chrono::steady_clock::time_point deadline, int cancel_fd);

// Hands every datagram that waits to `take`. Gives false when some were lost (netlink(7) ENOBUFS):
// those left are older than the ones lost, so they are dropped and the state must be read anew.
template <typename Take>
bool DrainNotifications(Socket& notifications, Take take);

// The next datagram, empty when none waits; sets `is_lossy` when notifications were lost.
Bytes NextNotification(Socket& notifications, bool& is_lossy);

template <typename Take>
bool DrainNotifications(Socket& notifications, Take take) {
  bool is_lossy = false;
  for (;;) {
    Bytes datagram = NextNotification(notifications, is_lossy);
    if (datagram.empty()) return !is_lossy;
    if (!is_lossy) take(datagram);
  }
}

}  // namespace slapos::netlink
