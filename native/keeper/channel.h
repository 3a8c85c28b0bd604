#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "core/channel/message.h"
#include "core/channel/packet.h"
#include "keeper/event_loop.h"

namespace slapos::keeper {

// The keeper's end of the channel to the present controller. Nothing blocks: messages wait while
// the controller is busy, and go with it when it dies.
class Channel {
 public:
  using OnMessage = std::function<void(const Message&, std::vector<UniqueFd>)>;
  using OnClosed = std::function<void()>;

  Channel(EventLoop& loop, OnMessage on_message, OnClosed on_closed);
  ~Channel() { Close(); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void Open(UniqueFd socket);
  void Close();
  bool IsOpen() const { return static_cast<bool>(socket_); }

  // Descriptors are copied before they wait. Does nothing when closed.
  void Send(const Message& message, const std::vector<int>& fds = {});

 private:
  void Handle(uint32_t events);
  void Receive();
  void Flush();

  EventLoop& loop_;
  OnMessage on_message_;
  OnClosed on_closed_;
  UniqueFd socket_;
  std::deque<Packet> waiting_;
};

}  // namespace slapos::keeper
