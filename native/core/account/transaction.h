#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace slapos::account {

struct Group {
  std::string name;
  uint32_t gid = 0;
};

struct User {
  std::string name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string gecos;
  std::string home;
  std::string shell;
};

// An existing user by name; only the fields that are set change.
struct UserChange {
  std::string name;
  std::optional<uint32_t> gid;
  std::optional<std::string> home;
  std::optional<std::string> shell;
};

struct Member {
  std::string group;
  std::string user;
};

// A change of the account files. Removals come first, then additions, changes, locks, members.
struct Transaction {
  std::string etc = "/etc";
  std::vector<Group> add_groups;
  std::vector<User> add_users;
  std::vector<UserChange> change_users;
  std::vector<std::string> lock_users;
  std::vector<Member> add_members;
  std::vector<std::string> remove_users;
  std::vector<std::string> remove_groups;
};

// Applies a transaction, all or nothing, under the lock that lckpwdf(3) takes (`.pwd.lock` in the
// folder, so useradd(8), passwd(1) and systemd-sysusers(8) keep out). Each file that changes is
// written anew, flushed and renamed over the old one, which stays as `NAME-`. Waits for the lock
// up to `lock_timeout`, or until `cancel_fd` (when not negative) becomes readable.
//
// Throws SysError without any change: ETIMEDOUT when the lock is held, EEXIST for a name or id
// already taken, ENOENT for a user or group that does not exist, EBUSY for a group still in use,
// ENOTUNIQ for a name that stands twice, EINVAL for a field that the files cannot hold, or the
// errno of a file operation.
void Apply(const Transaction& transaction, std::chrono::milliseconds lock_timeout, int cancel_fd);

}  // namespace slapos::account
