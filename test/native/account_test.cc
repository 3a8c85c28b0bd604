// The account transaction on folders of its own: what it writes, what it refuses, and that a
// refusal changes nothing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/account/transaction.h"
#include "core/sys/unique_fd.h"
#include "native/check.h"

using namespace slapos::account;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const char* const kFiles[] = {"passwd", "group", "shadow", "gshadow"};

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "slapos-account.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    Write("passwd", "root:x:0:0:root:/root:/bin/sh\n");
    Write("group", "root:x:0:\n");
    Write("shadow", "root:*:19000:0:99999:7:::\n");
    Write("gshadow", "root:*::\n");
    fs::permissions(path_ + "/shadow", fs::perms(0640));
  }
  ~Folder() { fs::remove_all(path_); }

  const std::string& Path() const { return path_; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::string All() const {
    std::string text;
    for (const char* name : kFiles) text += Read(name) + "\n";
    return text;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

Transaction On(const Folder& folder) {
  Transaction transaction;
  transaction.etc = folder.Path();
  return transaction;
}

void Run(const Transaction& transaction) { Apply(transaction, 100ms, -1); }

User UserOf(const std::string& name, uint32_t id) {
  return {name, id, id, "", "/srv/" + name, "/bin/sh"};
}

Transaction AddSample(const Folder& folder) {
  Transaction transaction = On(folder);
  transaction.add_groups = {{"slapsoft", 2000}, {"slapuser0", 2001}};
  transaction.add_users = {UserOf("slapsoft", 2000), UserOf("slapuser0", 2001)};
  transaction.add_members = {{"slapsoft", "slapuser0"}};
  return transaction;
}

std::string Today() { return std::to_string(::time(nullptr) / 86400); }

// The transaction must be refused with that errno and leave all files as they were.
slapos::SysError Refused(const Folder& folder, int err, const Transaction& transaction) {
  std::string before = folder.All();
  auto error = CHECK_THROWS(err, Run(transaction));
  CHECK_EQ(folder.All(), before);
  return error;
}

}  // namespace

TEST(users_and_groups_are_added_locked) {
  Folder folder;
  Run(AddSample(folder));
  CHECK_EQ(folder.Read("passwd"),
           "root:x:0:0:root:/root:/bin/sh\n"
           "slapsoft:x:2000:2000::/srv/slapsoft:/bin/sh\n"
           "slapuser0:x:2001:2001::/srv/slapuser0:/bin/sh\n");
  CHECK_EQ(folder.Read("group"), "root:x:0:\nslapsoft:x:2000:slapuser0\nslapuser0:x:2001:\n");
  CHECK_EQ(folder.Read("gshadow"), "root:*::\nslapsoft:!::slapuser0\nslapuser0:!::\n");
  CHECK_EQ(folder.Read("shadow"), "root:*:19000:0:99999:7:::\nslapsoft:!:" + Today() +
                                      "::::::\nslapuser0:!:" + Today() + "::::::\n");
}

TEST(mode_stays_a_backup_is_kept_and_nothing_else_is_left_behind) {
  Folder folder;
  std::string before = folder.Read("shadow");
  Run(AddSample(folder));
  CHECK(fs::status(folder.Path() + "/shadow").permissions() == fs::perms(0640));
  CHECK_EQ(folder.Read("shadow-"), before);
  std::vector<std::string> wanted = {".pwd.lock", "group",   "group-", "gshadow", "gshadow-",
                                     "passwd",    "passwd-", "shadow", "shadow-"};
  CHECK(folder.Names() == wanted);
}

TEST(only_files_that_change_are_rewritten) {
  Folder folder;
  Run(AddSample(folder));
  auto before = fs::last_write_time(folder.Path() + "/group");
  Transaction transaction = On(folder);
  transaction.lock_users = {"slapuser0"};
  transaction.add_members = {{"slapsoft", "slapuser0"}};
  struct stat first, second;
  ::stat((folder.Path() + "/passwd").c_str(), &first);
  Run(transaction);
  ::stat((folder.Path() + "/passwd").c_str(), &second);
  CHECK_EQ(first.st_ino, second.st_ino);
  CHECK(fs::last_write_time(folder.Path() + "/group") == before);
}

TEST(a_stale_temporary_file_is_no_obstacle) {
  Folder folder;
  folder.Write("passwd+", "half a fi");
  Run(AddSample(folder));
  CHECK(folder.Read("passwd").ends_with("slapuser0:x:2001:2001::/srv/slapuser0:/bin/sh\n"));
  CHECK(!fs::exists(folder.Path() + "/passwd+"));
}

TEST(names_and_ids_that_are_taken_are_refused) {
  Folder folder;
  Run(AddSample(folder));
  Transaction name = On(folder);
  name.add_users = {{"slapuser0", 3000, 2001, "", "/", "/bin/sh"}};
  CHECK_EQ(Refused(folder, EEXIST, name).detail(), "user 'slapuser0' exists already");
  Transaction uid = On(folder);
  uid.add_users = {{"other", 2001, 2001, "", "/", "/bin/sh"}};
  CHECK_EQ(Refused(folder, EEXIST, uid).detail(), "uid 2001 belongs to user 'slapuser0'");
  Transaction gid = On(folder);
  gid.add_groups = {{"other", 2000}};
  CHECK_EQ(Refused(folder, EEXIST, gid).detail(), "gid 2000 belongs to group 'slapsoft'");
  Transaction group = On(folder);
  group.add_groups = {{"slapsoft", 3000}};
  Refused(folder, EEXIST, group);
  Transaction twice = On(folder);
  twice.add_groups = {{"a1", 3000}, {"a2", 3000}};
  Refused(folder, EEXIST, twice);
}

TEST(what_does_not_exist_is_refused) {
  Folder folder;
  Transaction change = On(folder);
  change.change_users = {{"ghost", std::nullopt, "/home", std::nullopt}};
  Refused(folder, ENOENT, change);
  Transaction lock = On(folder);
  lock.lock_users = {"ghost"};
  Refused(folder, ENOENT, lock);
  Transaction member = On(folder);
  member.add_members = {{"root", "ghost"}};
  Refused(folder, ENOENT, member);
  Transaction group = On(folder);
  group.add_members = {{"ghosts", "root"}};
  Refused(folder, ENOENT, group);
  Transaction user = On(folder);
  user.add_users = {UserOf("orphan", 5000)};
  CHECK_EQ(Refused(folder, ENOENT, user).detail(), "gid 5000 of user 'orphan' is not in group");
}

TEST(text_that_would_break_the_files_is_refused) {
  Folder folder;
  for (const char* name : {"", "a:b", "a b", "a\nb", "-a", "+a", "a,b", "a/b", "123",
                           "a-name-of-more-than-thirty-two-chars"}) {
    Transaction transaction = On(folder);
    transaction.add_groups = {{name, 2000}};
    Refused(folder, EINVAL, transaction);
  }
  Transaction home = On(folder);
  home.change_users = {{"root", std::nullopt, "/root\nevil:x:0:0::/:/bin/sh", std::nullopt}};
  Refused(folder, EINVAL, home);
  Transaction id = On(folder);
  id.add_groups = {{"all", UINT32_MAX}};
  Refused(folder, EINVAL, id);
}

TEST(users_change_only_where_asked) {
  Folder folder;
  Run(AddSample(folder));
  Transaction transaction = On(folder);
  transaction.change_users = {{"slapuser0", 2000, "/new", std::nullopt}};
  Run(transaction);
  CHECK(folder.Read("passwd").ends_with("slapuser0:x:2001:2000::/new:/bin/sh\n"));
}

TEST(locking_replaces_the_password_and_makes_a_missing_line) {
  Folder folder;
  folder.Write("shadow", "root:$6$hash:19000:0:99999:7:::\n");
  folder.Write("passwd", "root:x:0:0:root:/root:/bin/sh\nlate:x:7:0::/:/bin/sh\n");
  Transaction transaction = On(folder);
  transaction.lock_users = {"root", "late"};
  Run(transaction);
  CHECK_EQ(folder.Read("shadow"), "root:!:19000:0:99999:7:::\nlate:!:" + Today() + "::::::\n");
}

TEST(a_stale_shadow_line_never_gives_its_password_to_a_new_user) {
  Folder folder;
  folder.Write("shadow", "root:*:1::::::\nslapsoft:$6$hash:1::::::\n");
  folder.Write("gshadow", "slapsoft:$6$hash::evil\n");
  Run(AddSample(folder));
  CHECK_EQ(folder.Read("shadow").find("$6$"), std::string::npos);
  CHECK_EQ(folder.Read("gshadow").find("evil"), std::string::npos);
}

TEST(a_group_without_gshadow_line_is_repaired) {
  Folder folder;
  folder.Write("group", "root:x:0:\nslapuser0:x:2001:root\n");
  Transaction transaction = On(folder);
  transaction.add_users = {UserOf("slapuser0", 2001)};
  Run(transaction);
  CHECK_EQ(folder.Read("gshadow"), "root:*::\nslapuser0:!::root\n");
}

TEST(without_shadow_files_the_marker_stands_in_passwd_and_group) {
  Folder folder;
  fs::remove(folder.Path() + "/shadow");
  fs::remove(folder.Path() + "/gshadow");
  Run(AddSample(folder));
  CHECK(folder.Read("passwd").ends_with("slapuser0:!:2001:2001::/srv/slapuser0:/bin/sh\n"));
  CHECK(folder.Read("group").ends_with("slapuser0:!:2001:\n"));
  CHECK(!fs::exists(folder.Path() + "/shadow"));
}

TEST(users_and_groups_are_removed_with_their_memberships) {
  Folder folder;
  std::string before = folder.All();
  Run(AddSample(folder));
  Transaction transaction = On(folder);
  transaction.remove_users = {"slapuser0", "slapsoft", "never-was"};
  transaction.remove_groups = {"slapuser0", "slapsoft", "never-was"};
  Run(transaction);
  CHECK_EQ(folder.All(), before);
}

TEST(a_group_that_is_somebodys_primary_group_stays) {
  Folder folder;
  Transaction transaction = On(folder);
  transaction.remove_groups = {"root"};
  CHECK_EQ(Refused(folder, EBUSY, transaction).detail(),
           "group 'root' is the primary group of 'root'");
}

TEST(a_member_is_added_once) {
  Folder folder;
  Run(AddSample(folder));
  std::string before = folder.All();
  Transaction transaction = On(folder);
  transaction.add_members = {{"slapsoft", "slapuser0"}, {"slapsoft", "slapuser0"}};
  Run(transaction);
  CHECK_EQ(folder.All(), before);
}

TEST(entries_without_final_newline_and_nis_lines_stay_valid) {
  Folder folder;
  folder.Write("passwd", "root:x:0:0:root:/root:/bin/sh\n+::::::");
  folder.Write("group", "root:x:0:");
  Run(AddSample(folder));
  CHECK(
      folder.Read("passwd").ends_with("slapuser0:x:2001:2001::/srv/slapuser0:/bin/sh\n+::::::\n"));
  CHECK(folder.Read("group").starts_with("root:x:0:\nslapsoft:x:2000:slapuser0\n"));
}

TEST(symbolic_links_and_missing_files_are_refused) {
  Folder folder;
  fs::rename(folder.Path() + "/shadow", folder.Path() + "/real");
  fs::create_symlink("real", folder.Path() + "/shadow");
  CHECK_THROWS(ELOOP, Run(AddSample(folder)));
  fs::remove(folder.Path() + "/shadow");
  fs::create_directory(folder.Path() + "/shadow");
  CHECK_THROWS(EINVAL, Run(AddSample(folder)));
  fs::remove(folder.Path() + "/passwd");
  CHECK_THROWS(ENOENT, Run(AddSample(folder)));
  Transaction nowhere;
  nowhere.etc = folder.Path() + "/nowhere";
  CHECK_THROWS(ENOENT, Run(nowhere));
}

// A folder under the backup's name makes the second file's replacement fail after the first is in
// place.
TEST(a_failure_half_way_puts_the_first_files_back) {
  Folder folder;
  fs::create_directories(folder.Path() + "/passwd-/x");
  Transaction transaction = AddSample(folder);
  std::string before = folder.All();
  bool is_refused = false;
  try {
    Run(transaction);
  } catch (const slapos::SysError&) {
    is_refused = true;
  }
  CHECK(is_refused);
  CHECK_EQ(folder.All(), before);
  CHECK(!fs::exists(folder.Path() + "/shadow+"));
}

TEST(the_lock_of_another_is_waited_for_and_then_reported) {
  Folder folder;
  slapos::UniqueFd fd(
      ::open((folder.Path() + "/.pwd.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock range = {};
  range.l_type = F_WRLCK;
  CHECK_EQ(::fcntl(fd.Get(), F_SETLK, &range), 0);
  auto start = std::chrono::steady_clock::now();
  auto error = Refused(folder, ETIMEDOUT, AddSample(folder));
  CHECK(std::chrono::steady_clock::now() - start >= 100ms);
  CHECK(error.detail().find("is held by process " + std::to_string(::getpid())) !=
        std::string::npos);
}

TEST(waiting_for_the_lock_can_be_cancelled) {
  Folder folder;
  slapos::UniqueFd fd(
      ::open((folder.Path() + "/.pwd.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock range = {};
  range.l_type = F_WRLCK;
  CHECK_EQ(::fcntl(fd.Get(), F_SETLK, &range), 0);
  int ends[2];
  CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
  slapos::UniqueFd reader(ends[0]);
  slapos::UniqueFd writer(ends[1]);
  writer.Reset();
  CHECK_THROWS(ECANCELED, Apply(AddSample(folder), 60s, reader.Get()));
}
