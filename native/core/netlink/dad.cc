#include "core/netlink/dad.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/netlink/decode.h"
#include "core/netlink/dump.h"
#include "core/netlink/notifications.h"
#include "core/netlink/socket.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

namespace {

using Clock = std::chrono::steady_clock;

// The one text that the kernel's records use for an address.
std::string CanonicalText(const std::string& text) {
  in6_addr bytes;
  char result[INET6_ADDRSTRLEN] = "";
  if (::inet_pton(AF_INET6, text.c_str(), &bytes) != 1) {
    throw SysError(EINVAL, "awaitDad", "'" + text + "' is not an IPv6 address");
  }
  ::inet_ntop(AF_INET6, &bytes, result, sizeof(result));
  return result;
}

// The addresses waited for, and what is known about each.
class Watch {
 public:
  Watch(const std::vector<DadAddress>& addresses, const Socket& socket) {
    for (const DadAddress& address : addresses) {
      auto ifindex = static_cast<int32_t>(socket.LinkIndex(address.dev));
      results_.push_back({address, DadState::kMissing});
      positions_[{ifindex, CanonicalText(address.address)}].push_back(results_.size() - 1);
    }
  }

  void Note(const Address& address, DadState state) {
    auto found = positions_.find({address.ifindex, address.address});
    if (found == positions_.end()) return;
    for (size_t position : found->second) results_[position].state = state;
  }

  void NoteAll(const Dump& dump) {
    for (DadResult& result : results_) result.state = DadState::kMissing;
    for (const Address& address : dump.addresses) Note(address, DadStateOf(address.flags));
  }

  bool IsOver() const {
    return std::none_of(results_.begin(), results_.end(), [](const DadResult& result) {
      return result.state == DadState::kTentative;
    });
  }

  std::vector<DadResult> TakeUnusable() {
    std::erase_if(results_,
                  [](const DadResult& result) { return result.state == DadState::kUsable; });
    return std::move(results_);
  }

 private:
  std::vector<DadResult> results_;
  std::map<std::pair<int32_t, std::string>, std::vector<size_t>> positions_;
};

void TakeNotifications(Bytes datagram, Watch& watch) {
  MessageReader reader(datagram);
  while (auto message = reader.Next()) {
    uint16_t type = message->header.nlmsg_type;
    if (type != RTM_NEWADDR && type != RTM_DELADDR) continue;
    auto address = DecodeAddress(message->payload);
    if (!address) continue;
    watch.Note(*address, type == RTM_DELADDR ? DadState::kMissing : DadStateOf(address->flags));
  }
}

}  // namespace

DadState DadStateOf(uint32_t flags) {
  if (flags & IFA_F_DADFAILED) return DadState::kDadFailed;
  return flags & IFA_F_TENTATIVE ? DadState::kTentative : DadState::kUsable;
}

std::vector<DadResult> AwaitDad(const std::vector<DadAddress>& addresses,
                                std::chrono::milliseconds timeout, int cancel_fd) {
  Clock::time_point deadline = Clock::now() + timeout;
  // Listening starts before the state is read, so that no change falls between the two.
  Socket notifications(RTMGRP_IPV6_IFADDR);
  Socket socket;
  Watch watch(addresses, socket);
  watch.NoteAll(ReadIpv6Addresses(socket));
  while (!watch.IsOver() && WaitForNotification(notifications, deadline, cancel_fd)) {
    auto take = [&](Bytes datagram) { TakeNotifications(datagram, watch); };
    if (!DrainNotifications(notifications, take)) watch.NoteAll(ReadIpv6Addresses(socket));
  }
  return watch.TakeUnusable();
}

}  // namespace slapos::netlink
