#pragma once

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "core/disk/hard_links.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// A folder to be walked. Its size is counted already.
struct OpenFolder {
  UniqueFd fd;
  FileId id;
  explicit operator bool() const { return static_cast<bool>(fd); }
};

// What the threads of a walk share: hard links, whether to stop, and folders that are handed over.
// A thread is busy from Join until Take or Quit. The queue is kept filled as far as it may be
// long, so that a thread seldom waits for another to come across a folder; `room_` is what may be
// added.
class WalkPool {
 public:
  WalkPool(int cancel_fd, size_t hard_links) : links(hard_links), cancel_fd_(cancel_fd) {}

  bool IsStopped() const { return is_stopped_.load(std::memory_order_relaxed); }
  bool HasRoom() const { return room_.load(std::memory_order_relaxed) > 0; }

  // Stops the walk when the cancel descriptor is readable.
  void Poll() {
    struct pollfd event = {cancel_fd_, POLLIN, 0};
    if (cancel_fd_ >= 0 && ::poll(&event, 1, 0) > 0) Stop();
  }

  void Stop() {
    std::lock_guard<std::mutex> lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
  }

  // Makes one more thread busy; `spare` is how much longer the queue may be from now on.
  void Join(int spare = 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    busy_++;
    room_ += spare;
  }

  void Quit(int spare) {
    std::lock_guard<std::mutex> lock(mutex_);
    busy_--;
    room_ -= spare;
  }

  // Takes a place in the queue, if there is one. Give must follow.
  bool Reserve() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (room_ <= 0) return false;
    room_--;
    return true;
  }

  // Fills the place that was taken, or leaves it when there is no folder.
  void Give(OpenFolder folder) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!folder) {
      room_++;
      return;
    }
    queue_.push_back(std::move(folder));
    changed_.notify_one();
  }

  // Ends being busy, and waits for a folder: none once all threads wait, or the walk is stopped.
  OpenFolder Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    busy_--;
    if (busy_ == 0) changed_.notify_all();
    changed_.wait(lock, [this] { return is_stopped_ || !queue_.empty() || busy_ == 0; });
    if (is_stopped_ || queue_.empty()) return {};
    OpenFolder folder = std::move(queue_.front());
    queue_.pop_front();
    room_++;
    busy_++;
    return folder;
  }

  HardLinks links;

 private:
  int cancel_fd_;
  std::atomic<bool> is_stopped_{false};
  std::atomic<int> room_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<OpenFolder> queue_;
  int busy_ = 0;
};

}  // namespace slapos
