#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/netlink/message.h"
#include "core/sys/unique_fd.h"

namespace slapos::netlink {

// A NETLINK_ROUTE socket with strict checking, extended acknowledgements and large buffers. It
// stays in the network namespace of the thread that opened it. Every method throws SysError.
class Socket {
 public:
  // `groups` are RTMGRP_* bits of the notifications to receive.
  explicit Socket(uint32_t groups = 0);

  int Fd() const { return fd_.Get(); }
  // True when the receive buffer could be made large beyond the limit of the system.
  bool HasLargeBuffer() const { return has_large_buffer_; }
  uint32_t NextSequence() { return ++sequence_; }

  // Sends one datagram. The kernel has worked through all of it when this returns.
  void Send(std::span<const uint8_t> datagram);

  // Receives one datagram of the kernel; waits up to ten seconds (ETIMEDOUT), or not at all
  // (empty result) when `is_waiting` is false. ENOBUFS tells that messages were lost. The bytes
  // are valid until the next call.
  Bytes Receive(bool is_waiting = true);

  // ifindex of a device, 0 when there is none (netdevice(7) SIOCGIFINDEX).
  uint32_t LinkIndex(const std::string& name) const;

 private:
  UniqueFd fd_;
  uint32_t sequence_ = 0;
  bool has_large_buffer_ = false;
  std::vector<uint8_t> buffer_;
};

}  // namespace slapos::netlink
