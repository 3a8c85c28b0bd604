// A module of its own, loaded when processes are sampled often: it needs libbpf, which the addon
// must not ask for. Built where clang and libbpf are (binding.gyp).
#include <napi.h>

#include <memory>
#include <mutex>

#include "binding/async.h"
#include "core/bpf/task_reader.h"

namespace {

using slapos::TaskReader;
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

// The items where they are: the buffer keeps them alive.
template <typename Item>
Napi::Value ToBuffer(Napi::Env env, std::vector<Item>& items) {
  if (items.empty()) return Napi::ArrayBuffer::New(env, 0);
  auto* kept = new std::vector<Item>(std::move(items));
  return Napi::ArrayBuffer::New(
      env, kept->data(), kept->size() * sizeof(Item),
      [](Napi::Env, void*, std::vector<Item>* kept) { delete kept; }, kept);
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

// The reader and the users of a request, and what `take` makes of them, as an ArrayBuffer.
template <typename Item>
Napi::Value Run(const Napi::CallbackInfo& info,
                std::vector<Item> (TaskReader::*take)(const std::vector<uid_t>*)) {
  Napi::Object object = RequestObject(info);
  Napi::Value given = object.Get("reader");
  if (!given.IsExternal()) throw Napi::TypeError::New(info.Env(), "reader: a handle is wanted");
  Handle reader = *given.As<Napi::External<Handle>>().Data();
  auto uids = ReadUids(object);
  auto sample = [=]() -> std::vector<Item> {
    std::lock_guard<std::mutex> lock(reader->mutex);
    return (reader->reader.*take)(uids.get());
  };
  return AsyncTask<std::vector<Item>>::Run(info.Env(), sample, ToBuffer<Item>);
}

// sampleTasks({reader, uids?}): resolves to ProcessRecords, as procSample of the addon.
Napi::Value Sample(const Napi::CallbackInfo& info) { return Run(info, &TaskReader::Sample); }

// sampleUsage({reader, uids?}): resolves to UserUsages.
Napi::Value SampleUsage(const Napi::CallbackInfo& info) {
  return Run(info, &TaskReader::SampleUsage);
}

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  exports.Set("openTaskReader", Napi::Function::New(env, Open, "openTaskReader"));
  exports.Set("sampleTasks", Napi::Function::New(env, Sample, "sampleTasks"));
  exports.Set("sampleUsage", Napi::Function::New(env, SampleUsage, "sampleUsage"));
  return exports;
}

}  // namespace

NODE_API_MODULE(slapos_bpf, Register)
