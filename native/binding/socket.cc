// Sockets that Node cannot make or look into.
#include "binding/async.h"
#include "binding/register.h"
#include "core/socket/local_socket.h"
#include "core/socket/tcp_peer.h"

namespace slapos::binding {

namespace {

Napi::Value GetPeerCredentials(const Napi::CallbackInfo& info) {
  Napi::Object request = RequestObject(info);
  try {
    PeerCredentials peer = ReadPeerCredentials(static_cast<int>(IntField(request, "fd")));
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("pid", peer.pid);
    result.Set("uid", peer.uid);
    result.Set("gid", peer.gid);
    return result;
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

Napi::Value GetTcpPeerUid(const Napi::CallbackInfo& info) {
  Napi::Object request = RequestObject(info);
  try {
    std::optional<uid_t> uid = ReadTcpPeerUid(static_cast<int>(IntField(request, "fd")));
    if (!uid) return info.Env().Null();
    return Napi::Number::New(info.Env(), *uid);
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  Napi::Object request = RequestObject(info);
  std::string path = StringField(request, "path");
  Napi::Array list = ArrayField(request, "messages");
  std::vector<std::string> messages;
  for (uint32_t index = 0; index < list.Length(); index++) {
    messages.push_back(list.Get(index).ToString().Utf8Value());
  }
  try {
    return Napi::Number::New(info.Env(), static_cast<double>(SendDatagrams(path, messages)));
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

Napi::Value Listen(const Napi::CallbackInfo& info) {
  Napi::Object request = RequestObject(info);
  int backlog = static_cast<int>(IntField(request, "backlog"));
  try {
    UniqueFd socket;
    if (HasField(request, "path")) {
      mode_t mode = static_cast<mode_t>(IntField(request, "mode"));
      socket = ListenAtPath(StringField(request, "path"), mode, backlog);
    } else {
      std::string port = std::to_string(IntField(request, "port"));
      socket = ListenAtPort(StringField(request, "host"), port, backlog);
    }
    return Napi::Number::New(info.Env(), socket.Release());
  } catch (const SysError& error) {
    throw ToError(info.Env(), error);
  }
}

}  // namespace

void RegisterSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("peerCredentials", Napi::Function::New(env, GetPeerCredentials, "peerCredentials"));
  exports.Set("tcpPeerUid", Napi::Function::New(env, GetTcpPeerUid, "tcpPeerUid"));
  exports.Set("datagramSend", Napi::Function::New(env, Send, "datagramSend"));
  exports.Set("socketListen", Napi::Function::New(env, Listen, "socketListen"));
}

}  // namespace slapos::binding
