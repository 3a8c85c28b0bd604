#include "keeper/channel.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "core/sys/sys_error.h"

namespace slapos::keeper {

namespace {

std::vector<int> Numbers(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : fds) numbers.push_back(fd.Get());
  return numbers;
}

}  // namespace

Channel::Channel(EventLoop& loop, OnMessage on_message, OnClosed on_closed)
    : loop_(loop), on_message_(std::move(on_message)), on_closed_(std::move(on_closed)) {}

void Channel::Open(UniqueFd socket) {
  Close();
  socket_ = std::move(socket);
  loop_.Watch(socket_.Get(), EPOLLIN, [this](uint32_t events) { Handle(events); });
}

void Channel::Close() {
  if (!socket_) return;
  loop_.Forget(socket_.Get());
  socket_.Reset();
  waiting_.clear();
}

void Channel::Send(const Message& message, const std::vector<int>& fds) {
  if (!socket_) return;
  std::string data = message.Encode();
  // A message that is too large can only be a note that was too large to come in.
  if (data.size() > kMaxPacketBytes) return;
  if (waiting_.empty() && SendPacket(socket_.Get(), data, fds) != SendStatus::kBusy) return;
  Packet packet{std::move(data), {}};
  for (int fd : fds) packet.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  waiting_.push_back(std::move(packet));
  loop_.Change(socket_.Get(), EPOLLIN | EPOLLOUT);
}

void Channel::Handle(uint32_t events) {
  if ((events & EPOLLOUT) != 0) Flush();
  if ((events & ~uint32_t{EPOLLOUT}) != 0) Receive();
}

void Channel::Receive() {
  while (socket_) {
    Packet packet;
    ReceiveStatus status = ReceivePacket(socket_.Get(), &packet);
    if (status == ReceiveStatus::kNothing) return;
    if (status == ReceiveStatus::kClosed) {
      Close();
      on_closed_();
      return;
    }
    on_message_(Message::Decode(packet.data), std::move(packet.fds));
  }
}

void Channel::Flush() {
  while (!waiting_.empty()) {
    const Packet& next = waiting_.front();
    if (SendPacket(socket_.Get(), next.data, Numbers(next.fds)) == SendStatus::kBusy) return;
    waiting_.pop_front();
  }
  loop_.Change(socket_.Get(), EPOLLIN);
}

}  // namespace slapos::keeper
