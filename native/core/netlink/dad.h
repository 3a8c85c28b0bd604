#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "core/netlink/records.h"

namespace slapos::netlink {

struct DadAddress {
  std::string dev;
  std::string address;
};

enum class DadState { kUsable, kTentative, kDadFailed, kMissing };

struct DadResult {
  DadAddress address;
  DadState state = DadState::kUsable;
};

// Waits until duplicate address detection (RFC 4862 section 5.4) is over for every address given,
// or `timeout` has passed, or `cancel_fd` becomes readable. Woken by RTMGRP_IPV6_IFADDR. Gives the
// addresses that are not usable. Throws SysError.
std::vector<DadResult> AwaitDad(const std::vector<DadAddress>& addresses,
                                std::chrono::milliseconds timeout, int cancel_fd);

// The state that the flags of an address (IFA_F_*) tell.
DadState DadStateOf(uint32_t flags);

}  // namespace slapos::netlink
