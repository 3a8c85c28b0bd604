#pragma once

#include <array>
#include <chrono>
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

// Starts commands on threads of its own, in the order in which they come.
//
// Invariants: these threads have all signals blocked; one is suspended from clone to exec, so
// nothing else may depend on it; another thread, the guard, wakes a child that a process of its new
// user has stopped, and kills one that does not reach exec in time (a dead network file system).
// While such a child holds up its thread the guard starts further threads, so that other commands
// do not wait for it. A few descriptors are reserved at the start: what a child gets goes there, so
// that the copy of the descriptor table stays small however many descriptors are open.
class Spawner {
 public:
  using Done = std::function<void(const SpawnRequest&, SpawnResult)>;

  // More children than this that do not reach exec do hold up the others, until they are killed.
  static constexpr size_t kMaxWorkers = 16;

  Spawner();
  // Drops what is still queued and ends children that have not reached exec.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Queues a request; `done` runs on a spawning thread.
  void Submit(SpawnRequest request, Done done);

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    SpawnRequest request;
    Done done;
  };
  // A spawning thread and what it owns.
  struct Worker {
    // Low descriptors for the child's streams, and the last one for its ruleset.
    std::array<UniqueFd, 3 + kMaxExtraFds + 1> slots;
    std::unique_ptr<ChildStack> stack;
    bool is_busy = false;
    Clock::time_point since;
    unsigned ticks = 0;  // how often the guard has looked at the child under way
    unsigned stops = 0;  // and found it stopped
    // The kernel stores the descriptor here before the child runs; -1 when none is under way.
    int pidfd = -1;
    std::thread thread;

    int ChildUnderWay() const { return __atomic_load_n(&pidfd, __ATOMIC_ACQUIRE); }
  };

  void Reserve();
  void StartWorker();
  void Run(Worker* worker);
  void Guard();
  void LookAfter(Worker* worker);
  Clock::time_point NextLook() const;
  bool HasBusy() const;
  SpawnResult Start(Worker* worker, SpawnRequest& request);
  SpawnedChild Clone(Worker* worker, SpawnRequest& request);
  void FillSlots(Worker* worker, SpawnRequest& request);
  void ClearSlots(Worker* worker);

  UniqueFd null_;
  unsigned first_hidden_ = 0;
  bool shares_descriptors_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable guard_wake_;
  std::deque<Job> jobs_;
  bool is_stopping_ = false;
  std::array<Worker, kMaxWorkers> workers_;
  size_t running_ = 0;  // workers that have a thread: the first ones

  std::thread guard_;
};

}  // namespace slapos
