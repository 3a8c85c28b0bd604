#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "binding/async.h"
#include "core/sys/event_fd.h"
#include "core/sys/sys_error.h"

namespace slapos::binding {

// Runs `work` on a thread of its own and settles a promise with `convert(result)` on the JavaScript
// thread: for waits that may last, which would block one of the four threads of the pool. `work`
// gets a descriptor that becomes readable when the environment ends, and must then return soon.
//
// Life: Run creates the task; the thread hands itself over and releases the function; the finalizer
// joins the thread and deletes the task. When the environment ends first, the finalizer comes
// early, cancels the work and joins the thread before the function object dies under it.
template <typename Result>
class ThreadTask {
 public:
  using Work = std::function<Result(int cancel_fd)>;
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;

  static Napi::Promise Run(Napi::Env env, const char* name, Work work, Convert convert) {
    try {
      auto* task = new ThreadTask(env, std::move(work), std::move(convert));
      task->function_ = Function::New(env, name, 0, 1, task,
                                      [](Napi::Env, void*, ThreadTask* done) { delete done; });
      Napi::Promise promise = task->deferred_.Promise();
      task->Start(env);
      return promise;
    } catch (const SysError& error) {
      // No descriptor is left: an answer, since an exception of ours would end the process.
      auto deferred = Napi::Promise::Deferred::New(env);
      deferred.Reject(ToError(env, error).Value());
      return deferred.Promise();
    }
  }

  ThreadTask(const ThreadTask&) = delete;
  ThreadTask& operator=(const ThreadTask&) = delete;

 private:
  static void Deliver(Napi::Env env, Napi::Function, ThreadTask* task, void*) {
    // Without an environment the queue is only being emptied: nobody waits for the promise.
    if (static_cast<napi_env>(env) == nullptr) return;
    Settle(env, task->deferred_, task->failure_,
           [task, env] { return task->convert_(env, *task->result_); });
  }
  using Function = Napi::TypedThreadSafeFunction<ThreadTask, void, &ThreadTask::Deliver>;

  ThreadTask(Napi::Env env, Work work, Convert convert)
      : deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  ~ThreadTask() {
    cancel_.Raise();
    if (thread_.joinable()) thread_.join();
  }

  void Start(Napi::Env env) {
    try {
      thread_ = std::thread([this] { Execute(); });
    } catch (const std::system_error& error) {
      failure_.emplace(error.code().value(), "pthread_create");
      Settle(env, deferred_, failure_, [env] { return env.Undefined(); });
      function_.Release();
    }
  }

  void Execute() {
    try {
      result_.emplace(work_(cancel_.Fd()));
    } catch (const SysError& error) {
      failure_.emplace(error);
    } catch (const std::exception& error) {
      failure_.emplace(EIO, "internal", error.what());
    }
    // A closing function has let go of this thread already; releasing it again would be wrong.
    if (function_.BlockingCall(nullptr) == napi_ok) function_.Release();
  }

  EventFd cancel_;
  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
  std::optional<SysError> failure_;
  Function function_;
  std::thread thread_;
};

}  // namespace slapos::binding
