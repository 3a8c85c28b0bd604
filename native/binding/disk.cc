#include "binding/async.h"
#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/disk/usage.h"

namespace slapos::binding {

namespace {

Napi::Value ToRecord(Napi::Env env, DiskUsage& usage) {
  Napi::Object record = Napi::Object::New(env);
  record.Set("bytes", static_cast<double>(usage.bytes));
  record.Set("entries", static_cast<double>(usage.entries));
  record.Set("failures", static_cast<double>(usage.failures));
  return record;
}

using Measure = DiskUsage (*)(const std::string&, int);

// A walk may last for minutes: it gets a thread of its own, which gives way to all others.
Napi::Value RunWalk(const Napi::CallbackInfo& info, const char* name, Measure measure) {
  std::string path = StringField(RequestObject(info), "path");
  return ThreadTask<DiskUsage>::Run(
      info.Env(), name,
      [path, measure](int cancel_fd) {
        LowerThreadPriority();
        return measure(path, cancel_fd);
      },
      ToRecord);
}

Napi::Value Usage(const Napi::CallbackInfo& info) {
  return RunWalk(info, "diskUsage", MeasureFolder);
}

Napi::Value LinkedUsage(const Napi::CallbackInfo& info) {
  return RunWalk(info, "diskLinkedUsage", MeasureLinkedFolders);
}

// A thread of its own too: a dead network mount would block one of the pool's four for ever.
Napi::Value Space(const Napi::CallbackInfo& info) {
  std::string path = StringField(RequestObject(info), "path");
  return ThreadTask<DiskSpace>::Run(
      info.Env(), "diskSpace", [path](int) { return ReadDiskSpace(path); },
      [](Napi::Env env, DiskSpace& space) -> Napi::Value {
        Napi::Object record = Napi::Object::New(env);
        record.Set("fragmentBytes", static_cast<double>(space.fragment_bytes));
        record.Set("blocks", static_cast<double>(space.blocks));
        record.Set("freeBlocks", static_cast<double>(space.free_blocks));
        record.Set("availableBlocks", static_cast<double>(space.available_blocks));
        return record;
      });
}

}  // namespace

void RegisterDisk(Napi::Env env, Napi::Object exports) {
  exports.Set("diskUsage", Napi::Function::New(env, Usage, "diskUsage"));
  exports.Set("diskLinkedUsage", Napi::Function::New(env, LinkedUsage, "diskLinkedUsage"));
  exports.Set("diskSpace", Napi::Function::New(env, Space, "diskSpace"));
}

}  // namespace slapos::binding
