// Entry point of the addon: calls the registration function of each area of native/binding.
#include <napi.h>

#include "binding/register.h"

namespace {

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  slapos::binding::RegisterAccount(env, exports);
  slapos::binding::RegisterCapabilities(env, exports);
  slapos::binding::RegisterDisk(env, exports);
  slapos::binding::RegisterNetlink(env, exports);
  slapos::binding::RegisterTuntap(env, exports);
  slapos::binding::RegisterSpawn(env, exports);
  slapos::binding::RegisterFile(env, exports);
  slapos::binding::RegisterLook(env, exports);
  slapos::binding::RegisterLog(env, exports);
  slapos::binding::RegisterMemory(env, exports);
  slapos::binding::RegisterProc(env, exports);
  slapos::binding::RegisterKeeper(env, exports);
  slapos::binding::RegisterSocket(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(slapos_native, Register)
