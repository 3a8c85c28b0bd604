#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/sys/sys_error.h"

namespace slapos::binding {

// The JavaScript error for a SysError: {code, errno, syscall, detail, extack, step?}.
Napi::Error ToError(Napi::Env env, const SysError& error);

// The same facts as a plain record, for one operation of a batch.
Napi::Object ToOutcome(Napi::Env env, const SysError& error);

// The outcomes of a batch as an array: null for success, else the record of ToOutcome.
Napi::Value ToOutcomes(Napi::Env env, std::vector<std::optional<SysError>>& outcomes);

// Rejects with `failure` or resolves to `make_value()`. Does nothing when the environment is
// ending: no value can be made any more, and nobody waits.
void Settle(Napi::Env env, const Napi::Promise::Deferred& deferred,
            const std::optional<SysError>& failure, const std::function<Napi::Value()>& make_value);

// Runs `work` on the thread pool and settles a promise with `convert(result)` on the JavaScript
// thread. `work` must not touch JavaScript values. For short calls only: a wait that may last
// belongs on a thread of its own, since the pool has four.
template <typename Result>
class AsyncTask : public Napi::AsyncWorker {
 public:
  using Work = std::function<Result()>;
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;

  static Napi::Promise Run(Napi::Env env, Work work, Convert convert) {
    auto* task = new AsyncTask(env, std::move(work), std::move(convert));
    Napi::Promise promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

 protected:
  void Execute() override {
    try {
      result_.emplace(work_());
    } catch (const SysError& error) {
      failure_.emplace(error);
    } catch (const std::exception& error) {
      failure_.emplace(EIO, "internal", error.what());
    }
  }

  void OnOK() override {
    Settle(Env(), deferred_, failure_, [this] { return convert_(Env(), *result_); });
  }

 private:
  AsyncTask(Napi::Env env, Work work, Convert convert)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  std::optional<Result> result_;
  std::optional<SysError> failure_;
};

// Checked access to the fields of the one request object of a call. Each throws a TypeError that
// names the field; JavaScript has validated already, so this only keeps C++ from misreading.
Napi::Object RequestObject(const Napi::CallbackInfo& info);
std::string StringField(const Napi::Object& object, const char* name);
std::string StringField(const Napi::Object& object, const char* name, const std::string& fallback);
int64_t IntField(const Napi::Object& object, const char* name);
int64_t IntField(const Napi::Object& object, const char* name, int64_t fallback);
bool BoolField(const Napi::Object& object, const char* name, bool fallback);
bool HasField(const Napi::Object& object, const char* name);
Napi::Array ArrayField(const Napi::Object& object, const char* name);
// Texts of an array field.
std::vector<std::string> StringsField(const Napi::Object& object, const char* name);
// Element of an array field that must be an object; `name` is that of the field.
Napi::Object ElementObject(const Napi::Array& array, uint32_t index, const char* name);

}  // namespace slapos::binding
