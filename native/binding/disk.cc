#include "binding/async.h"
#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/disk/quota.h"
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

// A walk may last for minutes: it gets threads of its own, which give way to all others.
template <typename Measure>
Napi::Value RunWalk(const Napi::CallbackInfo& info, const char* name, Measure measure) {
  return ThreadTask<DiskUsage>::Run(
      info.Env(), name,
      [measure](int cancel_fd) {
        LowerThreadPriority();
        return measure(cancel_fd);
      },
      ToRecord);
}

Napi::Value Usage(const Napi::CallbackInfo& info) {
  std::string path = StringField(RequestObject(info), "path");
  return RunWalk(info, "diskUsage",
                 [path](int cancel_fd) { return MeasureFolder(path, cancel_fd); });
}

Napi::Value LinkedUsage(const Napi::CallbackInfo& info) {
  std::string path = StringField(RequestObject(info), "path");
  std::string apart_from = StringField(RequestObject(info), "apartFrom");
  return RunWalk(info, "diskLinkedUsage", [path, apart_from](int cancel_fd) {
    return MeasureLinkedFolders(path, cancel_fd, apart_from);
  });
}

// On a thread of its own like statvfs: over NFS a quota is asked of the server.
Napi::Value Quota(const Napi::CallbackInfo& info) {
  std::string path = StringField(RequestObject(info), "path");
  return ThreadTask<QuotaUse>::Run(
      info.Env(), "diskQuota", [path](int) { return ReadOwnerQuota(path); },
      [](Napi::Env env, QuotaUse& use) -> Napi::Value {
        Napi::Object record = Napi::Object::New(env);
        record.Set("bytes", static_cast<double>(use.bytes));
        record.Set("uid", static_cast<double>(use.uid));
        return record;
      });
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
  exports.Set("diskQuota", Napi::Function::New(env, Quota, "diskQuota"));
  exports.Set("diskSpace", Napi::Function::New(env, Space, "diskSpace"));
}

}  // namespace slapos::binding
