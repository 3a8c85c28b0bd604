#include "binding/async.h"

#include <cstring>
#include <string>
#include <vector>

namespace slapos::binding {

namespace {

void SetFacts(Napi::Object target, const SysError& error) {
  target.Set("code", ErrnoName(error.err()));
  target.Set("errno", error.err());
  target.Set("syscall", error.syscall());
  target.Set("detail", error.detail());
  target.Set("extack", error.extack());
  if (!error.step().empty()) target.Set("step", error.step());
}

[[noreturn]] void ThrowField(Napi::Env env, const char* name, const char* wanted) {
  throw Napi::TypeError::New(env, std::string("field '") + name + "' must be " + wanted);
}

}  // namespace

Napi::Error ToError(Napi::Env env, const SysError& error) {
  std::string text =
      error.syscall() + ": " + ErrnoName(error.err()) + ", " + ::strerror(error.err());
  if (!error.detail().empty()) text += ": " + error.detail();
  if (!error.extack().empty()) text += " (" + error.extack() + ")";
  Napi::Error result = Napi::Error::New(env, text);
  SetFacts(result.Value(), error);
  return result;
}

Napi::Object ToOutcome(Napi::Env env, const SysError& error) {
  Napi::Object result = Napi::Object::New(env);
  SetFacts(result, error);
  return result;
}

void Settle(Napi::Env env, const Napi::Promise::Deferred& deferred,
            const std::optional<SysError>& failure,
            const std::function<Napi::Value()>& make_value) {
  Napi::HandleScope scope(env);
  try {
    try {
      failure ? deferred.Reject(ToError(env, *failure).Value()) : deferred.Resolve(make_value());
    } catch (const Napi::Error& error) {
      deferred.Reject(error.Value());
    }
  } catch (const Napi::Error&) {
    // Ignored: the environment is ending.
  }
}

Napi::Value ToOutcomes(Napi::Env env, std::vector<std::optional<SysError>>& outcomes) {
  Napi::Array array = Napi::Array::New(env, outcomes.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    Napi::HandleScope scope(env);
    Napi::Value value = outcomes[i] ? ToOutcome(env, *outcomes[i]) : env.Null();
    array.Set(static_cast<uint32_t>(i), value);
  }
  return array;
}

Napi::Object RequestObject(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsObject()) {
    throw Napi::TypeError::New(info.Env(), "one request object is expected");
  }
  return info[0].As<Napi::Object>();
}

bool HasField(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  return !value.IsUndefined() && !value.IsNull();
}

std::string StringField(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (!value.IsString()) ThrowField(object.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::string StringField(const Napi::Object& object, const char* name, const std::string& fallback) {
  return HasField(object, name) ? StringField(object, name) : fallback;
}

int64_t IntField(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (!value.IsNumber()) ThrowField(object.Env(), name, "a number");
  return value.As<Napi::Number>().Int64Value();
}

int64_t IntField(const Napi::Object& object, const char* name, int64_t fallback) {
  return HasField(object, name) ? IntField(object, name) : fallback;
}

bool BoolField(const Napi::Object& object, const char* name, bool fallback) {
  if (!HasField(object, name)) return fallback;
  Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) ThrowField(object.Env(), name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Array ArrayField(const Napi::Object& object, const char* name) {
  Napi::Value value = object.Get(name);
  if (!value.IsArray()) ThrowField(object.Env(), name, "an array");
  return value.As<Napi::Array>();
}

std::vector<std::string> StringsField(const Napi::Object& object, const char* name) {
  Napi::Array array = ArrayField(object, name);
  std::vector<std::string> texts;
  texts.reserve(array.Length());
  for (uint32_t index = 0; index < array.Length(); index++) {
    Napi::HandleScope scope(object.Env());
    texts.push_back(array.Get(index).ToString());
  }
  return texts;
}

Napi::Object ElementObject(const Napi::Array& array, uint32_t index, const char* name) {
  Napi::Value value = array.Get(index);
  if (!value.IsObject()) ThrowField(array.Env(), name, "an array of objects");
  return value.As<Napi::Object>();
}

}  // namespace slapos::binding
