#include "core/account/edit.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/sys/sys_error.h"

namespace slapos::account {

namespace {

// Positions of fields: passwd(5), group(5), gshadow(5), shadow(5).
enum PasswdField { kName, kPassword, kUid, kGid, kGecos, kHome, kShell };
enum GroupField { kGroupGid = 2, kGroupMembers = 3 };
enum GshadowField { kGshadowAdministrators = 2, kGshadowMembers = 3 };

constexpr char kLocked[] = "!";
constexpr char kInShadow[] = "x";
// The limit of useradd(8).
constexpr size_t kMaxName = 32;

[[noreturn]] void Refuse(int err, std::string detail) {
  throw SysError(err, "account", std::move(detail));
}

void CheckText(const std::string& text, const std::string& what) {
  for (unsigned char c : text) {
    if (c == ':' || c < ' ' || c == 0x7f)
      Refuse(EINVAL, what + " '" + text + "' holds a character that account files cannot hold");
  }
}

void CheckName(const std::string& name) {
  // A name of digits would be taken for an id by chown(1) and others.
  bool is_bad = name.find_first_not_of("0123456789") == std::string::npos ||
                name.size() > kMaxName || name.find_first_of("/, ") != std::string::npos ||
                name[0] == '-' || name[0] == '+';
  if (is_bad) Refuse(EINVAL, "'" + name + "' is not a user or group name");
  CheckText(name, "the name");
}

// The highest id stands for "no id" in system calls.
void CheckId(uint32_t id, const std::string& name) {
  if (id == UINT32_MAX) Refuse(EINVAL, "no id was given for '" + name + "'");
}

std::optional<uint32_t> ParseId(const std::string& text) {
  uint32_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

class Editor {
 public:
  Editor(Tables& tables, int64_t today)
      : tables_(tables), changed_(today > 0 ? std::to_string(today) : "") {
    for (const Fields& user : tables_.passwd.Entries()) {
      if (auto uid = ParseId(user[kUid])) names_by_uid_[*uid] = user[kName];
    }
    for (const Fields& group : tables_.group.Entries()) {
      if (auto gid = ParseId(group[kGroupGid])) names_by_gid_[*gid] = group[kName];
    }
  }

  void RemoveUsers(const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::unordered_set<std::string> gone(names.begin(), names.end());
    std::erase_if(names_by_uid_, [&](const auto& user) { return gone.contains(user.second); });
    for (const std::string& name : names) tables_.passwd.Remove(name);
    if (tables_.shadow) {
      for (const std::string& name : names) tables_.shadow->Remove(name);
    }
    RemoveFromLists(tables_.group, {kGroupMembers}, gone);
    if (tables_.gshadow) {
      RemoveFromLists(*tables_.gshadow, {kGshadowAdministrators, kGshadowMembers}, gone);
    }
  }

  void RemoveGroups(const std::vector<std::string>& names) {
    if (names.empty()) return;
    std::unordered_map<std::string, std::string> users_by_gid;
    for (const Fields& user : tables_.passwd.Entries()) users_by_gid[user[kGid]] = user[kName];
    for (const std::string& name : names) {
      if (!tables_.group.Has(name)) continue;
      std::string gid = tables_.group.Get(name)[kGroupGid];
      auto user = users_by_gid.find(gid);
      if (user != users_by_gid.end()) {
        Refuse(EBUSY, "group '" + name + "' is the primary group of '" + user->second + "'");
      }
      if (auto id = ParseId(gid)) names_by_gid_.erase(*id);
      tables_.group.Remove(name);
    }
    if (!tables_.gshadow) return;
    for (const std::string& name : names) tables_.gshadow->Remove(name);
  }

  void AddGroup(const Group& group) {
    CheckName(group.name);
    CheckId(group.gid, group.name);
    if (tables_.group.Has(group.name)) Refuse(EEXIST, "group '" + group.name + "' exists already");
    auto [taken, is_free] = names_by_gid_.emplace(group.gid, group.name);
    if (!is_free)
      Refuse(EEXIST,
             "gid " + std::to_string(group.gid) + " belongs to group '" + taken->second + "'");
    tables_.group.Put(
        {group.name, tables_.gshadow ? kInShadow : kLocked, std::to_string(group.gid), ""});
    PutGshadow(group.name, {});
  }

  void AddUser(const User& user) {
    CheckName(user.name);
    CheckId(user.uid, user.name);
    CheckText(user.gecos, "the comment");
    CheckText(user.home, "the home");
    CheckText(user.shell, "the shell");
    if (tables_.passwd.Has(user.name)) Refuse(EEXIST, "user '" + user.name + "' exists already");
    auto [taken, is_free] = names_by_uid_.emplace(user.uid, user.name);
    if (!is_free)
      Refuse(EEXIST,
             "uid " + std::to_string(user.uid) + " belongs to user '" + taken->second + "'");
    RequireGid(user.gid, user.name);
    tables_.passwd.Put({user.name, tables_.shadow ? kInShadow : kLocked, std::to_string(user.uid),
                        std::to_string(user.gid), user.gecos, user.home, user.shell});
    PutShadow(user.name);
    RepairGshadow(names_by_gid_[user.gid]);
  }

  void ChangeUser(const UserChange& change) {
    Fields fields = tables_.passwd.Get(change.name);
    if (change.gid) {
      RequireGid(*change.gid, change.name);
      fields[kGid] = std::to_string(*change.gid);
    }
    if (change.home) {
      CheckText(*change.home, "the home");
      fields[kHome] = *change.home;
    }
    if (change.shell) {
      CheckText(*change.shell, "the shell");
      fields[kShell] = *change.shell;
    }
    tables_.passwd.Put(fields);
  }

  void LockUser(const std::string& name) {
    Fields fields = tables_.passwd.Get(name);
    if (tables_.shadow && tables_.shadow->Has(name)) {
      Fields shadow = tables_.shadow->Get(name);
      shadow[kPassword] = kLocked;
      tables_.shadow->Put(shadow);
    } else {
      PutShadow(name);
    }
    fields[kPassword] = tables_.shadow ? kInShadow : kLocked;
    tables_.passwd.Put(fields);
  }

  void AddMembers(const std::vector<Member>& members) {
    std::map<std::string, std::vector<std::string>> by_group;
    for (const Member& member : members) {
      if (!tables_.passwd.Has(member.user))
        Refuse(ENOENT, "'" + member.user + "' is not in passwd");
      by_group[member.group].push_back(member.user);
    }
    for (const auto& [group, users] : by_group) {
      AddToList(tables_.group, group, kGroupMembers, users);
      RepairGshadow(group);
      if (tables_.gshadow) AddToList(*tables_.gshadow, group, kGshadowMembers, users);
    }
  }

 private:
  void RequireGid(uint32_t gid, const std::string& user) const {
    if (names_by_gid_.contains(gid)) return;
    Refuse(ENOENT, "gid " + std::to_string(gid) + " of user '" + user + "' is not in group");
  }

  // A fresh locked entry without aging, as `useradd -r` leaves it. It also replaces a stale line of
  // an earlier user of that name, whose password must not come back.
  void PutShadow(const std::string& name) {
    if (!tables_.shadow) return;
    tables_.shadow->Remove(name);
    tables_.shadow->Put({name, kLocked, changed_, "", "", "", "", "", ""});
  }

  void PutGshadow(const std::string& name, const std::vector<std::string>& members) {
    if (!tables_.gshadow) return;
    tables_.gshadow->Remove(name);
    tables_.gshadow->Put({name, kLocked, "", JoinList(members)});
  }

  // A crash between the renames of group and gshadow leaves a group without its gshadow line.
  void RepairGshadow(const std::string& group) {
    if (!tables_.gshadow || tables_.gshadow->Has(group)) return;
    PutGshadow(group, SplitList(tables_.group.Get(group)[kGroupMembers]));
  }

  static void AddToList(Table& table, const std::string& name, size_t field,
                        const std::vector<std::string>& users) {
    Fields fields = table.Get(name);
    std::vector<std::string> list = SplitList(fields[field]);
    std::unordered_set<std::string> present(list.begin(), list.end());
    for (const std::string& user : users) {
      if (present.insert(user).second) list.push_back(user);
    }
    if (list.size() == SplitList(fields[field]).size()) return;
    fields[field] = JoinList(list);
    table.Put(fields);
  }

  static void RemoveFromLists(Table& table, const std::vector<size_t>& list_fields,
                              const std::unordered_set<std::string>& gone) {
    for (Fields& fields : table.Entries()) {
      bool is_changed = false;
      for (size_t field : list_fields) {
        std::vector<std::string> list = SplitList(fields[field]);
        if (std::erase_if(list, [&](const std::string& name) { return gone.contains(name); }) ==
            0) {
          continue;
        }
        fields[field] = JoinList(list);
        is_changed = true;
      }
      if (is_changed) table.Put(fields);
    }
  }

  Tables& tables_;
  // Empty on a machine that believes it is 1970: shadow(5) takes 0 for a password that has to be
  // changed, which keeps cron and su from the account.
  const std::string changed_;
  std::unordered_map<uint32_t, std::string> names_by_uid_;
  std::unordered_map<uint32_t, std::string> names_by_gid_;
};

}  // namespace

void Edit(Tables& tables, const Transaction& transaction, int64_t today) {
  Editor editor(tables, today);
  editor.RemoveUsers(transaction.remove_users);
  editor.RemoveGroups(transaction.remove_groups);
  for (const Group& group : transaction.add_groups) editor.AddGroup(group);
  for (const User& user : transaction.add_users) editor.AddUser(user);
  for (const UserChange& change : transaction.change_users) editor.ChangeUser(change);
  for (const std::string& name : transaction.lock_users) editor.LockUser(name);
  editor.AddMembers(transaction.add_members);
}

}  // namespace slapos::account
