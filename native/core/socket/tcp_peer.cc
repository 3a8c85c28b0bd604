#include "core/socket/tcp_peer.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint32_t kSequence = 1;
// Of the loopback device, in every network namespace.
constexpr uint32_t kLoopbackIndex = 1;
// One answer with its attributes takes about 120 bytes.
constexpr size_t kAnswerBytes = 4096;

bool IsMapped(const TcpEnd& end) {
  return ::memcmp(end.address.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
}

void MapInto(TcpEnd& end, const void* ipv4) {
  ::memcpy(end.address.data(), kMappedPrefix.data(), kMappedPrefix.size());
  ::memcpy(end.address.data() + kMappedPrefix.size(), ipv4, sizeof(in_addr));
}

using ReadName = int (*)(int, sockaddr*, socklen_t*);

TcpEnd ReadEnd(int socket, ReadName read, const char* what, uint32_t& scope) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  if (read(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) ThrowErrno(what);
  TcpEnd end;
  if (storage.ss_family == AF_INET) {
    sockaddr_in name;
    ::memcpy(&name, &storage, sizeof(name));
    MapInto(end, &name.sin_addr);
    end.port = name.sin_port;
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 name;
    ::memcpy(&name, &storage, sizeof(name));
    ::memcpy(end.address.data(), &name.sin6_addr, end.address.size());
    end.port = name.sin6_port;
    scope = name.sin6_scope_id;
  } else {
    throw SysError(EAFNOSUPPORT, what, "family " + std::to_string(storage.ss_family));
  }
  return end;
}

void PutAddress(__be32 (&field)[4], const TcpEnd& end, bool is_ipv4) {
  const uint8_t* from = end.address.data() + (is_ipv4 ? kMappedPrefix.size() : 0);
  ::memcpy(field, from, end.address.size() - static_cast<size_t>(from - end.address.data()));
}

TcpEnd GetEnd(const __be32 (&field)[4], in_port_t port, uint8_t family) {
  TcpEnd end;
  end.port = port;
  if (family == AF_INET) {
    MapInto(end, field);
  } else {
    ::memcpy(end.address.data(), field, end.address.size());
  }
  return end;
}

// A socket that is not connected yet may have taken the address of one that is gone.
bool IsConnected(uint8_t state) {
  return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2;
}

PeerAnswer JudgeAnswer(const inet_diag_msg& answer, const TcpEnds& ends) {
  // Where no connection matches, the kernel looks for a socket that listens there (inet_lookup).
  if (answer.idiag_state == TCP_LISTEN) return {PeerAnswer::Kind::kAbsent};
  const inet_diag_sockid& id = answer.id;
  bool is_asked = GetEnd(id.idiag_src, id.idiag_sport, answer.idiag_family) == ends.remote &&
                  GetEnd(id.idiag_dst, id.idiag_dport, answer.idiag_family) == ends.local;
  if (!is_asked || !IsConnected(answer.idiag_state)) return {PeerAnswer::Kind::kUnsure};
  // To many kernels a socket that its process has closed is root's, whoever made it. It has no
  // inode any more, and they read the inode after the uid.
  if (answer.idiag_inode == 0) return {PeerAnswer::Kind::kUnsure};
  return {PeerAnswer::Kind::kOwned, answer.idiag_uid};
}

std::vector<uint8_t> Ask(std::span<const uint8_t> question) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!socket) ThrowErrno("socket", "NETLINK_SOCK_DIAG");
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  // From now on nobody but the kernel can send to it.
  if (::connect(socket.Get(), reinterpret_cast<sockaddr*>(&kernel), sizeof(kernel)) != 0) {
    ThrowErrno("connect", "NETLINK_SOCK_DIAG");
  }
  if (::send(socket.Get(), question.data(), question.size(), 0) < 0) {
    ThrowErrno("send", "NETLINK_SOCK_DIAG");
  }
  std::vector<uint8_t> answer(kAnswerBytes);
  // The kernel has answered when send(2) returns.
  ssize_t size = ::recv(socket.Get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0) ThrowErrno("recv", "NETLINK_SOCK_DIAG");
  if (static_cast<size_t>(size) > answer.size()) throw SysError(EMSGSIZE, "recv", "sock_diag");
  answer.resize(static_cast<size_t>(size));
  return answer;
}

