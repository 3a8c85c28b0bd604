#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "binding/async.h"
#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/file/beneath.h"
#include "core/file/command_look.h"
#include "core/file/folder.h"
#include "core/file/lock.h"
#include "core/file/remove.h"
#include "core/file/remove_owned.h"
#include "core/file/replacement.h"

namespace slapos::binding {

namespace {

// What a call that returns nothing resolves to.
using Nothing = std::monostate;

Napi::Value Undefined(Napi::Env env, Nothing&) { return env.Undefined(); }

// The descriptor belongs to JavaScript from here on.
Napi::Value HandOver(Napi::Env env, UniqueFd& fd) { return Napi::Number::New(env, fd.Release()); }

Ownership ReadOwnership(const Napi::Object& object) {
  Ownership result{static_cast<mode_t>(IntField(object, "mode"))};
  result.uid = static_cast<uid_t>(IntField(object, "uid", kKeepUid));
  result.gid = static_cast<gid_t>(IntField(object, "gid", kKeepGid));
  return result;
}

std::string ReadContent(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (value.IsString()) return value.ToString();
  if (!value.IsTypedArray()) {
    throw Napi::TypeError::New(object.Env(), std::string("field '") + name + "' must be bytes");
  }
  Napi::TypedArray array = value.As<Napi::TypedArray>();
  const auto* start = static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  return std::string(start, array.ByteLength());
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  std::string path = StringField(object, "path");
  int flags = static_cast<int>(IntField(object, "flags"));
  mode_t mode = static_cast<mode_t>(IntField(object, "mode", 0600));
  WalkMethod method =
      BoolField(object, "isByComponent", false) ? WalkMethod::kByComponent : WalkMethod::kBest;
  return AsyncTask<UniqueFd>::Run(
      info.Env(), [=] { return OpenBeneath(root, path, flags, mode, method); }, HandOver);
}

using ReadOutcomes = std::vector<ReadOutcome>;

Napi::Value ToTexts(Napi::Env env, ReadOutcomes& outcomes) {
  Napi::Array array = Napi::Array::New(env, outcomes.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    Napi::HandleScope scope(env);
    const ReadOutcome& one = outcomes[i];
    Napi::Value value = env.Null();
    if (one.failure) value = ToOutcome(env, *one.failure);
    if (one.content) value = Napi::String::New(env, *one.content);
    array.Set(static_cast<uint32_t>(i), value);
  }
  return array;
}

// Many files in one task: a task and a descriptor for each would cost more than the reading.
Napi::Value ReadTexts(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  auto max_bytes = static_cast<size_t>(IntField(object, "maxBytes"));
  std::vector<std::string> paths = StringsField(object, "paths");
  return AsyncTask<ReadOutcomes>::Run(
      info.Env(), [=] { return ReadAllBeneath(root, paths, max_bytes); }, ToTexts);
}

using Failures = std::vector<std::optional<SysError>>;

Napi::Value WriteAll(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  Napi::Array array = ArrayField(object, "files");
  auto files = std::make_shared<std::vector<FileToWrite>>();
  for (uint32_t index = 0; index < array.Length(); index++) {
    Napi::HandleScope scope(info.Env());
    Napi::Object file = ElementObject(array, index, "files");
    files->push_back({StringField(file, "path"), ReadContent(file, "data"), ReadOwnership(file)});
  }
  return AsyncTask<Failures>::Run(
      info.Env(), [=] { return WriteAllBeneath(root, *files); }, ToOutcomes);
}

Napi::Value CreateAll(const Napi::CallbackInfo& info) {
  Napi::Array array = ArrayField(RequestObject(info), "folders");
  std::vector<FolderToCreate> folders;
  for (uint32_t index = 0; index < array.Length(); index++) {
    Napi::HandleScope scope(info.Env());
    Napi::Object folder = ElementObject(array, index, "folders");
    folders.push_back({StringField(folder, "path"), ReadOwnership(folder)});
  }
  return AsyncTask<Failures>::Run(
      info.Env(), [folders] { return CreateFolders(folders); }, ToOutcomes);
}

Napi::Value Mkdir(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  std::string path = StringField(object, "path");
  Ownership ownership = ReadOwnership(object);
  auto work = [=] {
    MkdirBeneath(root, path, ownership);
    return Nothing();
  };
  return AsyncTask<Nothing>::Run(info.Env(), work, Undefined);
}

Napi::Value Remove(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  std::string path = StringField(object, "path");
  auto work = [=] {
    RemoveBeneath(root, path);
    return Nothing();
  };
  return AsyncTask<Nothing>::Run(info.Env(), work, Undefined);
}

Napi::Value Empty(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string root = StringField(object, "root");
  std::string path = StringField(object, "path");
  Napi::Array names = ArrayField(object, "kept");
  std::vector<std::string> kept;
  for (uint32_t i = 0; i < names.Length(); ++i) kept.push_back(names.Get(i).ToString());
  auto work = [=] {
    EmptyBeneath(root, path, kept);
    return Nothing();
  };
  return AsyncTask<Nothing>::Run(info.Env(), work, Undefined);
}

// On a thread of its own: what users leave may be large.
Napi::Value RemoveOwnedIn(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string folder = StringField(object, "folder");
  auto uid = static_cast<uid_t>(IntField(object, "uid"));
  return ThreadTask<OwnedRemoval>::Run(
      info.Env(), "removeOwned", [=](int) { return RemoveOwned(folder, uid); },
      [](Napi::Env env, OwnedRemoval& removal) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("removed", static_cast<double>(removal.removed));
        Napi::Array failures = Napi::Array::New(env, removal.failures.size());
        for (uint32_t i = 0; i < removal.failures.size(); ++i) {
          failures.Set(i, ToOutcome(env, removal.failures[i]));
        }
        result.Set("failures", failures);
        return result;
      });
}

// On a thread of its own: it waits for the disk.
Napi::Value Sync(const Napi::CallbackInfo& info) {
  std::string folder = StringField(RequestObject(info), "folder");
  auto work = [=](int) {
    SyncFileSystem(folder);
    return Nothing();
  };
  return ThreadTask<Nothing>::Run(info.Env(), "fileSystemSync", work, Undefined);
}

using Looks = std::vector<CommandLook>;

Napi::Value ToLooks(Napi::Env env, Looks& looks) {
  Napi::Array array = Napi::Array::New(env, looks.size());
  for (uint32_t i = 0; i < looks.size(); ++i) {
    if (!looks[i].exists) {
      array.Set(i, env.Null());
      continue;
    }
    Napi::Object look = Napi::Object::New(env);
    look.Set("mode", looks[i].mode);
    look.Set("mayExecute", looks[i].may_execute);
    array.Set(i, look);
  }
  return array;
}

Napi::Value LookAtCommands(const Napi::CallbackInfo& info) {
  Napi::Array array = ArrayField(RequestObject(info), "paths");
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < array.Length(); ++i) paths.push_back(array.Get(i).ToString());
  auto work = [=] {
    Looks looks;
    for (const std::string& path : paths) looks.push_back(LookAtCommand(path));
    return looks;
  };
  return AsyncTask<Looks>::Run(info.Env(), work, ToLooks);
}

