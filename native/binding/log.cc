// Logs of services: opening, rotation, and the sweep that keeps them below their size.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "binding/async.h"
#include "binding/js_queue.h"
#include "binding/register.h"
#include "core/file/log_file.h"
#include "core/file/log_rotation.h"
#include "core/file/log_sweep.h"

namespace slapos::binding {

namespace {

constexpr int64_t kDefaultMode = 0644;

// The descriptor belongs to JavaScript from here on.
Napi::Value HandOver(Napi::Env env, UniqueFd& fd) { return Napi::Number::New(env, fd.Release()); }

Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string path = StringField(object, "path");
  auto flags = static_cast<int>(IntField(object, "flags"));
  auto mode = static_cast<mode_t>(IntField(object, "mode", kDefaultMode));
  std::optional<uid_t> owner;
  if (HasField(object, "ownerUid")) owner = static_cast<uid_t>(IntField(object, "ownerUid"));
  return AsyncTask<UniqueFd>::Run(
      info.Env(), [=] { return OpenLog(FindLog(path), flags, mode, owner); }, HandOver);
}

struct Wanted {
  std::string path;
  uid_t owner;
};
struct Opened {
  UniqueFd fd;
  std::optional<SysError> failure;
};

std::vector<Opened> OpenAll(const std::vector<Wanted>& logs, int flags, mode_t mode) {
  std::vector<Opened> opened(logs.size());
  for (size_t index = 0; index < logs.size(); index++) {
    try {
      opened[index].fd = OpenLog(FindLog(logs[index].path), flags, mode, logs[index].owner);
    } catch (const SysError& error) {
      opened[index].failure = error;
    }
  }
  return opened;
}

Napi::Value ToOpened(Napi::Env env, std::vector<Opened>& opened) {
  Napi::Array array = Napi::Array::New(env, opened.size());
  for (uint32_t index = 0; index < opened.size(); index++) {
    Opened& one = opened[index];
    if (one.failure) {
      array.Set(index, ToOutcome(env, *one.failure));
    } else {
      array.Set(index, HandOver(env, one.fd));
    }
  }
  return array;
}

// A task costs several times what opening a file does.
Napi::Value OpenMany(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  auto flags = static_cast<int>(IntField(object, "flags"));
  auto mode = static_cast<mode_t>(IntField(object, "mode", kDefaultMode));
  Napi::Array array = ArrayField(object, "logs");
  std::vector<Wanted> logs;
  for (uint32_t index = 0; index < array.Length(); index++) {
    Napi::Object log = ElementObject(array, index, "logs");
    logs.push_back({StringField(log, "path"), static_cast<uid_t>(IntField(log, "ownerUid"))});
  }
  return AsyncTask<std::vector<Opened>>::Run(
      info.Env(), [=] { return OpenAll(logs, flags, mode); }, ToOpened);
}

LogLimits ReadLimits(const Napi::Object& object) {
  return {static_cast<uint64_t>(IntField(object, "maxBytes")),
          static_cast<unsigned>(IntField(object, "backups"))};
}

Napi::Value RotationName(Napi::Env env, Rotation& rotation) {
  const char* name = rotation == Rotation::kCollapsed   ? "collapsed"
                     : rotation == Rotation::kTruncated ? "truncated"
                                                        : "none";
  return Napi::String::New(env, name);
}

Napi::Value Rotate(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  std::string path = StringField(object, "path");
  LogLimits limits = ReadLimits(object);
  return AsyncTask<Rotation>::Run(
      info.Env(), [=] { return RotateLog(path, limits); }, RotationName);
}

// The sweep of an environment. The queue goes last: the thread posts to it.
class Sweeper {
 public:
  Sweeper(Napi::Env env, Napi::Function on_problem)
      : queue_(env, "slapos.logs"),
        on_problem_(Napi::Persistent(on_problem)),
        sweep_([this](const std::string& path, const SysError& error) { Tell(path, error); }) {}

  LogSweep& Sweep() { return sweep_; }

 private:
  void Tell(const std::string& path, const SysError& error) {
    queue_.Post([this, path, error](Napi::Env env) {
      on_problem_.Call({Napi::String::New(env, path), ToError(env, error).Value()});
    });
  }

  JsQueue queue_;
  Napi::FunctionReference on_problem_;
  LogSweep sweep_;
};

struct LogState {
  std::unique_ptr<Sweeper> sweeper;
};

Napi::Value StartSweep(const Napi::CallbackInfo& info) {
  auto* state = static_cast<LogState*>(info.Data());
  if (info.Length() < 1 || !info[0].IsFunction()) {
    throw Napi::TypeError::New(info.Env(), "a function is expected");
  }
  if (state->sweeper) throw ToError(info.Env(), SysError(EALREADY, "logSweepStart"));
  try {
    state->sweeper = std::make_unique<Sweeper>(info.Env(), info[0].As<Napi::Function>());
    // Added after the queue, hence run before it.
    info.Env().AddCleanupHook([state] { state->sweeper.reset(); });
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
  return info.Env().Undefined();
}

LogSweep& RunningSweep(const Napi::CallbackInfo& info) {
  auto* state = static_cast<LogState*>(info.Data());
  if (!state->sweeper) throw ToError(info.Env(), SysError(ENOTCONN, "logSweep"));
  return state->sweeper->Sweep();
}

Napi::Value Watch(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  RunningSweep(info).Watch(StringField(object, "path"), ReadLimits(object));
  return info.Env().Undefined();
}

Napi::Value Forget(const Napi::CallbackInfo& info) {
  RunningSweep(info).Forget(StringField(RequestObject(info), "path"));
  return info.Env().Undefined();
}

}  // namespace

void RegisterLog(Napi::Env env, Napi::Object exports) {
  auto* state = new LogState();
  env.AddCleanupHook([](LogState* data) { delete data; }, state);
  exports.Set("logOpen", Napi::Function::New(env, Open, "logOpen"));
  exports.Set("logOpenMany", Napi::Function::New(env, OpenMany, "logOpenMany"));
  exports.Set("logRotate", Napi::Function::New(env, Rotate, "logRotate"));
  exports.Set("logSweepStart", Napi::Function::New(env, StartSweep, "logSweepStart", state));
  exports.Set("logSweepWatch", Napi::Function::New(env, Watch, "logSweepWatch", state));
  exports.Set("logSweepForget", Napi::Function::New(env, Forget, "logSweepForget", state));
}

}  // namespace slapos::binding