// While our end is connected nobody else can have a connection between the same two addresses: so
// what was found before this holds was the other end.
void ExpectConnected(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    ThrowErrno("getsockopt", "TCP_INFO");
  }
  if (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT) return;
  throw SysError(ENOTCONN, "getsockopt", "TCP_INFO");
}

// A process of this machine that closes its end at the right moment must not pass for one of
// another machine: only addresses of our own can be bound to.
void ExpectElsewhere(const TcpEnds& ends) {
  bool is_ipv4 = IsMapped(ends.remote);
  sockaddr_in6 name6 = {};
  name6.sin6_family = AF_INET6;
  name6.sin6_scope_id = ends.scope;
  ::memcpy(&name6.sin6_addr, ends.remote.address.data(), sizeof(name6.sin6_addr));
  sockaddr_in name4 = {};
  name4.sin_family = AF_INET;
  ::memcpy(&name4.sin_addr, ends.remote.address.data() + kMappedPrefix.size(),
           sizeof(name4.sin_addr));
  UniqueFd probe(::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) ThrowErrno("socket", "SOCK_DGRAM");
  int result = is_ipv4 ? ::bind(probe.Get(), reinterpret_cast<sockaddr*>(&name4), sizeof(name4))
                       : ::bind(probe.Get(), reinterpret_cast<sockaddr*>(&name6), sizeof(name6));
  if (result == 0) throw SysError(ENOTCONN, "bind", "an address of this machine");
  if (errno != EADDRNOTAVAIL) ThrowErrno("bind", "SOCK_DGRAM");
}

}  // namespace

TcpEnds ReadTcpEnds(int socket) {
  TcpEnds ends;
  ends.local = ReadEnd(socket, ::getsockname, "getsockname", ends.scope);
  ends.remote = ReadEnd(socket, ::getpeername, "getpeername", ends.scope);
  return ends;
}

std::vector<uint8_t> EncodePeerQuestion(const TcpEnds& ends, uint32_t sequence) {
  bool is_ipv4 = IsMapped(ends.local) && IsMapped(ends.remote);
  inet_diag_req_v2 request = {};
  request.sdiag_family = is_ipv4 ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  // Seen from the other end: its own address is the source.
  PutAddress(request.id.idiag_src, ends.remote, is_ipv4);
  PutAddress(request.id.idiag_dst, ends.local, is_ipv4);
  request.id.idiag_sport = ends.remote.port;
  request.id.idiag_dport = ends.local.port;
  // Finds sockets that are bound to the loopback device too.
  request.id.idiag_if = ends.scope == 0 ? kLoopbackIndex : ends.scope;
  request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  netlink::MessageWriter writer(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, request);
  std::vector<uint8_t> message = writer.Take();
  netlink::SetSequence(message, sequence, 0);
  return message;
}

PeerAnswer DecodePeerAnswer(netlink::Bytes datagram, const TcpEnds& ends, uint32_t sequence) {
  std::optional<netlink::Message> message = netlink::MessageReader(datagram).Next();
  if (message && message->header.nlmsg_seq == sequence) {
    if (message->header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      auto answer = netlink::ReadStruct<inet_diag_msg>(message->payload);
      if (answer) return JudgeAnswer(*answer, ends);
    } else if (message->header.nlmsg_type == NLMSG_ERROR) {
      auto verdict = netlink::DecodeVerdict(*message);
      if (verdict && verdict->err == ENOENT) return {PeerAnswer::Kind::kAbsent};
      if (verdict && verdict->err != 0) {
        throw SysError(verdict->err, "sock_diag", "TCP", verdict->extack);
      }
    }
  }
  throw SysError(EPROTO, "sock_diag", "an answer of " + std::to_string(datagram.size()) + " bytes");
}

std::optional<uid_t> ReadTcpPeerUid(int socket) {
  TcpEnds ends = ReadTcpEnds(socket);
  PeerAnswer answer = DecodePeerAnswer(Ask(EncodePeerQuestion(ends, kSequence)), ends, kSequence);
  if (answer.kind == PeerAnswer::Kind::kUnsure) {
    throw SysError(ENOTCONN, "sock_diag", "the other end");
  }
  if (answer.kind == PeerAnswer::Kind::kAbsent) ExpectElsewhere(ends);
  ExpectConnected(socket);
  if (answer.kind == PeerAnswer::Kind::kAbsent) return std::nullopt;
  return answer.uid;
}

}  // namespace slapos
