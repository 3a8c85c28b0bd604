#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/file/log_rotation.h"
#include "core/sys/sys_error.h"

namespace slapos {

// Keeps logs below their limits on a thread of its own: services write to their files themselves,
// so sizes are looked at, a sixteenth of the files at a time, and each time those that would
// outgrow their limit before their turn comes. Sleeps when there is nothing to look at.
//
// Invariants: the table belongs to the thread; what others ask for waits in `orders_`.
class LogSweep {
 public:
  // On the thread: a log cannot be rotated. Told once until it can.
  using OnProblem = std::function<void(const std::string& path, const SysError& error)>;

  static constexpr unsigned kSlices = 16;
  // A whole sweep takes 16 of these.
  static constexpr unsigned kTickMs = 600;

  explicit LogSweep(OnProblem on_problem, unsigned tick_ms = kTickMs);
  ~LogSweep();
  LogSweep(const LogSweep&) = delete;
  LogSweep& operator=(const LogSweep&) = delete;

  // From any thread. A log may be watched several times; the limits given last count.
  void Watch(const std::string& path, const LogLimits& limits);
  void Forget(const std::string& path);

 private:
  struct Log {
    std::string path;
    LogLimits limits;
    unsigned watchers = 0;
    unsigned slice = 0;
    uint64_t size = 0;
    uint64_t seen_tick = 0;
    bool is_hot = false;  // looked at in each tick
    bool has_failed = false;
  };
  struct Order {
    std::string path;
    bool is_watch;
    LogLimits limits;
  };

  void Ask(Order order);
  void Run();
  bool AwaitTick(std::vector<Order>* orders);
  void Obey(const Order& order);
  void Remove(Log* log);
  void Tick();
  void Look(Log* log);
  void Rotate(Log* log);

  OnProblem on_problem_;
  const unsigned tick_ms_;

  // Of the thread.
  std::unordered_map<std::string, std::unique_ptr<Log>> logs_;
  std::array<std::vector<Log*>, kSlices> slices_;
  std::vector<Log*> hot_;
  unsigned next_slice_ = 0;
  uint64_t tick_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Order> orders_;
  bool is_stopping_ = false;

  std::thread thread_;
};

}  // namespace slapos
