#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "binding/async.h"
#include "binding/js_queue.h"
#include "binding/register.h"
#include "core/spawn/exit_watcher.h"
#include "core/spawn/spawner.h"

namespace slapos::binding {

namespace {

std::vector<std::string> StringList(const Napi::Object& object, const char* name) {
  Napi::Array array = ArrayField(object, name);
  std::vector<std::string> result;
  result.reserve(array.Length());
  for (uint32_t index = 0; index < array.Length(); index++) {
    result.push_back(array.Get(index).ToString().Utf8Value());
  }
  return result;
}

std::optional<Credentials> ReadCredentials(const Napi::Object& object) {
  if (!HasField(object, "uid")) return std::nullopt;
  Credentials ids{
      static_cast<uid_t>(IntField(object, "uid")), static_cast<gid_t>(IntField(object, "gid")), {}};
  Napi::Array groups = ArrayField(object, "groups");
  for (uint32_t index = 0; index < groups.Length(); index++) {
    ids.groups.push_back(groups.Get(index).ToNumber().Uint32Value());
  }
  return ids;
}

// RLIM_INFINITY crosses as Infinity.
uint64_t ReadLimit(const Napi::Object& object, const char* name) {
  double value = object.Get(name).ToNumber().DoubleValue();
  return value >= 0 && value < 18446744073709551615.0 ? static_cast<uint64_t>(value) : ~uint64_t{0};
}

std::vector<ResourceLimit> ReadLimits(const Napi::Object& object) {
  std::vector<ResourceLimit> result;
  if (!HasField(object, "limits")) return result;
  Napi::Array limits = ArrayField(object, "limits");
  for (uint32_t index = 0; index < limits.Length(); index++) {
    Napi::Object limit = limits.Get(index).ToObject();
    result.push_back({static_cast<int>(IntField(limit, "resource")), ReadLimit(limit, "soft"),
                      ReadLimit(limit, "hard")});
  }
  return result;
}

UniqueFd Duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) ThrowErrno("fcntl", "descriptor " + std::to_string(fd));
  return copy;
}

// Prepares fd `index` of the child; returns our end of a new pipe.
UniqueFd PrepareStdio(SpawnRequest& request, size_t index, const Napi::Value& wanted) {
  if (wanted.IsNumber()) {
    request.stdio[index] = Duplicate(wanted.As<Napi::Number>().Int32Value());
    return UniqueFd();
  }
  std::string kind = wanted.ToString().Utf8Value();
  if (kind == "stdout") {
    if (request.stdio[1]) request.stdio[index] = Duplicate(request.stdio[1].Get());
    return UniqueFd();
  }
  if (kind != "pipe") return UniqueFd();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe2");
  bool is_input = index == 0;
  request.stdio[index].Reset(ends[is_input ? 0 : 1]);
  return UniqueFd(ends[is_input ? 1 : 0]);
}

SpawnRequest ReadRequest(const Napi::Object& object) {
  SpawnRequest request;
  request.file = StringField(object, "file");
  request.args = StringList(object, "args");
  request.env = StringList(object, "env");
  request.cwd = StringField(object, "cwd");
  request.credentials = ReadCredentials(object);
  request.limits = ReadLimits(object);
  if (HasField(object, "umask")) request.umask = static_cast<mode_t>(IntField(object, "umask"));
  request.new_session = BoolField(object, "isNewSession", false);
  request.same_group = BoolField(object, "isSameGroup", false);
  request.subreaper = BoolField(object, "isSubreaper", false);
  request.no_new_privs = BoolField(object, "isNoNewPrivs", false);
  return request;
}

// What one environment has running: the spawning and the waiting thread, and the promises of the
// processes that live. The map belongs to the JavaScript thread.
class ProcessTable {
 public:
  explicit ProcessTable(Napi::Env env)
      : queue_(env, "slapos.spawn"), watcher_([this](pid_t pid, ProcessEnd end) {
          queue_.Post([this, pid, end](Napi::Env env) { Exited(env, pid, end); });
        }) {}

  Napi::Promise Spawn(Napi::Env env, SpawnRequest request, std::array<UniqueFd, 3> ends) {
    auto shared_ends = std::make_shared<std::array<UniqueFd, 3>>(std::move(ends));
    Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
    queue_.Hold(env);
    auto done = [this, deferred, shared_ends](const SpawnRequest& asked, SpawnResult result) {
      Conclude(deferred, shared_ends, asked, std::move(result));
    };
    spawner_.Submit(std::move(request), done);
    return deferred.Promise();
  }

  bool Signal(pid_t pid, int number, bool to_group) {
    return watcher_.Signal(pid, number, to_group);
  }

