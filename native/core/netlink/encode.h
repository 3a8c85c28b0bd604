#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/netlink/records.h"

namespace slapos::netlink {

// Gives the ifindex of a device; throws SysError ENODEV when there is none.
using FindIndex = std::function<uint32_t(const std::string& dev)>;

// The one message that carries out an operation, complete but for its sequence number. Asks
// `find_index` for every device that the message names by number.
// Throws SysError EINVAL for text that is no address, ENODEV for a device that does not exist.
std::vector<uint8_t> EncodeOperation(const Operation& operation, const FindIndex& find_index);

// Name of the operation as errors tell it, such as "addrAdd".
const char* OperationName(OperationKind kind);

// What the operation is about, in words: "2001:db8::2/64 on br0".
std::string Describe(const Operation& operation);

// Dump requests of strict checking: everything that is not a filter is zero.
std::vector<uint8_t> EncodeLinkDump();
std::vector<uint8_t> EncodeAddressDump(uint8_t family);
std::vector<uint8_t> EncodeRouteDump(uint8_t family);
std::vector<uint8_t> EncodeNeighbourDump(int32_t ifindex);

// RTM_NEWNEIGH: as if a packet for the neighbour were to be sent (NTF_USE), which makes the kernel
// ask for it. RTM_DELNEIGH: forgets it. Throws SysError EINVAL for text that is no address.
std::vector<uint8_t> EncodeNeighbour(uint16_t type, int32_t ifindex, const std::string& address);

}  // namespace slapos::netlink