Napi::Value Detach(const Napi::CallbackInfo& info) {
  try {
    DetachMount(static_cast<int>(IntField(RequestObject(info), "fd")));
    return info.Env().Undefined();
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

Napi::Value Lock(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  try {
    bool is_ours =
        TryLock(static_cast<int>(IntField(object, "fd")), BoolField(object, "isExclusive", true));
    return Napi::Boolean::New(info.Env(), is_ours);
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

}  // namespace

void RegisterFile(Napi::Env env, Napi::Object exports) {
  exports.Set("openBeneath", Napi::Function::New(env, Open, "openBeneath"));
  exports.Set("readTextsBeneath", Napi::Function::New(env, ReadTexts, "readTextsBeneath"));
  exports.Set("writeAllBeneath", Napi::Function::New(env, WriteAll, "writeAllBeneath"));
  exports.Set("foldersCreate", Napi::Function::New(env, CreateAll, "foldersCreate"));
  exports.Set("mkdirBeneath", Napi::Function::New(env, Mkdir, "mkdirBeneath"));
  exports.Set("removeBeneath", Napi::Function::New(env, Remove, "removeBeneath"));
  exports.Set("emptyBeneath", Napi::Function::New(env, Empty, "emptyBeneath"));
  exports.Set("removeOwned", Napi::Function::New(env, RemoveOwnedIn, "removeOwned"));
  exports.Set("fileSystemSync", Napi::Function::New(env, Sync, "fileSystemSync"));
  exports.Set("lookAtCommands", Napi::Function::New(env, LookAtCommands, "lookAtCommands"));
  exports.Set("mountDetach", Napi::Function::New(env, Detach, "mountDetach"));
  exports.Set("lockTry", Napi::Function::New(env, Lock, "lockTry"));
}

}  // namespace slapos::binding
