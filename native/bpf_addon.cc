// A module of its own, loaded when processes are sampled often: it needs libbpf, which the addon
// must not ask for. Built where clang and libbpf are (binding.gyp).
#include <napi.h>

#include <cstring>
#include <memory>
#include <mutex>

#include "binding/async.h"
#include "core/bpf/task_reader.h"

namespace {

using slapos::TaskReader;
using slapos::TaskSample;
using slapos::binding::AsyncTask;
using slapos::binding::RequestObject;

// A reader takes one sample at a time; calls that overlap wait for each other.
struct SharedReader {
  SharedReader(const std::string& path, bool is_accounting) : reader(path, is_accounting) {}
  std::mutex mutex;
  TaskReader reader;
};
using Handle = std::shared_ptr<SharedReader>;

Napi::Value ToHandle(Napi::Env env, Handle& reader) {
  return Napi::External<Handle>::New(env, new Handle(reader),
                                     [](Napi::Env, Handle* handle) { delete handle; });
}

template <typename Item>
Napi::ArrayBuffer ToBuffer(Napi::Env env, const std::vector<Item>& items) {
  size_t bytes = items.size() * sizeof(Item);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) ::memcpy(buffer.Data(), items.data(), bytes);
  return buffer;
}

Napi::Value ToSample(Napi::Env env, TaskSample& sample) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("processes", ToBuffer(env, sample.processes));
  result.Set("usage", ToBuffer(env, sample.usage));
  return result;
}

// openTaskReader({object, isAccounting}): resolves to a handle.
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string path = slapos::binding::StringField(object, "object");
  bool is_accounting = slapos::binding::BoolField(object, "isAccounting", false);
  return AsyncTask<Handle>::Run(
      info.Env(), [=] { return std::make_shared<SharedReader>(path, is_accounting); }, ToHandle);
}

std::shared_ptr<std::vector<uid_t>> ReadUids(const Napi::Object& object) {
  if (!slapos::binding::HasField(object, "uids")) return nullptr;
  auto uids = std::make_shared<std::vector<uid_t>>();
  Napi::Array array = slapos::binding::ArrayField(object, "uids");
  for (uint32_t index = 0; index < array.Length(); index++)
    uids->push_back(array.Get(index).ToNumber().Uint32Value());
  return uids;
}

// sampleTasks({reader, uids?}): resolves to {processes, usage}, ArrayBuffers of ProcessRecord, as
// of procSample of the addon, and of UserUsage.
Napi::Value Sample(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  Napi::Value given = object.Get("reader");
  if (!given.IsExternal()) throw Napi::TypeError::New(info.Env(), "reader: a handle is wanted");
  Handle reader = *given.As<Napi::External<Handle>>().Data();
  auto uids = ReadUids(object);
  auto sample = [=]() -> TaskSample {
    std::lock_guard<std::mutex> lock(reader->mutex);
    return reader->reader.Sample(uids.get());
  };
  return AsyncTask<TaskSample>::Run(info.Env(), sample, ToSample);
}

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  exports.Set("openTaskReader", Napi::Function::New(env, Open, "openTaskReader"));
  exports.Set("sampleTasks", Napi::Function::New(env, Sample, "sampleTasks"));
  return exports;
}

}  // namespace

NODE_API_MODULE(slapos_bpf, Register)
