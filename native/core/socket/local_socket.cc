#include "core/socket/local_socket.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SysError(ENAMETOOLONG, "bind", path);
  ::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

AddressList Resolve(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  int result = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
  if (result != 0) {
    int err = result == EAI_SYSTEM ? errno : EADDRNOTAVAIL;
    throw SysError(err, "getaddrinfo", host + ":" + port + ": " + ::gai_strerror(result));
  }
  return AddressList(list, &::freeaddrinfo);
}

}  // namespace

PeerCredentials ReadPeerCredentials(int socket) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    ThrowErrno("getsockopt", "SO_PEERCRED");
  }
  return {credentials.pid, credentials.uid, credentials.gid};
}

size_t SendDatagrams(const std::string& path, const std::vector<std::string>& messages) {
  sockaddr_un address = AddressOf(path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) ThrowErrno("socket");
  if (::connect(socket.Get(), Generic(address), sizeof address) != 0) ThrowErrno("connect", path);
  size_t sent = 0;
  for (const std::string& message : messages) {
    if (::send(socket.Get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) {
      sent++;
    } else if (errno != EAGAIN && errno != EMSGSIZE && errno != ENOBUFS) {
      ThrowErrno("send", path);
    }
  }
  return sent;
}

UniqueFd ListenAtPath(const std::string& path, mode_t mode, int backlog) {
  sockaddr_un address = AddressOf(path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) ThrowErrno("socket");
  // Nobody may connect before the mode is right: connecting needs listen(2), which comes last.
  if (::bind(socket.Get(), Generic(address), sizeof address) != 0) ThrowErrno("bind", path);
  if (::chmod(path.c_str(), mode) != 0) ThrowErrno("chmod", path);
  if (::listen(socket.Get(), backlog) != 0) ThrowErrno("listen", path);
  return socket;
}

UniqueFd ListenAtPort(const std::string& host, const std::string& port, int backlog) {
  AddressList list = Resolve(host, port);
  const addrinfo& first = *list;
  UniqueFd socket(::socket(first.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) ThrowErrno("socket");
  int on = 1;
  ::setsockopt(socket.Get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const std::string place = host + ":" + port;
  if (::bind(socket.Get(), first.ai_addr, first.ai_addrlen) != 0) ThrowErrno("bind", place);
  if (::listen(socket.Get(), backlog) != 0) ThrowErrno("listen", place);
  return socket;
}

}  // namespace slapos
