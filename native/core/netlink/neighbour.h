#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace slapos::netlink {

// Asks for the link-layer address of each neighbour on a device, by ARP (RFC 826) or neighbour
// discovery (RFC 4861 7.2), and waits until all have answered, or `timeout` has passed, or
// `cancel_fd` becomes readable. What the kernel believed of them is forgotten first, but for
// entries that somebody made permanent, which count as answers. Woken by RTMGRP_NEIGH. Gives the
// addresses that did not answer. Throws SysError: ENODEV, EINVAL for text that is no address.
std::vector<std::string> AwaitNeighbours(const std::string& dev,
                                         const std::vector<std::string>& addresses,
                                         std::chrono::milliseconds timeout, int cancel_fd);

}  // namespace slapos::netlink
