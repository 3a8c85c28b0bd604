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
#include "core/sys/capabilities.h"

namespace slapos {

namespace {

// How long a child may take to exec before the guard looks at it, how often it looks then, and when
// it gives up: sooner with a child that is stopped again and again, which is an attack.
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr auto kGuardTick = std::chrono::milliseconds(5);
constexpr unsigned kMaxTicks = 3000;
constexpr unsigned kMaxStops = 60;

UniqueFd OpenNull() {
  UniqueFd fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!fd) ThrowErrno("open", "/dev/null");
  return fd;
}

// Threads inherit the mask of their creator: nothing but the main thread handles signals.
std::thread StartBlocked(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
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
  stack_ = std::make_unique<ChildStack>();
  thread_ = StartBlocked([this] { Run(); });
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
  thread_.join();
  guard_.join();
}

void Spawner::Reserve() {
  null_ = OpenNull();
  for (UniqueFd& slot : slots_) {
    slot.Reset(::fcntl(null_.Get(), F_DUPFD_CLOEXEC, 3));
    if (!slot) ThrowErrno("fcntl", "F_DUPFD_CLOEXEC");
    first_hidden_ = std::max(first_hidden_, static_cast<unsigned>(slot.Get()) + 1);
  }
}

void Spawner::Submit(SpawnRequest request, Done done) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(request), std::move(done)});
  }
  wake_.notify_one();
}

void Spawner::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_stopping_ || !jobs_.empty(); });
    if (is_stopping_) break;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (!is_busy_) guard_wake_.notify_one();
    is_busy_ = true;
    job_number_++;
    lock.unlock();
    SpawnResult result = Start(job.request);
    job.done(job.request, std::move(result));
    lock.lock();
    is_busy_ = !jobs_.empty();
  }
  is_busy_ = false;
  guard_wake_.notify_one();
}

// A process of the child's new user may stop it between setresuid and exec, and this thread with
// it; a file system that does not answer holds it in chdir or exec.
void Spawner::Guard() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_ || is_busy_) {
    if (!is_busy_) {
      guard_wake_.wait(lock, [this] { return is_stopping_ || is_busy_; });
      continue;
    }
    uint64_t job = job_number_;
    guard_wake_.wait_for(lock, kPatience);
    for (unsigned tick = 0, stops = 0; job == job_number_ && pidfd_under_way() >= 0; tick++) {
      if (IsStopped(pidfd_under_way())) stops++;
      bool is_late = tick > kMaxTicks || stops > kMaxStops || is_stopping_;
      ::syscall(SYS_pidfd_send_signal, pidfd_under_way(), is_late ? SIGKILL : SIGCONT, nullptr, 0);
      guard_wake_.wait_for(lock, kGuardTick);
    }
  }
}

SpawnResult Spawner::Start(SpawnRequest& request) {
  try {
    FillSlots(request);
    SpawnedChild child = Clone(request, shares_descriptors_);
    ClearSlots();
    return child;
  } catch (const SysError& error) {
    ClearSlots();
    return error;
  }
}

SpawnedChild Spawner::Clone(SpawnRequest& request, bool share_descriptors) {
  std::vector<int> slots;
  for (size_t index = 0; index < 3 + request.extra.size(); index++) {
    slots.push_back(slots_[index].Get());
  }
  ChildPlan plan(request, std::move(slots), first_hidden_, share_descriptors);
  SpawnedChild child;
  child.pid = CloneChild(*stack_, share_descriptors, RunPlan, &plan, &pidfd_);
  std::lock_guard lock(mutex_);
  child.pidfd.Reset(pidfd_);
  pidfd_ = -1;
  if (plan.HasFailed()) child.failure = plan.Failure();
  return child;
}

void Spawner::FillSlots(SpawnRequest& request) {
  if (request.extra.size() > kMaxExtraFds) throw SysError(E2BIG, "spawn", "extra descriptors");
  for (size_t index = 0; index < 3 + request.extra.size(); index++) {
    const UniqueFd& source = index < 3 ? request.stdio[index] : request.extra[index - 3];
    int from = source ? source.Get() : null_.Get();
    if (::dup3(from, slots_[index].Get(), O_CLOEXEC) < 0) ThrowErrno("dup3", "stdio of the child");
  }
}

// Pipe ends must not outlive the request in our own table: the reader would never see the end.
void Spawner::ClearSlots() {
  for (UniqueFd& slot : slots_) ::dup3(null_.Get(), slot.Get(), O_CLOEXEC);
}

}  // namespace slapos
