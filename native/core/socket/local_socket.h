#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos {

// Who was at the other end of a unix socket when it connected (unix(7), SO_PEERCRED).
struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};
// Throws SysError: ENOTCONN, EOPNOTSUPP and the like.
PeerCredentials ReadPeerCredentials(int socket);

// Sends datagrams to a unix socket without ever waiting; returns how many the receiver took. Those
// that do not fit into its queue are dropped. Throws SysError when nobody listens there.
size_t SendDatagrams(const std::string& path, const std::vector<std::string>& messages);

// A listening stream socket at a path, which must not exist; close-on-exec. Throws SysError.
UniqueFd ListenAtPath(const std::string& path, mode_t mode, int backlog);

// A listening TCP socket; an empty host is every address. Throws SysError, EADDRNOTAVAIL for a host
// that is no address of ours.
UniqueFd ListenAtPort(const std::string& host, const std::string& port, int backlog);

}  // namespace slapos
