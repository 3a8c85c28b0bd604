#include "core/sys/capabilities.h"

#include <gnu/libc-version.h>

#include "binding/register.h"

namespace slapos::binding {

namespace {

Napi::Value ReadCapabilities(const Napi::CallbackInfo& info) {
  const Capabilities& found = ProbeCapabilities();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pidfd", found.pidfd);
  result.Set("closeRange", found.close_range);
  result.Set("openat2", found.openat2);
  result.Set("glibcVersion", ::gnu_get_libc_version());
  return result;
}

}  // namespace

void RegisterCapabilities(Napi::Env env, Napi::Object exports) {
  exports.Set("capabilities", Napi::Function::New(env, ReadCapabilities, "capabilities"));
}

}  // namespace slapos::binding
