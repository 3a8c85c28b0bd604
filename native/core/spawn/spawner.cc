#include "core/spawn/spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/spawn/child.h"
#include "core/spawn/clone.h"
#include "core/sys/blocked_thread.h"
#include "core/sys/capabilities.h"

namespace slapos {

namespace {

// How long a child may take to exec before the guard looks at it, how often it looks then, and when
// it gives up: sooner with a child that is stopped again and again, which is an attack.
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kGuardTick = std::chrono::milliseconds(5);
constexpr unsigned kMaxTicks = 3000;
constexpr unsigned kMaxStops = 60;
// How many commands are started side by side as long as none is held up.
constexpr size_t kUsualWorkers = 2;

UniqueFd OpenNull() {
  UniqueFd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!fd) ThrowErrno("open", "/dev/null");
  return fd;
}

bool IsStopped(int pidfd) {
  siginfo_t info = {};
  int options = WSTOPPED | WNOHANG | WNOWAIT;
  return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, options) == 0 && info.si_pid != 0;
}

void RunPlan(void* plan) { static_cast<ChildPlan*>(plan)->RunInChild(); }

}  // namespace

Spawner::Spawner() : shares_descriptors_(ProbeCapabilities().close_range) {
  Reserve();
  for (size_t count = 0; count < kUsualWorkers; count++) StartWorker();
  guard_ = StartBlocked([this] { Guard(); });
}

Spawner::~Spawner() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  guard_wake_.notify_all();
  // The guard goes last of all: it ends what a worker waits for. It starts none any more.
  for (size_t index = 0; index < running_; index++) workers_[index].thread.join();
  guard_wake_.notify_all();
  guard_.join();
}

void Spawner::Reserve() {
  null_ = OpenNull();
  for (Worker& worker : workers_) {
    for (UniqueFd& slot : worker.slots) {
      slot.Reset(::fcntl(null_.Get(), F_DUPFD_CLOEXEC, 3));
      if (!slot) ThrowErrno("fcntl", "F_DUPFD_CLOEXEC");
      first_hidden_ = std::max(first_hidden_, static_cast<unsigned>(slot.Get()) + 1);
    }
  }
}

void Spawner::StartWorker() {
  Worker* worker = &workers_[running_];
  worker->stack = std::make_unique<ChildStack>();
  worker->thread = StartBlocked([this, worker] { Run(worker); });
  running_++;
}

void Spawner::Submit(SpawnRequest request, Done done) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(request), std::move(done)});
  }
  wake_.notify_one();
}

void Spawner::Run(Worker* worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_stopping_ || !jobs_.empty(); });
    if (is_stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (!HasBusy()) guard_wake_.notify_one();
    worker->is_busy = true;
    worker->since = Clock::now();
    worker->ticks = worker->stops = 0;
    lock.unlock();
    SpawnResult result = Start(worker, job.request);
    job.done(job.request, std::move(result));
    lock.lock();
    worker->is_busy = false;
  }
}

bool Spawner::HasBusy() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.is_busy; });
}

// A process of the child's new user may stop it between setresuid and exec, and its thread with it;
// a file system that does not answer holds it in chdir or exec.
void Spawner::Guard() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_ || HasBusy()) {
    if (!HasBusy()) {
      guard_wake_.wait(lock, [this] { return is_stopping_ || HasBusy(); });
      continue;
    }
    guard_wake_.wait_until(lock, NextLook());
    size_t late = 0;
    for (Worker& worker : workers_) {
      if (!worker.is_busy || Clock::now() - worker.since < kPatience) continue;
      late++;
      LookAfter(&worker);
    }
    if (late < running_ || running_ == kMaxWorkers || jobs_.empty() || is_stopping_) continue;
    try {
      StartWorker();
    } catch (const std::exception&) {
      // No memory or no thread to be had: the queue waits for those that there are.
    }
  }
}

// When a busy worker is to be looked at: once its patience is over, then in each tick.
Spawner::Clock::time_point Spawner::NextLook() const {
  Clock::time_point now = Clock::now();
  Clock::time_point next = now + kPatience;
  for (const Worker& worker : workers_) {
    if (!worker.is_busy) continue;
    next = std::min(next, std::max<Clock::time_point>(worker.since + kPatience, now + kGuardTick));
  }
  return next;
}

void Spawner::LookAfter(Worker* worker) {
  int child = worker->ChildUnderWay();
  if (child < 0) return;
  if (IsStopped(child)) worker->stops++;
  bool is_late = worker->ticks++ > kMaxTicks || worker->stops > kMaxStops || is_stopping_;
  ::syscall(SYS_pidfd_send_signal, child, is_late ? SIGKILL : SIGCONT, nullptr, 0);
}

SpawnResult Spawner::Start(Worker* worker, SpawnRequest& request) {
  try {
    FillSlots(worker, request);
    SpawnedChild child = Clone(worker, request);
    ClearSlots(worker);
    return child;
  } catch (const SysError& error) {
    ClearSlots(worker);
    return error;
  }
}

SpawnedChild Spawner::Clone(Worker* worker, SpawnRequest& request) {
  std::vector<int> slots;
  for (size_t index = 0; index < 3 + request.extra.size(); index++) {
    slots.push_back(worker->slots[index].Get());
  }
  PreparedConfinement confinement;
  if (request.confinement) confinement = Prepare(*request.confinement);
  int ruleset_slot = -1;
  if (confinement.ruleset) {
    ruleset_slot = worker->slots.back().Get();
    if (::dup3(confinement.ruleset.Get(), ruleset_slot, O_CLOEXEC) < 0) ThrowErrno("dup3");
  }
  ChildPlan plan(request, std::move(slots), first_hidden_, shares_descriptors_, confinement,
                 ruleset_slot);
  SpawnedChild child;
  child.pid = CloneChild(*worker->stack, shares_descriptors_, RunPlan, &plan, &worker->pidfd,
                         request.cgroup.Get());
  std::lock_guard lock(mutex_);
  child.pidfd.Reset(worker->pidfd);
  worker->pidfd = -1;
  if (plan.HasFailed()) child.failure = plan.Failure();
  child.start = plan.Start();
  child.is_recorded = plan.IsRecorded();
  return child;
}

void Spawner::FillSlots(Worker* worker, SpawnRequest& request) {
  if (request.extra.size() > kMaxExtraFds) throw SysError(E2BIG, "spawn", "extra descriptors");
  for (size_t index = 0; index < 3 + request.extra.size(); index++) {
    const UniqueFd& source = index < 3 ? request.stdio[index] : request.extra[index - 3];
    int from = source ? source.Get() : null_.Get();
    if (::dup3(from, worker->slots[index].Get(), O_CLOEXEC) < 0) {
      ThrowErrno("dup3", "stdio of the child");
    }
  }
}

// Pipe ends must not outlive the request in our own table: the reader would never see the end.
void Spawner::ClearSlots(Worker* worker) {
  for (UniqueFd& slot : worker->slots) ::dup3(null_.Get(), slot.Get(), O_CLOEXEC);
}

}  // namespace slapos
