// A module of its own, loaded when processes are sampled often: it needs libbpf, which the addon
// must not ask for. Built where clang and libbpf are (binding.gyp).
#include <napi.h>

#include <cstring>
#include <memory>
#include <mutex>

#include "binding/async.h"
#include "core/bpf/task_reader.h"

namespace {

using slapos::ProcessRecord;
using slapos::TaskReader;
using slapos::binding::AsyncTask;
using slapos::binding::RequestObject;

using Records = std::vector<ProcessRecord>;

// A reader takes one sample at a time; calls that overlap wait for each other.
struct SharedReader {
  explicit SharedReader(const std::string& object_path) : reader(object_path) {}
  std::mutex mutex;
  TaskReader reader;
};
using Handle = std::shared_ptr<SharedReader>;

Napi::Value ToHandle(Napi::Env env, Handle& reader) {
  return Napi::External<Handle>::New(env, new Handle(reader),
                                     [](Napi::Env, Handle* handle) { delete handle; });
}

Napi::Value ToBuffer(Napi::Env env, Records& records) {
  size_t bytes = records.size() * sizeof(ProcessRecord);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) ::memcpy(buffer.Data(), records.data(), bytes);
  return buffer;
}

// openTaskReader({object}): resolves to a handle.
Napi::Value Open(const Napi::CallbackInfo& info) {
  std::string path = slapos::binding::StringField(RequestObject(info), "object");
  return AsyncTask<Handle>::Run(
      info.Env(), [=] { return std::make_shared<SharedReader>(path); }, ToHandle);
}

std::shared_ptr<std::vector<uid_t>> ReadUids(const Napi::Object& object) {
  if (!slapos::binding::HasField(object, "uids")) return nullptr;
  auto uids = std::make_shared<std::vector<uid_t>>();
  Napi::Array array = slapos::binding::ArrayField(object, "uids");
  for (uint32_t index = 0; index < array.Length(); index++)
    uids->push_back(array.Get(index).ToNumber().Uint32Value());
  return uids;
}

// sampleTasks({reader, uids?}): resolves to an ArrayBuffer of records, as procSample of the addon.
Napi::Value Sample(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  Napi::Value given = object.Get("reader");
  if (!given.IsExternal()) throw Napi::TypeError::New(info.Env(), "reader: a handle is wanted");
  Handle reader = *given.As<Napi::External<Handle>>().Data();
  auto uids = ReadUids(object);
  auto sample = [=]() -> Records {
    std::lock_guard<std::mutex> lock(reader->mutex);
    return reader->reader.Sample(uids.get());
  };
  return AsyncTask<Records>::Run(info.Env(), sample, ToBuffer);
}

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  exports.Set("openTaskReader", Napi::Function::New(env, Open, "openTaskReader"));
  exports.Set("sampleTasks", Napi::Function::New(env, Sample, "sampleTasks"));
  return exports;
}

}  // namespace

NODE_API_MODULE(slapos_bpf, Register)
