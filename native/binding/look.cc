#include "core/file/look.h"

#include <string>
#include <utility>
#include <vector>

#include "binding/async.h"
#include "binding/register.h"

namespace slapos::binding {

namespace {

template <typename Found, typename Convert>
Napi::Array ToLooks(Napi::Env env, const std::vector<Looked<Found>>& looks, Convert convert) {
  Napi::Array array = Napi::Array::New(env, looks.size());
  for (size_t index = 0; index < looks.size(); index++) {
    Napi::HandleScope scope(env);
    const Looked<Found>& one = looks[index];
    Napi::Value value = env.Null();
    if (one.failure) value = ToOutcome(env, *one.failure);
    if (one.found) value = convert(env, *one.found);
    array.Set(static_cast<uint32_t>(index), value);
  }
  return array;
}

Napi::Value ToNames(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  uint32_t index = 0;
  for (const std::string& name : names) array.Set(index++, Napi::String::New(env, name));
  return array;
}

Napi::Value ToStatus(Napi::Env env, const struct stat& status) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("mode", Napi::Number::New(env, status.st_mode));
  object.Set("uid", Napi::Number::New(env, status.st_uid));
  object.Set("gid", Napi::Number::New(env, status.st_gid));
  object.Set("modifiedMs", Napi::Number::New(env, ModifiedMs(status)));
  return object;
}

Napi::Value ToText(Napi::Env env, const TextLook& look) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("text", Napi::String::New(env, look.content));
  object.Set("modifiedMs", Napi::Number::New(env, look.modified_ms));
  return object;
}

Napi::Value ToLookResult(Napi::Env env, LookResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("texts", ToLooks(env, result.texts, ToText));
  object.Set("folders", ToLooks(env, result.folders, ToNames));
  object.Set("targets", ToLooks(env, result.targets, ToStatus));
  return object;
}

Napi::Value Look(const Napi::CallbackInfo& info) {
  Napi::Object object = RequestObject(info);
  LookRequest request{StringField(object, "root"),
                      StringsField(object, "texts"),
                      static_cast<size_t>(IntField(object, "maxBytes")),
                      StringsField(object, "folders"),
                      static_cast<size_t>(IntField(object, "maxNames")),
                      StringsField(object, "targets")};
  return AsyncTask<LookResult>::Run(
      info.Env(), [request = std::move(request)] { return LookBeneath(request); }, ToLookResult);
}

}  // namespace

void RegisterLook(Napi::Env env, Napi::Object exports) {
  exports.Set("lookBeneath", Napi::Function::New(env, Look, "lookBeneath"));
}

}  // namespace slapos::binding
