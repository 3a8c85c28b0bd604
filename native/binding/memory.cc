#include <malloc.h>

#include "binding/register.h"

namespace slapos::binding {

namespace {

// The default of malloc, which by itself rises to the largest block that was ever freed: large
// buffers would share the heap with what lives long, and leave holes there.
constexpr int kMmapThreshold = 128 * 1024;

// Whole pages that are free, in the arenas of all threads, go back to the kernel (malloc_trim(3),
// mallopt(3)), and large blocks do at once from now on.
Napi::Value TrimMemory(const Napi::CallbackInfo& info) {
  ::mallopt(M_MMAP_THRESHOLD, kMmapThreshold);
  ::mallopt(M_TRIM_THRESHOLD, kMmapThreshold);
  return Napi::Boolean::New(info.Env(), ::malloc_trim(0) == 1);
}

}  // namespace

void RegisterMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("memoryTrim", Napi::Function::New(env, TrimMemory, "memoryTrim"));
}

}  // namespace slapos::binding
