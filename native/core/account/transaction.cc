#include "core/account/transaction.h"

#include <chrono>

#include "core/account/caches.h"
#include "core/account/edit.h"
#include "core/account/lock.h"
#include "core/account/store.h"
#include "core/sys/sys_error.h"

namespace slapos::account {

namespace {

constexpr size_t kPasswdFields = 7;
constexpr size_t kGroupFields = 4;
constexpr size_t kGshadowFields = 4;
constexpr size_t kShadowFields = 9;

struct Files {
  StoredFile passwd;
  StoredFile group;
  std::optional<StoredFile> shadow;
  std::optional<StoredFile> gshadow;
};

StoredFile ReadMandatory(const std::string& path) {
  auto file = ReadStored(path);
  if (!file) throw SysError(ENOENT, "open", path);
  return std::move(*file);
}

Files ReadFiles(const std::string& etc) {
  return {ReadMandatory(etc + "/passwd"), ReadMandatory(etc + "/group"),
          ReadStored(etc + "/shadow"), ReadStored(etc + "/gshadow")};
}

std::optional<Table> OptionalTable(const std::optional<StoredFile>& file, const char* name,
                                   size_t fields) {
  if (!file) return std::nullopt;
  return Table(name, fields, file->text);
}

void AddIfChanged(std::vector<Replacement>& replacements, const StoredFile& file,
                  const Table& table) {
  if (table.IsChanged()) replacements.push_back({&file, table.Text()});
}

void AddGroupFiles(std::vector<Replacement>& replacements, const Files& files,
                   const Tables& tables) {
  AddIfChanged(replacements, files.group, tables.group);
  if (files.gshadow) AddIfChanged(replacements, *files.gshadow, *tables.gshadow);
}

void AddUserFiles(std::vector<Replacement>& replacements, const Files& files,
                  const Tables& tables) {
  AddIfChanged(replacements, files.passwd, tables.passwd);
  if (files.shadow) AddIfChanged(replacements, *files.shadow, *tables.shadow);
}

// A crash between two renames must not leave a user whose group is missing: groups appear before
// users and vanish after them.
std::vector<Replacement> InSafeOrder(const Files& files, const Tables& tables,
                                     const Transaction& transaction) {
  std::vector<Replacement> replacements;
  bool is_removal = !transaction.remove_groups.empty() && transaction.add_groups.empty();
  if (is_removal) AddUserFiles(replacements, files, tables);
  AddGroupFiles(replacements, files, tables);
  if (!is_removal) AddUserFiles(replacements, files, tables);
  return replacements;
}

int64_t DaysSinceEpoch() {
  using Days = std::chrono::duration<int64_t, std::ratio<86400>>;
  return std::chrono::floor<Days>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

void Apply(const Transaction& transaction, std::chrono::milliseconds lock_timeout, int cancel_fd) {
  AccountLock lock(transaction.etc, lock_timeout, cancel_fd);
  Files files = ReadFiles(transaction.etc);
  Tables tables = {Table("passwd", kPasswdFields, files.passwd.text),
                   Table("group", kGroupFields, files.group.text),
                   OptionalTable(files.shadow, "shadow", kShadowFields),
                   OptionalTable(files.gshadow, "gshadow", kGshadowFields)};
  Edit(tables, transaction, DaysSinceEpoch());
  std::vector<Replacement> replacements = InSafeOrder(files, tables, transaction);
  if (replacements.empty()) return;
  ReplaceAll(transaction.etc, replacements);
  if (transaction.etc == "/etc") FlushNameCaches();
}

}  // namespace slapos::account
