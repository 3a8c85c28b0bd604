#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos::keeper {

// One thread's wait for descriptors, deadlines and closures that other threads post (epoll(7)).
class EventLoop {
 public:
  using OnEvent = std::function<void(uint32_t events)>;
  using Task = std::function<void()>;

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // The descriptor stays with the caller, who must Forget it before closing it.
  void Watch(int fd, uint32_t events, OnEvent on_event);
  void Change(int fd, uint32_t events);
  void Forget(int fd);

  // Runs `task` once, `delay_ms` from now.
  void After(int64_t delay_ms, Task task);

  // From any thread: runs `task` on the loop's thread.
  void Post(Task task);

  // Waits once and runs what is due.
  void RunOnce();

 private:
  int NextDelay() const;
  void RunDueTimers();
  void RunPosted();

  UniqueFd epoll_;
  UniqueFd wake_;
  std::map<int, OnEvent> handlers_;
  std::multimap<int64_t, Task> timers_;
  std::mutex mutex_;
  std::vector<Task> posted_;
};

}  // namespace slapos::keeper
