#include "core/tuntap/tuntap.h"

#include "binding/async.h"
#include "binding/register.h"

namespace slapos::binding {

namespace {

using tuntap::Device;
using tuntap::Outcomes;

std::vector<Device> DevicesField(const Napi::Object& request) {
  Napi::Array array = ArrayField(request, "devices");
  std::vector<Device> devices;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    Napi::Object source = ElementObject(array, i, "devices");
    std::string mode = StringField(source, "mode");
    if (mode != "tap" && mode != "tun") {
      throw Napi::TypeError::New(request.Env(), "field 'mode' must be 'tap' or 'tun'");
    }
    devices.push_back(
        {StringField(source, "name"), mode == "tap", IntField(source, "ownerUid", -1)});
  }
  return devices;
}

Napi::Value Start(const Napi::CallbackInfo& info, Outcomes (*action)(const std::vector<Device>&)) {
  auto devices = DevicesField(RequestObject(info));
  return AsyncTask<Outcomes>::Run(
      info.Env(), [devices = std::move(devices), action] { return action(devices); }, ToOutcomes);
}

Napi::Value TuntapCreate(const Napi::CallbackInfo& info) { return Start(info, tuntap::Create); }

Napi::Value TuntapDelete(const Napi::CallbackInfo& info) { return Start(info, tuntap::Delete); }

}  // namespace

void RegisterTuntap(Napi::Env env, Napi::Object exports) {
  exports.Set("tuntapCreate", Napi::Function::New(env, TuntapCreate, "tuntapCreate"));
  exports.Set("tuntapDelete", Napi::Function::New(env, TuntapDelete, "tuntapDelete"));
}

}  // namespace slapos::binding
