#include <cstring>
#include <memory>

#include "binding/async.h"
#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/proc/sample.h"
#include "core/spawn/end_user.h"
#include "core/sys/sysv_ipc.h"

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

// On a thread of its own: what is in the middle of a write to a slow disk ends late.
Napi::Value EndUser(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  auto uid = static_cast<uid_t>(IntField(object, "uid"));
  auto timeout_ms = static_cast<int>(IntField(object, "timeoutMs"));
  return ThreadTask<UserEnd>::Run(
      info.Env(), "procEndUser",
      [=](int cancel_fd) { return EndProcessesOfUser(uid, timeout_ms, cancel_fd); },
      [](Napi::Env env, UserEnd& end) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("found", static_cast<double>(end.found));
        result.Set("left", static_cast<double>(end.left));
        result.Set("contained", static_cast<double>(end.contained));
        return result;
      });
}

Napi::Value RemoveIpc(const Napi::CallbackInfo& info) {
  auto uid = static_cast<uid_t>(IntField(RequestObject(info), "uid"));
  return AsyncTask<size_t>::Run(
      info.Env(), [=] { return RemoveIpcOfUser(uid); },
      [](Napi::Env env, size_t& removed) {
        return Napi::Number::New(env, static_cast<double>(removed));
      });
}

}  // namespace

void RegisterProc(Napi::Env env, Napi::Object exports) {
  exports.Set("procSample", Napi::Function::New(env, Sample, "procSample"));
  exports.Set("ipcRemove", Napi::Function::New(env, RemoveIpc, "ipcRemove"));
  exports.Set("procEndUser", Napi::Function::New(env, EndUser, "procEndUser"));
}

}  // namespace slapos::binding
