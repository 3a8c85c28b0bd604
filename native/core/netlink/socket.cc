#include "core/netlink/socket.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "core/sys/sys_error.h"

namespace slapos::netlink {

namespace {

constexpr int kSendBufferBytes = 1 << 20;
constexpr int kReceiveBufferBytes = 8 << 20;
// Dumps come in datagrams of up to 32 KB, one message with all its attributes may take 64 KB.
constexpr size_t kDatagramBytes = 256 << 10;
constexpr int kReplyTimeoutSeconds = 10;

void SetOption(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) ThrowErrno("setsockopt", what);
}

// The forced form needs CAP_NET_ADMIN; without it the system's limit applies.
bool GrowBuffer(int fd, int forced, int plain, int bytes) {
  if (::setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) == 0) return true;
  ::setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
  return false;
}

}  // namespace

Socket::Socket(uint32_t groups)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)), buffer_(kDatagramBytes) {
  if (!fd_) ThrowErrno("socket", "NETLINK_ROUTE");
  SetOption(Fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1, "NETLINK_GET_STRICT_CHK");
  SetOption(Fd(), SOL_NETLINK, NETLINK_EXT_ACK, 1, "NETLINK_EXT_ACK");
  SetOption(Fd(), SOL_NETLINK, NETLINK_CAP_ACK, 1, "NETLINK_CAP_ACK");
  GrowBuffer(Fd(), SO_SNDBUFFORCE, SO_SNDBUF, kSendBufferBytes);
  has_large_buffer_ = GrowBuffer(Fd(), SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBufferBytes);
  timeval timeout = {kReplyTimeoutSeconds, 0};
  ::setsockopt(Fd(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(Fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ThrowErrno("bind", "NETLINK_ROUTE");
  }
}

void Socket::Send(std::span<const uint8_t> datagram) {
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = ::sendto(Fd(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
                    sizeof(kernel));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) ThrowErrno("sendto", "NETLINK_ROUTE");
}

Bytes Socket::Receive(bool is_waiting) {
  for (;;) {
    sockaddr_nl from = {};
    socklen_t from_size = sizeof(from);
    ssize_t size = ::recvfrom(Fd(), buffer_.data(), buffer_.size(),
                              MSG_TRUNC | (is_waiting ? 0 : MSG_DONTWAIT),
                              reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) {
      if (!is_waiting) return {};
      throw SysError(ETIMEDOUT, "recvfrom", "the kernel did not answer on NETLINK_ROUTE");
    }
    if (size < 0) ThrowErrno("recvfrom", "NETLINK_ROUTE");
    // Any process may send to our port; only the kernel has port 0.
    if (from.nl_pid != 0) continue;
    if (static_cast<size_t>(size) > buffer_.size()) {
      throw SysError(EMSGSIZE, "recvfrom",
                     "a netlink datagram of " + std::to_string(size) + " bytes");
    }
    return Bytes(buffer_.data(), static_cast<size_t>(size));
  }
}

uint32_t Socket::LinkIndex(const std::string& name) const {
  ifreq request = {};
  if (name.empty() || name.size() >= IFNAMSIZ) return 0;
  std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
  if (::ioctl(Fd(), SIOCGIFINDEX, &request) == 0) return static_cast<uint32_t>(request.ifr_ifindex);
  if (errno == ENODEV) return 0;
  ThrowErrno("ioctl SIOCGIFINDEX", name);
}

}  // namespace slapos::netlink