 private:
  using Ends = std::shared_ptr<std::array<UniqueFd, 3>>;

  // On the spawning thread.
  void Conclude(Napi::Promise::Deferred deferred, Ends ends, const SpawnRequest& request,
                SpawnResult result) {
    if (auto* error = std::get_if<SysError>(&result)) return Reject(deferred, *error);
    auto& child = std::get<SpawnedChild>(result);
    if (child.failure) {
      ProcessEnd end;
      ReapByPidfd(child.pidfd.Get(), true, &end);
      SpawnStep step = child.failure->step;
      const std::string& detail = step == SpawnStep::kDirectory ? request.cwd : request.file;
      return Reject(deferred, SysError(child.failure->err, "spawn", detail, "", StepName(step)));
    }
    pid_t pid = child.pid;
    // JavaScript may signal the process as soon as it hears of it, and must hear of it before it
    // hears of its end.
    watcher_.Register(pid, std::move(child.pidfd));
    queue_.Post([this, deferred, ends, pid](Napi::Env env) { Resolve(env, deferred, ends, pid); });
    watcher_.Watch(pid);
  }

  void Reject(Napi::Promise::Deferred deferred, const SysError& error) {
    queue_.Post([this, deferred, error](Napi::Env env) {
      queue_.Drop(env);
      binding::Settle(env, deferred, error, [env] { return env.Undefined(); });
    });
  }

  void Resolve(Napi::Env env, Napi::Promise::Deferred deferred, const Ends& ends, pid_t pid) {
    binding::Settle(env, deferred, std::nullopt, [this, env, &ends, pid] {
      Napi::Promise::Deferred exited = Napi::Promise::Deferred::New(env);
      exits_.insert_or_assign(pid, exited);
      Napi::Array stdio = Napi::Array::New(env, 3);
      for (uint32_t index = 0; index < 3; index++) stdio.Set(index, (*ends)[index].Release());
      Napi::Object result = Napi::Object::New(env);
      result.Set("pid", pid);
      result.Set("stdio", stdio);
      result.Set("exited", exited.Promise());
      return result;
    });
  }

  void Exited(Napi::Env env, pid_t pid, const ProcessEnd& end) {
    queue_.Drop(env);
    auto found = exits_.find(pid);
    if (found == exits_.end()) return;
    Napi::Promise::Deferred exited = found->second;
    exits_.erase(found);
    binding::Settle(env, exited, std::nullopt, [env, &end] {
      Napi::Object result = Napi::Object::New(env);
      result.Set("status", end.status);
      result.Set("signal", end.signal);
      return result;
    });
  }

  JsQueue queue_;
  std::map<pid_t, Napi::Promise::Deferred> exits_;
  ExitWatcher watcher_;
  Spawner spawner_;
};

// Per environment; the table and its threads exist from the first spawn on.
struct SpawnState {
  std::unique_ptr<ProcessTable> table;
};

ProcessTable& Table(const Napi::CallbackInfo& info) {
  auto* state = static_cast<SpawnState*>(info.Data());
  if (!state->table) {
    state->table = std::make_unique<ProcessTable>(info.Env());
    info.Env().AddCleanupHook([state] { state->table.reset(); });
  }
  return *state->table;
}

Napi::Value Spawn(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  SpawnRequest request = ReadRequest(object);
  if (request.args.empty())
    throw Napi::TypeError::New(info.Env(), "field 'args' must not be empty");
  Napi::Array stdio = ArrayField(object, "stdio");
  try {
    std::array<UniqueFd, 3> ends;
    for (uint32_t fd = 0; fd < 3; fd++) ends[fd] = PrepareStdio(request, fd, stdio.Get(fd));
    return Table(info).Spawn(info.Env(), std::move(request), std::move(ends));
  } catch (const SysError& error) {
    Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(info.Env());
    deferred.Reject(ToError(info.Env(), error).Value());
    return deferred.Promise();
  }
}

Napi::Value Signal(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  try {
    bool sent = Table(info).Signal(static_cast<pid_t>(IntField(object, "pid")),
                                   static_cast<int>(IntField(object, "signal")),
                                   BoolField(object, "isGroup", false));
    return Napi::Boolean::New(info.Env(), sent);
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

}  // namespace

void RegisterSpawn(Napi::Env env, Napi::Object exports) {
  auto* state = new SpawnState();
  env.AddCleanupHook([](SpawnState* data) { delete data; }, state);
  exports.Set("spawn", Napi::Function::New(env, Spawn, "spawn", state));
  exports.Set("spawnSignal", Napi::Function::New(env, Signal, "spawnSignal", state));
}

}  // namespace slapos::binding
