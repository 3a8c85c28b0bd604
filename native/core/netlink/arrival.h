#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/netlink/records.h"

namespace slapos::netlink {

// Waits until one of the devices has an IPv6 address that other machines can use: a global or a
// unique local unicast one (RFC 4291, RFC 4193) whose duplicate address detection is over. Devices
// need not exist yet. Gives nothing when `timeout` has passed or `cancel_fd` became readable. Woken
// by RTMGRP_LINK and RTMGRP_IPV6_IFADDR (rtnetlink(7)). Throws SysError.
std::optional<Address> AwaitAddress(const std::vector<std::string>& devices,
                                    std::chrono::milliseconds timeout, int cancel_fd);

}  // namespace slapos::netlink
