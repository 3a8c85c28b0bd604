#include "core/netlink/neighbour.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>

#include "core/netlink/decode.h"
#include "core/netlink/dump.h"
#include "core/netlink/encode.h"
#include "core/netlink/notifications.h"
#include "core/netlink/socket.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kAnswered = NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP;
// A question of the neighbour's own came before its answer. The kernel believes what that tells,
// and asks only when it is used, after delay_first_probe_time: 5 s (__neigh_event_send of Linux).
constexpr uint16_t kOnlyHeard = NUD_STALE | NUD_DELAY;

// The one text that the kernel's records use for an address.
std::string CanonicalText(const std::string& text) {
  uint8_t bytes[sizeof(in6_addr)];
  char result[INET6_ADDRSTRLEN] = "";
  int family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(family, text.c_str(), bytes) != 1) {
    throw SysError(EINVAL, "awaitNeighbours", "'" + text + "' is not an IP address");
  }
  ::inet_ntop(family, bytes, result, sizeof(result));
  return result;
}

// Sends a request and waits until the kernel has dealt with it. Gives errno, 0 for success.
int Request(Socket& socket, std::vector<uint8_t> message) {
  uint32_t sequence = socket.NextSequence();
  SetSequence(message, sequence, NLM_F_ACK);
  socket.Send(message);
  for (;;) {
    MessageReader reader(socket.Receive());
    while (auto answer = reader.Next()) {
      if (answer->header.nlmsg_type != NLMSG_ERROR || answer->header.nlmsg_seq != sequence)
        continue;
      auto verdict = DecodeVerdict(*answer);
      return verdict ? verdict->err : EBADMSG;
    }
  }
}

// The neighbours that are asked for, and which of them have answered.
class Questions {
 public:
  Questions(Socket& socket, const std::string& dev, const std::vector<std::string>& addresses)
      : socket_(socket), ifindex_(static_cast<int32_t>(socket.LinkIndex(dev))) {
    if (ifindex_ == 0) throw SysError(ENODEV, "awaitNeighbours", dev);
    for (const std::string& address : addresses) has_answered_[CanonicalText(address)] = false;
  }

  // Lets the kernel forget them, so that an answer is a new one.
  void Forget() {
    for (const Neighbour& known : ReadNeighbours(socket_, ifindex_).neighbours) {
      if ((known.state & NUD_PERMANENT) != 0) Note(known);
      bool is_asked_for = has_answered_.contains(known.address) && !has_answered_[known.address];
      if (is_asked_for) Request(socket_, EncodeNeighbour(RTM_DELNEIGH, ifindex_, known.address));
    }
  }

  // Not those that are permanent: asking for them would end that (__neigh_update of Linux).
  void AskAll() {
    for (const auto& [address, has_answered] : has_answered_) {
      if (!has_answered) Ask(address);
    }
  }

  // Answers that came before anybody could tell us.
  void ReadAnswers() {
    for (const Neighbour& known : ReadNeighbours(socket_, ifindex_).neighbours) {
      if (Note(known)) ForgetHearsay(known);
    }
  }

  // The kernel gives up after a few questions, and forgets them when the device gets another
  // address or loses its carrier. We do not: the port may have started to forward since.
  void TakeNotifications(Bytes datagram) {
    MessageReader reader(datagram);
    while (auto message = reader.Next()) {
      uint16_t type = message->header.nlmsg_type;
      if (type != RTM_NEWNEIGH && type != RTM_DELNEIGH) continue;
      auto neighbour = DecodeNeighbour(message->payload);
      if (!neighbour) continue;
      if (type == RTM_DELNEIGH) neighbour->state = NUD_FAILED;
      if (!Note(*neighbour)) continue;
      if (neighbour->state == NUD_FAILED) Ask(neighbour->address);
      ForgetHearsay(*neighbour);
    }
  }

  bool IsOver() const {
    return std::all_of(has_answered_.begin(), has_answered_.end(),
                       [](const auto& entry) { return entry.second; });
  }

  std::vector<std::string> Unanswered() const {
    std::vector<std::string> addresses;
    for (const auto& [address, has_answered] : has_answered_) {
      if (!has_answered) addresses.push_back(address);
    }
    return addresses;
  }

 private:
  void Ask(const std::string& address) {
    int err = Request(socket_, EncodeNeighbour(RTM_NEWNEIGH, ifindex_, address));
    if (err != 0) throw SysError(err, "awaitNeighbours", address);
  }

  // That it is forgotten is notified, and then it is asked for.
  void ForgetHearsay(const Neighbour& neighbour) {
    bool has_answered = has_answered_[neighbour.address];
    if (has_answered || (neighbour.state & kOnlyHeard) == 0) return;
    Request(socket_, EncodeNeighbour(RTM_DELNEIGH, ifindex_, neighbour.address));
  }

  // True when it is one of ours.
  bool Note(const Neighbour& neighbour) {
    auto found = has_answered_.find(neighbour.address);
    if (neighbour.ifindex != ifindex_ || found == has_answered_.end()) return false;
    if (neighbour.state & kAnswered) found->second = true;
    return true;
  }

  Socket& socket_;
  int32_t ifindex_;
  std::map<std::string, bool> has_answered_;
};

}  // namespace

std::vector<std::string> AwaitNeighbours(const std::string& dev,
                                         const std::vector<std::string>& addresses,
                                         std::chrono::milliseconds timeout, int cancel_fd) {
  Clock::time_point deadline = Clock::now() + timeout;
  Socket socket;
  Questions questions(socket, dev, addresses);
  questions.Forget();
  // Listening starts before the questions, and after what forgetting has to tell.
  Socket notifications(RTMGRP_NEIGH);
  questions.AskAll();
  questions.ReadAnswers();
  while (!questions.IsOver() && WaitForNotification(notifications, deadline, cancel_fd)) {
    auto take = [&](Bytes datagram) { questions.TakeNotifications(datagram); };
    if (!DrainNotifications(notifications, take)) {
      questions.ReadAnswers();
      questions.AskAll();
    }
  }
  return questions.Unanswered();
}

}  // namespace slapos::netlink
