#include <cstring>
#include <memory>

#include "binding/async.h"
#include "binding/register.h"
#include "core/proc/sample.h"

namespace slapos::binding {

namespace {

using Records = std::vector<ProcessRecord>;

std::shared_ptr<std::vector<uid_t>> ReadUids(const Napi::Object& object) {
  if (!HasField(object, "uids")) return nullptr;
  auto uids = std::make_shared<std::vector<uid_t>>();
  Napi::Array array = ArrayField(object, "uids");
  for (uint32_t index = 0; index < array.Length(); index++) {
    uids->push_back(array.Get(index).ToNumber().Uint32Value());
  }
  return uids;
}

Napi::Value ToBuffer(Napi::Env env, Records& records) {
  size_t bytes = records.size() * sizeof(ProcessRecord);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) ::memcpy(buffer.Data(), records.data(), bytes);
  return buffer;
}

Napi::Value Sample(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "procRoot", "/proc");
  auto uids = ReadUids(object);
  return AsyncTask<Records>::Run(
      info.Env(), [=] { return SampleProcesses(root, uids.get()); }, ToBuffer);
}

}  // namespace

void RegisterProc(Napi::Env env, Napi::Object exports) {
  exports.Set("procSample", Napi::Function::New(env, Sample, "procSample"));
}

}  // namespace slapos::binding
