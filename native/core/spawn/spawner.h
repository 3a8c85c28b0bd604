#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>

#include "core/spawn/spawn_request.h"
#include "core/sys/sys_error.h"

namespace slapos {

class ChildStack;

using SpawnResult = std::variant<SpawnedChild, SysError>;

// Starts commands one after the other on a thread of its own.
//
// Invariants: the thread has all signals blocked; it is suspended from clone to exec, so nothing
// else may depend on it; a second thread, the guard, wakes a child that a process of its new user
// has stopped, and kills one that does not reach exec in time (a dead network
// file system). A few descriptors are reserved at the start: what the child gets goes there, so
// that the copy of the descriptor table stays small however many descriptors are open.
class Spawner {
 public:
  using Done = std::function<void(const SpawnRequest&, SpawnResult)>;

  Spawner();
  // Drops what is still queued and ends a child that has not reached exec.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Queues a request; `done` runs on the spawning thread.
  void Submit(SpawnRequest request, Done done);

 private:
  struct Job {
    SpawnRequest request;
    Done done;
  };

  void Reserve();
  void Run();
  void Guard();
  SpawnResult Start(SpawnRequest& request);
  SpawnedChild Clone(SpawnRequest& request, bool share_descriptors);
  void FillSlots(SpawnRequest& request);
  void ClearSlots();
  int pidfd_under_way() const { return __atomic_load_n(&pidfd_, __ATOMIC_ACQUIRE); }

  UniqueFd null_;
  std::array<UniqueFd, 3 + kMaxExtraFds> slots_;
  unsigned first_hidden_ = 0;
  bool shares_descriptors_;
  std::unique_ptr<ChildStack> stack_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable guard_wake_;
  std::deque<Job> jobs_;
  bool is_stopping_ = false;
  bool is_busy_ = false;
  // The kernel stores the descriptor here before the child runs; -1 when no child is under way.
  int pidfd_ = -1;
  uint64_t job_number_ = 0;

  std::thread thread_;
  std::thread guard_;
};

}  // namespace slapos
