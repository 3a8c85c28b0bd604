#pragma once

#include <napi.h>

#include <functional>

namespace slapos::binding {

// Runs closures on the JavaScript thread, in the order in which any thread posted them. It keeps
// Node alive only while something is held. Create it lazily and register the cleanup hook of its
// owner afterwards: hooks run in reverse, so the owner's threads end before the queue does.
class JsQueue {
 public:
  using Call = std::function<void(Napi::Env)>;

  JsQueue(Napi::Env env, const char* name);
  ~JsQueue();
  JsQueue(const JsQueue&) = delete;
  JsQueue& operator=(const JsQueue&) = delete;

  // From any thread. Dropped when the environment is closing.
  void Post(Call call);

  // On the JavaScript thread: one more, or one less, reason to keep Node alive.
  void Hold(Napi::Env env);
  void Drop(Napi::Env env);

 private:
  static void Deliver(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call);
  using Function = Napi::TypedThreadSafeFunction<std::nullptr_t, Call, Deliver>;

  Function function_;
  unsigned holds_ = 0;
};

}  // namespace slapos::binding
