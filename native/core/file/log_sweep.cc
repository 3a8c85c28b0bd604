// statx(2).
#include "core/file/log_sweep.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>

#include "core/sys/blocked_thread.h"

namespace slapos {

namespace {

// The size of a regular file; false for anything else. Asks no server: a size that is a little old
// will do, and a dead one must not hold up the other logs.
bool ReadSize(const std::string& path, uint64_t* size) {
  struct statx status = {};
  int flags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
  if (::statx(AT_FDCWD, path.c_str(), flags, STATX_TYPE | STATX_SIZE, &status) != 0) return false;
  *size = status.stx_size;
  return S_ISREG(status.stx_mode);
}

}  // namespace

LogSweep::LogSweep(OnProblem on_problem, unsigned tick_ms)
    : on_problem_(std::move(on_problem)), tick_ms_(tick_ms) {
  thread_ = StartBlocked([this] { Run(); });
}

LogSweep::~LogSweep() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LogSweep::Watch(const std::string& path, const LogLimits& limits) {
  Ask({path, true, limits});
}

void LogSweep::Forget(const std::string& path) { Ask({path, false, {}}); }

void LogSweep::Ask(Order order) {
  std::lock_guard lock(mutex_);
  orders_.push_back(std::move(order));
  // Only a thread that watches nothing waits for this: the others look at every tick.
  if (orders_.size() == 1) wake_.notify_one();
}

void LogSweep::Run() {
  for (std::vector<Order> orders; AwaitTick(&orders); orders.clear()) {
    for (const Order& order : orders) Obey(order);
    Tick();
  }
}

// False at the end.
bool LogSweep::AwaitTick(std::vector<Order>* orders) {
  std::unique_lock lock(mutex_);
  if (logs_.empty()) wake_.wait(lock, [this] { return is_stopping_ || !orders_.empty(); });
  wake_.wait_for(lock, std::chrono::milliseconds(tick_ms_), [this] { return is_stopping_; });
  orders->swap(orders_);
  return !is_stopping_;
}

void LogSweep::Obey(const Order& order) {
  auto found = logs_.find(order.path);
  if (!order.is_watch) {
    if (found != logs_.end() && --found->second->watchers == 0) Remove(found->second.get());
    return;
  }
  if (found == logs_.end()) {
    auto log = std::make_unique<Log>();
    log->path = order.path;
    log->slice = next_slice_++ % kSlices;
    log->seen_tick = tick_;
    slices_[log->slice].push_back(log.get());
    found = logs_.emplace(order.path, std::move(log)).first;
  }
  found->second->limits = order.limits;
  found->second->watchers++;
}

void LogSweep::Remove(Log* log) {
  auto drop = [log](std::vector<Log*>* list) {
    auto at = std::find(list->begin(), list->end(), log);
    if (at == list->end()) return;
    *at = list->back();
    list->pop_back();
  };
  drop(&slices_[log->slice]);
  if (log->is_hot) drop(&hot_);
  std::string path = log->path;
  logs_.erase(path);
}

void LogSweep::Tick() {
  tick_++;
  // A log that cools down stays in the list until here.
  std::vector<Log*> hot;
  hot.swap(hot_);
  for (Log* log : hot) Look(log);
  for (Log* log : slices_[tick_ % kSlices]) {
    if (!log->is_hot) Look(log);
  }
}

// Hot is what, growing on like this, would be too big before its slice's next turn.
void LogSweep::Look(Log* log) {
  uint64_t size = 0;
  bool is_file = ReadSize(log->path, &size);
  uint64_t ticks = std::max<uint64_t>(1, tick_ - log->seen_tick);
  uint64_t grown = size > log->size ? size - log->size : 0;
  log->size = size;
  log->seen_tick = tick_;
  bool is_big = is_file && size >= log->limits.max_bytes;
  if (is_big) Rotate(log);
  double soon = static_cast<double>(size) + static_cast<double>(grown) / ticks * kSlices;
  log->is_hot = is_file && !log->has_failed && soon >= static_cast<double>(log->limits.max_bytes);
  if (log->is_hot) hot_.push_back(log);
}

void LogSweep::Rotate(Log* log) {
  try {
    RotateLog(log->path, log->limits);
    log->has_failed = false;
    ReadSize(log->path, &log->size);
  } catch (const SysError& error) {
    if (!log->has_failed) on_problem_(log->path, error);
    log->has_failed = true;
  }
}

}  // namespace slapos
