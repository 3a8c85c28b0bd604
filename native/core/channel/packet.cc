#include "core/channel/packet.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr int kBufferBytes = 4 * 1024 * 1024;

union ControlBuffer {
  char bytes[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  cmsghdr aligned;
};

// The forced form passes net.core.wmem_max but needs CAP_NET_ADMIN; the default holds one packet.
void GrowBuffers(int socket) {
  int size = kBufferBytes;
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
}

void AttachFds(msghdr* header, ControlBuffer* control, const std::vector<int>& fds) {
  if (fds.empty()) return;
  ::memset(control, 0, sizeof *control);
  header->msg_control = control->bytes;
  header->msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  ::memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
}

void TakeFds(msghdr* header, std::vector<UniqueFd>* fds) {
  for (cmsghdr* each = CMSG_FIRSTHDR(header); each != nullptr; each = CMSG_NXTHDR(header, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      int fd;
      ::memcpy(&fd, CMSG_DATA(each) + index * sizeof(int), sizeof fd);
      fds->emplace_back(fd);
    }
  }
}

}  // namespace

PacketPair OpenPacketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) ThrowErrno("socketpair");
  PacketPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  GrowBuffers(ends[0]);
  GrowBuffers(ends[1]);
  return pair;
}

SendStatus SendPacket(int socket, std::string_view data, const std::vector<int>& fds) {
  if (data.size() > kMaxPacketBytes || fds.size() > kMaxPacketFds) {
    throw SysError(EMSGSIZE, "sendmsg");
  }
  iovec part = {const_cast<char*>(data.data()), data.size()};
  ControlBuffer control;
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  AttachFds(&header, &control, fds);
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return SendStatus::kSent;
  // ETOOMANYREFS: too many descriptors of this user are in flight until the reader takes some.
  if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) return SendStatus::kBusy;
  if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return SendStatus::kClosed;
  ThrowErrno("sendmsg");
}

ReceiveStatus ReceivePacket(int socket, Packet* packet) {
  packet->data.clear();
  packet->fds.clear();
  // Not within the packet, which keeps what it ever had: thousands may wait for their reader.
  char buffer[kMaxPacketBytes];
  iovec part = {buffer, sizeof buffer};
  ControlBuffer control;
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t length;
  do {
    length = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  // Want of memory says nothing about the peer: what it sent is still there.
  if (length < 0 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS)) {
    return ReceiveStatus::kNothing;
  }
  if (length <= 0) return ReceiveStatus::kClosed;
  TakeFds(&header, &packet->fds);
  if ((header.msg_flags & MSG_TRUNC) == 0) {
    packet->data.assign(buffer, static_cast<size_t>(length));
  }
  return ReceiveStatus::kReceived;
}

}  // namespace slapos
