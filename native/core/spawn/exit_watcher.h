#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "core/spawn/process_signal.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// Waits for the end of any number of children on one thread: epoll over their pidfds. Children that
// outlive it are reaped by another one, when that is made, hears of an end, or ends.
class ExitWatcher {
 public:
  using OnExit = std::function<void(pid_t, ProcessEnd)>;

  // `on_exit` runs on the watching thread, after the child has been reaped.
  explicit ExitWatcher(OnExit on_exit);
  ~ExitWatcher();
  ExitWatcher(const ExitWatcher&) = delete;
  ExitWatcher& operator=(const ExitWatcher&) = delete;

  // From here on the child can be signalled; its end is told only after Watch.
  void Register(pid_t pid, UniqueFd pidfd);
  void Watch(pid_t pid);
  // False when the child was reaped already or never watched. Throws SysError.
  bool Signal(pid_t pid, int number, bool to_group);

 private:
  void Run();
  void Collect(pid_t pid);

  OnExit on_exit_;
  UniqueFd epoll_;
  UniqueFd stop_;
  std::mutex mutex_;  // held while reaping and while signalling, so that a pid keeps its meaning
  std::map<pid_t, UniqueFd> children_;
  std::thread thread_;
};

}  // namespace slapos
