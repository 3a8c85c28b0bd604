#include "binding/js_queue.h"

#include <memory>

namespace slapos::binding {

JsQueue::JsQueue(Napi::Env env, const char* name) : function_(Function::New(env, name, 0, 1)) {
  function_.Unref(env);
}

JsQueue::~JsQueue() { function_.Release(); }

void JsQueue::Post(Call call) {
  auto owned = std::make_unique<Call>(std::move(call));
  if (function_.NonBlockingCall(owned.get()) == napi_ok) (void)owned.release();
}

void JsQueue::Hold(Napi::Env env) {
  if (holds_++ == 0) function_.Ref(env);
}

void JsQueue::Drop(Napi::Env env) {
  if (--holds_ == 0) function_.Unref(env);
}

void JsQueue::Deliver(Napi::Env env, Napi::Function, std::nullptr_t*, Call* call) {
  std::unique_ptr<Call> owned(call);
  if (env != nullptr) (*owned)(env);
}

}  // namespace slapos::binding
