#include "core/channel/packet_link.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>

#include "core/sys/blocked_thread.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

void Control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) ThrowErrno("epoll_ctl");
}

std::vector<int> Numbers(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : fds) numbers.push_back(fd.Get());
  return numbers;
}

}  // namespace

PacketLink::PacketLink(UniqueFd socket, OnPacket on_packet, OnClosed on_closed)
    : socket_(std::move(socket)),
      on_packet_(std::move(on_packet)),
      on_closed_(std::move(on_closed)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) ThrowErrno("epoll_create1");
  Control(epoll_.Get(), EPOLL_CTL_ADD, stop_.Fd(), EPOLLIN);
  Control(epoll_.Get(), EPOLL_CTL_ADD, socket_.Get(), EPOLLIN);
  thread_ = StartBlocked([this] { Run(); });
}

PacketLink::~PacketLink() {
  stop_.Raise();
  thread_.join();
}

void PacketLink::Send(std::string data, const std::vector<int>& fds) {
  std::lock_guard lock(mutex_);
  if (is_closed_) throw SysError(ENOTCONN, "sendmsg");
  if (waiting_.empty()) {
    SendStatus status = SendPacket(socket_.Get(), data, fds);
    if (status == SendStatus::kSent) return;
    if (status == SendStatus::kClosed) throw SysError(ENOTCONN, "sendmsg");
  }
  Packet packet{std::move(data), {}};
  for (int fd : fds) {
    packet.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!packet.fds.back()) ThrowErrno("fcntl");
  }
  waiting_.push_back(std::move(packet));
  WatchWritable(true);
}

void PacketLink::Run() {
  epoll_event events[4];
  for (;;) {
    int count = ::epoll_wait(epoll_.Get(), events, 4, -1);
    if (count < 0 && errno != EINTR) return;
    for (int index = 0; index < count; index++) {
      if (events[index].data.fd == stop_.Fd()) return;
      if ((events[index].events & EPOLLOUT) != 0) Flush();
      if ((events[index].events & ~EPOLLOUT) != 0 && !Receive()) return on_closed_();
    }
  }
}

// False when the peer is gone.
bool PacketLink::Receive() {
  for (;;) {
    Packet packet;
    switch (ReceivePacket(socket_.Get(), &packet)) {
      case ReceiveStatus::kReceived:
        if (!packet.data.empty()) on_packet_(std::move(packet));
        break;
      case ReceiveStatus::kNothing:
        return true;
      case ReceiveStatus::kClosed:
        std::lock_guard lock(mutex_);
        is_closed_ = true;
        waiting_.clear();
        return false;
    }
  }
}

void PacketLink::Flush() {
  std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    SendStatus status =
        SendPacket(socket_.Get(), waiting_.front().data, Numbers(waiting_.front().fds));
    if (status == SendStatus::kBusy) return;
    waiting_.pop_front();
  }
  WatchWritable(false);
}

void PacketLink::WatchWritable(bool wanted) {
  Control(epoll_.Get(), EPOLL_CTL_MOD, socket_.Get(), EPOLLIN | (wanted ? uint32_t{EPOLLOUT} : 0));
}

}  // namespace slapos
