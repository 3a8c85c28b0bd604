#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "core/channel/packet.h"
#include "core/sys/event_fd.h"

namespace slapos {

// One end of a packet channel, read and written on a thread of its own.
//
// Invariants: packets leave in the order of Send; none is lost while the peer is busy; after
// `on_closed` nothing is heard any more.
class PacketLink {
 public:
  using OnPacket = std::function<void(Packet)>;
  using OnClosed = std::function<void()>;

  // Both callbacks run on the reading thread.
  PacketLink(UniqueFd socket, OnPacket on_packet, OnClosed on_closed);
  ~PacketLink();
  PacketLink(const PacketLink&) = delete;
  PacketLink& operator=(const PacketLink&) = delete;

  // From any thread; never blocks. Descriptors are duplicated when they have to wait. Throws
  // SysError: EMSGSIZE, ENOTCONN when the peer is gone.
  void Send(std::string data, const std::vector<int>& fds);

 private:
  void Run();
  bool Receive();
  void Flush();
  void WatchWritable(bool wanted);

  UniqueFd socket_;
  OnPacket on_packet_;
  OnClosed on_closed_;
  UniqueFd epoll_;
  EventFd stop_;
  std::mutex mutex_;
  std::deque<Packet> waiting_;
  bool is_closed_ = false;
  std::thread thread_;
};

}  // namespace slapos
