#include <limits>

#include "binding/register.h"
#include "binding/thread_task.h"
#include "core/account/transaction.h"

namespace slapos::binding {

namespace {

using account::Transaction;

// As long as lckpwdf(3) waits.
constexpr std::chrono::milliseconds kLockTimeout{15'000};

uint32_t IdField(const Napi::Object& source, const char* name) {
  int64_t value = IntField(source, name);
  if (value < 0 || value >= std::numeric_limits<uint32_t>::max()) {
    throw Napi::TypeError::New(source.Env(), std::string("field '") + name + "' is not an id");
  }
  return static_cast<uint32_t>(value);
}

std::optional<std::string> OptionalString(const Napi::Object& source, const char* name) {
  if (!HasField(source, name)) return std::nullopt;
  return StringField(source, name);
}

template <typename Item>
std::vector<Item> ReadItems(const Napi::Object& request, const char* name,
                            Item (*read)(const Napi::Object&)) {
  Napi::Array array = ArrayField(request, name);
  std::vector<Item> items;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    Napi::HandleScope scope(request.Env());
    items.push_back(read(ElementObject(array, i, name)));
  }
  return items;
}

std::vector<std::string> ReadNames(const Napi::Object& request, const char* name) {
  Napi::Array array = ArrayField(request, name);
  std::vector<std::string> names;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    Napi::Value value = array.Get(i);
    if (!value.IsString()) {
      throw Napi::TypeError::New(request.Env(),
                                 std::string("field '") + name + "' must hold strings");
    }
    names.push_back(value.As<Napi::String>().Utf8Value());
  }
  return names;
}

account::Group ReadGroup(const Napi::Object& source) {
  return {StringField(source, "name"), IdField(source, "gid")};
}

account::User ReadUser(const Napi::Object& source) {
  return {StringField(source, "name"),  IdField(source, "uid"),      IdField(source, "gid"),
          StringField(source, "gecos"), StringField(source, "home"), StringField(source, "shell")};
}

account::UserChange ReadChange(const Napi::Object& source) {
  account::UserChange change{StringField(source, "name"), std::nullopt,
                             OptionalString(source, "home"), OptionalString(source, "shell")};
  if (HasField(source, "gid")) change.gid = IdField(source, "gid");
  return change;
}

account::Member ReadMember(const Napi::Object& source) {
  return {StringField(source, "group"), StringField(source, "user")};
}

Transaction ReadTransaction(const Napi::Object& request) {
  return {StringField(request, "etc"),
          ReadItems(request, "addGroups", ReadGroup),
          ReadItems(request, "addUsers", ReadUser),
          ReadItems(request, "changeUsers", ReadChange),
          ReadNames(request, "lockUsers"),
          ReadItems(request, "addMembers", ReadMember),
          ReadNames(request, "removeUsers"),
          ReadNames(request, "removeGroups")};
}

// On a thread of its own: another program may hold the lock for seconds.
Napi::Value AccountApply(const Napi::CallbackInfo& info) {
  Transaction transaction = ReadTransaction(RequestObject(info));
  return ThreadTask<bool>::Run(
      info.Env(), "accountApply",
      [transaction = std::move(transaction)](int cancel_fd) {
        account::Apply(transaction, kLockTimeout, cancel_fd);
        return true;
      },
      [](Napi::Env env, bool&) { return env.Undefined(); });
}

}  // namespace

void RegisterAccount(Napi::Env env, Napi::Object exports) {
  exports.Set("accountApply", Napi::Function::New(env, AccountApply, "accountApply"));
}

}  // namespace slapos::binding
