#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos {

// Packets with descriptors over a SOCK_SEQPACKET pair (unix(7), SCM_RIGHTS).

constexpr size_t kMaxPacketBytes = 128 * 1024;
constexpr size_t kMaxPacketFds = 8;

struct Packet {
  std::string data;
  std::vector<UniqueFd> fds;
};

// Two connected ends, close-on-exec, with room for `kMaxPacketBytes` and more.
struct PacketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
PacketPair OpenPacketPair();

enum class SendStatus { kSent, kBusy, kClosed };

// Sends without blocking; the kernel copies the descriptors. Throws SysError (EMSGSIZE for too much
// of either) for anything but a full or closed channel.
SendStatus SendPacket(int socket, std::string_view data, const std::vector<int>& fds);

enum class ReceiveStatus { kReceived, kNothing, kClosed };

// Receives without blocking. A packet larger than the limit is dropped as a whole (kReceived with
// empty data).
ReceiveStatus ReceivePacket(int socket, Packet* packet);

}  // namespace slapos
