// The controller's end of the channel to the keeper (docs/keeper-protocol.md).
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "binding/async.h"
#include "binding/js_queue.h"
#include "binding/register.h"
#include "core/channel/packet_link.h"

namespace slapos::binding {

namespace {

// One connection of an environment. The reference and the flag belong to the JavaScript thread.
class Connection {
 public:
  Connection(Napi::Env env, UniqueFd socket, Napi::Function on_message)
      : queue_(env, "slapos.keeper"),
        on_message_(Napi::Persistent(on_message)),
        link_(
            std::move(socket), [this](Packet packet) { Deliver(std::move(packet)); },
            [this] { queue_.Post([this](Napi::Env env) { Close(env); }); }) {
    queue_.Hold(env);
  }

  void Send(std::string data, const std::vector<int>& fds) { link_.Send(std::move(data), fds); }
  bool IsOpen() const { return is_open_; }

 private:
  void Deliver(Packet packet) {
    auto shared = std::make_shared<Packet>(std::move(packet));
    queue_.Post([this, shared](Napi::Env env) {
      Napi::Array fds = Napi::Array::New(env, shared->fds.size());
      for (uint32_t index = 0; index < shared->fds.size(); index++) {
        fds.Set(index, shared->fds[index].Release());
      }
      auto data = Napi::Buffer<char>::Copy(env, shared->data.data(), shared->data.size());
      on_message_.Call({data, fds});
    });
  }

  void Close(Napi::Env env) {
    if (!is_open_) return;
    is_open_ = false;
    queue_.Drop(env);
    on_message_.Call({env.Null(), Napi::Array::New(env)});
  }

  bool is_open_ = true;
  JsQueue queue_;
  Napi::FunctionReference on_message_;
  PacketLink link_;
};

struct KeeperState {
  std::unique_ptr<Connection> connection;
};

void CloseConnection(void* state) { static_cast<KeeperState*>(state)->connection.reset(); }

KeeperState* State(const Napi::CallbackInfo& info) {
  return static_cast<KeeperState*>(info.Data());
}

// Node would pass both to the children that it starts by itself.
void HideFromChildren(const Napi::Env& env, int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    throw ToError(env, SysError(errno, "fcntl", "descriptor " + std::to_string(fd)));
  }
}

Napi::Value Connect(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  if (info.Length() < 2 || !info[1].IsFunction()) {
    throw Napi::TypeError::New(info.Env(), "a function is expected");
  }
  KeeperState* state = State(info);
  if (state->connection && state->connection->IsOpen()) {
    throw ToError(info.Env(), SysError(EISCONN, "keeperConnect"));
  }
  int fd = static_cast<int>(IntField(object, "fd"));
  HideFromChildren(info.Env(), fd);
  if (HasField(object, "listenFd")) {
    HideFromChildren(info.Env(), static_cast<int>(IntField(object, "listenFd")));
  }
  try {
    state->connection =
        std::make_unique<Connection>(info.Env(), UniqueFd(fd), info[1].As<Napi::Function>());
    // Added after the queue of this connection, hence run before it.
    napi_remove_env_cleanup_hook(info.Env(), CloseConnection, state);
    napi_add_env_cleanup_hook(info.Env(), CloseConnection, state);
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
  return info.Env().Undefined();
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  Napi::Value bytes = object.Get("data");
  if (!bytes.IsTypedArray()) throw Napi::TypeError::New(info.Env(), "field 'data' must be bytes");
  Napi::TypedArray array = bytes.As<Napi::TypedArray>();
  const auto* start = static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  Napi::Array list = ArrayField(object, "fds");
  std::vector<int> fds;
  for (uint32_t index = 0; index < list.Length(); index++) {
    fds.push_back(list.Get(index).ToNumber().Int32Value());
  }
  try {
    KeeperState* state = State(info);
    if (!state->connection) throw SysError(ENOTCONN, "keeperSend");
    state->connection->Send(std::string(start, array.ByteLength()), fds);
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
  return info.Env().Undefined();
}

Napi::Value OpenPipe(const Napi::CallbackInfo& info) {
  bool is_kept_open = BoolField(RequestObject(info), "isKeptOpen", false);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw ToError(info.Env(), SysError(errno, "pipe2"));
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  if (is_kept_open) {
    std::string link = "/proc/self/fd/" + std::to_string(read_end.Get());
    UniqueFd both(::open(link.c_str(), O_RDWR | O_CLOEXEC));
    if (!both) throw ToError(info.Env(), SysError(errno, "open", link));
    read_end = std::move(both);
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("readFd", read_end.Release());
  result.Set("writeFd", write_end.Release());
  return result;
}

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  auto fd = static_cast<int>(IntField(RequestObject(info), "fd"));
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw ToError(info.Env(), SysError(errno, "fcntl", "descriptor"));
  return Napi::Number::New(info.Env(), copy);
}

}  // namespace

void RegisterKeeper(Napi::Env env, Napi::Object exports) {
  auto* state = new KeeperState();
  env.AddCleanupHook([](KeeperState* data) { delete data; }, state);
  exports.Set("keeperConnect", Napi::Function::New(env, Connect, "keeperConnect", state));
  exports.Set("keeperSend", Napi::Function::New(env, Send, "keeperSend", state));
  exports.Set("fdDuplicate", Napi::Function::New(env, Duplicate, "fdDuplicate"));
  exports.Set("pipeOpen", Napi::Function::New(env, OpenPipe, "pipeOpen"));
}

}  // namespace slapos::binding
