#include "keeper/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>

#include "core/sys/sys_error.h"
#include "keeper/text.h"

namespace slapos::keeper {

namespace {

void Control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0) ThrowErrno("epoll_ctl");
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_) ThrowErrno("epoll_create1");
  if (!wake_) ThrowErrno("eventfd");
  Watch(wake_.Get(), EPOLLIN, [this](uint32_t) { RunPosted(); });
}

void EventLoop::Watch(int fd, uint32_t events, OnEvent on_event) {
  Control(epoll_.Get(), EPOLL_CTL_ADD, fd, events);
  handlers_[fd] = std::move(on_event);
}

void EventLoop::Change(int fd, uint32_t events) {
  Control(epoll_.Get(), EPOLL_CTL_MOD, fd, events);
}

void EventLoop::Forget(int fd) {
  if (handlers_.erase(fd) > 0) ::epoll_ctl(epoll_.Get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::After(int64_t delay_ms, Task task) {
  timers_.emplace(MonotonicMs() + delay_ms, std::move(task));
}

void EventLoop::Post(Task task) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  ::eventfd_write(wake_.Get(), 1);
}

void EventLoop::RunOnce() {
  epoll_event events[64];
  int count = ::epoll_wait(epoll_.Get(), events, 64, NextDelay());
  if (count < 0 && errno != EINTR) ThrowErrno("epoll_wait");
  for (int index = 0; index < count; index++) {
    // A handler may forget others, and itself: look it up and keep it alive while it runs.
    auto found = handlers_.find(events[index].data.fd);
    if (found == handlers_.end()) continue;
    OnEvent on_event = found->second;
    on_event(events[index].events);
  }
  RunDueTimers();
}

int EventLoop::NextDelay() const {
  if (timers_.empty()) return -1;
  int64_t delay = timers_.begin()->first - MonotonicMs();
  return static_cast<int>(std::clamp<int64_t>(delay, 0, 3600 * 1000));
}

void EventLoop::RunDueTimers() {
  int64_t now = MonotonicMs();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

void EventLoop::RunPosted() {
  eventfd_t count;
  ::eventfd_read(wake_.Get(), &count);
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) task();
}

}  // namespace slapos::keeper
