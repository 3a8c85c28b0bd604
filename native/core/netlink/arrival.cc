#include "core/netlink/arrival.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "core/netlink/dad.h"
#include "core/netlink/dump.h"
#include "core/netlink/notifications.h"
#include "core/netlink/socket.h"

namespace slapos::netlink {

namespace {

// 2000::/3 and fc00::/7.
bool IsReachable(const std::string& text) {
  in6_addr bytes;
  if (::inet_pton(AF_INET6, text.c_str(), &bytes) != 1) return false;
  return (bytes.s6_addr[0] & 0xe0) == 0x20 || (bytes.s6_addr[0] & 0xfe) == 0xfc;
}

bool IsUsable(const Address& address) {
  return DadStateOf(address.flags) == DadState::kUsable && IsReachable(address.address);
}

std::optional<Address> FindAddress(Socket& socket, const std::vector<std::string>& devices) {
  Dump dump = ReadIpv6Addresses(socket);
  for (const std::string& device : devices) {
    auto ifindex = static_cast<int32_t>(socket.LinkIndex(device));
    auto found = std::find_if(dump.addresses.begin(), dump.addresses.end(), [=](const Address& a) {
      return ifindex != 0 && a.ifindex == ifindex && IsUsable(a);
    });
    if (found != dump.addresses.end()) return *found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Address> AwaitAddress(const std::vector<std::string>& devices,
                                    std::chrono::milliseconds timeout, int cancel_fd) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  // Listening starts before the state is read, so that no change falls between the two.
  Socket notifications(RTMGRP_LINK | RTMGRP_IPV6_IFADDR);
  Socket socket;
  for (;;) {
    std::optional<Address> found = FindAddress(socket, devices);
    if (found || !WaitForNotification(notifications, deadline, cancel_fd)) return found;
    // What they say does not matter, nor whether some were lost: the state is read anew.
    DrainNotifications(notifications, [](Bytes) {});
  }
}

}  // namespace slapos::netlink
