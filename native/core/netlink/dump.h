#pragma once

#include "core/netlink/records.h"
#include "core/netlink/socket.h"

namespace slapos::netlink {

struct DumpRequest {
  bool links = false;
  bool addresses = false;
  // Without those that the kernel keeps in its local table.
  bool routes = false;
};

// Reads what is asked for. A dump during which the kernel's tables changed (NLM_F_DUMP_INTR) is
// thrown away and made again, for ten seconds at most; then SysError EAGAIN.
Dump ReadDump(const DumpRequest& request);

// IPv6 addresses only, over a socket that the caller keeps.
Dump ReadIpv6Addresses(Socket& socket);

// The neighbours of both families on a device, read with a socket that is already open.
Dump ReadNeighbours(Socket& socket, int32_t ifindex);

}  // namespace slapos::netlink
