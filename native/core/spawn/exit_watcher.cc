// epoll(7), pidfd_open(2): a pidfd is readable once its process has ended.
#include "core/spawn/exit_watcher.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "core/sys/blocked_thread.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr uint64_t kStop = 0;

void Add(int epoll, int fd, uint64_t key) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) ThrowErrno("epoll_ctl", "pidfd");
}

// Children that outlive their watcher, as those of a worker that ends: another watcher reaps them,
// or they stay in the process table until this process ends.
class Orphans {
 public:
  void Adopt(std::map<pid_t, UniqueFd> children) {
    std::lock_guard lock(mutex_);
    for (auto& [pid, pidfd] : children) pidfds_.push_back(std::move(pidfd));
  }

  void Reap() {
    std::lock_guard lock(mutex_);
    std::erase_if(pidfds_, [](const UniqueFd& pidfd) { return IsOver(pidfd.Get()); });
  }

 private:
  static bool IsOver(int pidfd) {
    ProcessEnd end;
    errno = 0;
    return ReapByPidfd(pidfd, false, &end) || errno == ECHILD;
  }

  std::mutex mutex_;
  std::vector<UniqueFd> pidfds_;
};

// Never destroyed: watchers of other threads go on while the process ends.
Orphans& TheOrphans() {
  static auto* orphans = new Orphans();
  return *orphans;
}

}  // namespace

ExitWatcher::ExitWatcher(OnExit on_exit)
    : on_exit_(std::move(on_exit)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  if (!epoll_) ThrowErrno("epoll_create1");
  if (!stop_) ThrowErrno("eventfd");
  Add(epoll_.Get(), stop_.Get(), kStop);
  thread_ = StartBlocked([this] { Run(); });
  TheOrphans().Reap();
}

ExitWatcher::~ExitWatcher() {
  ::eventfd_write(stop_.Get(), 1);
  thread_.join();
  TheOrphans().Adopt(std::move(children_));
  TheOrphans().Reap();
}

void ExitWatcher::Register(pid_t pid, UniqueFd pidfd) {
  std::lock_guard lock(mutex_);
  children_[pid] = std::move(pidfd);
}

void ExitWatcher::Watch(pid_t pid) {
  std::lock_guard lock(mutex_);
  auto found = children_.find(pid);
  if (found != children_.end()) Add(epoll_.Get(), found->second.Get(), static_cast<uint64_t>(pid));
}

bool ExitWatcher::Signal(pid_t pid, int number, bool to_group) {
  std::lock_guard lock(mutex_);
  auto found = children_.find(pid);
  return found != children_.end() && SendSignal(found->second.Get(), pid, number, to_group);
}

void ExitWatcher::Run() {
  epoll_event events[64];
  for (;;) {
    int count = ::epoll_wait(epoll_.Get(), events, 64, -1);
    if (count < 0 && errno != EINTR) return;
    for (int index = 0; index < count; index++) {
      if (events[index].data.u64 == kStop) return;
      Collect(static_cast<pid_t>(events[index].data.u64));
    }
  }
}

// Closing the pidfd takes it out of the epoll set.
void ExitWatcher::Collect(pid_t pid) {
  ProcessEnd end = {-1, 0, false};
  {
    std::lock_guard lock(mutex_);
    auto found = children_.find(pid);
    if (found == children_.end()) return;
    ReapByPidfd(found->second.Get(), false, &end);
    children_.erase(found);
  }
  on_exit_(pid, end);
  TheOrphans().Reap();
}

}  // namespace slapos
