#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/netlink/message.h"

namespace slapos {

// One end of a TCP connection; an IPv4 address is mapped (RFC 4291, 2.5.5.2), the port is in
// network order.
struct TcpEnd {
  std::array<uint8_t, 16> address = {};
  in_port_t port = 0;

  bool operator==(const TcpEnd&) const = default;
};

struct TcpEnds {
  TcpEnd local;
  TcpEnd remote;
  // Of link-local addresses, else 0.
  uint32_t scope = 0;
};

// The ends of a connected socket. Throws SysError: ENOTCONN, EAFNOSUPPORT and the like.
TcpEnds ReadTcpEnds(int socket);

// The question for the socket at the other end of `ends` (sock_diag(7), without NLM_F_DUMP).
std::vector<uint8_t> EncodePeerQuestion(const TcpEnds& ends, uint32_t sequence);

// What the kernel says of the other end.
struct PeerAnswer {
  enum class Kind {
    kOwned,
    // No such socket is in this network namespace.
    kAbsent,
    // There is one whose owner cannot be relied on: its process has closed it, or it is another.
    kUnsure,
  };
  Kind kind = Kind::kUnsure;
  // Who made the socket, for kOwned.
  uid_t uid = 0;
};

// Throws SysError for what the kernel refuses and for what is no answer (EPROTO).
PeerAnswer DecodePeerAnswer(netlink::Bytes datagram, const TcpEnds& ends, uint32_t sequence);

// Who made the socket at the other end of an accepted TCP connection; nothing when it is on another
// machine or in another network namespace. Costs one netlink message and never waits. Needs no
// capability. Throws SysError: ENOTCONN when one of the ends is closed.
std::optional<uid_t> ReadTcpPeerUid(int socket);

}  // namespace slapos
