// Cgroups: where ours lies, names, and what can be made and removed where a tree is writable.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/cgroup/hierarchy.h"
#include "native/check.h"

using namespace slapos;

namespace {

const char kHybrid[] =
    "30 1 0:26 / /sys/fs/cgroup rw shared:1 - tmpfs tmpfs rw\n"
    "41 30 0:33 / /sys/fs/cgroup/memory rw shared:2 - cgroup cgroup rw,memory\n"
    "45 30 0:37 / /sys/fs/cgroup/uni\\040fied rw shared:3 - cgroup2 cgroup2 rw\n";

}  // namespace

TEST(a_cgroup_is_found_on_its_mount) {
  std::vector<std::string> found =
      LocateCgroup(kHybrid, "4:memory:/x\n0::/system.slice/a.service\n");
  CHECK_EQ(found.size(), size_t{1});
  CHECK_EQ(found[0], std::string("/sys/fs/cgroup/uni fied/system.slice/a.service"));
  CHECK_EQ(LocateCgroup(kHybrid, "0::/\n")[0], std::string("/sys/fs/cgroup/uni fied"));
  CHECK(LocateCgroup(kHybrid, "4:memory:/x\n").empty());
  CHECK(LocateCgroup("", "0::/\n").empty());
}

TEST(a_mount_of_a_part_of_the_tree_shows_what_lies_in_it) {
  const char part[] = "45 30 0:37 /docker/c1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  CHECK_EQ(LocateCgroup(part, "0::/docker/c1/s\n")[0], std::string("/sys/fs/cgroup/s"));
  CHECK(LocateCgroup(part, "0::/other\n").empty());
  CHECK(LocateCgroup(part, "0::/docker/c12/s\n").empty());
  CHECK_EQ(LocateCgroup(part, "0::/docker/c1\n")[0], std::string("/sys/fs/cgroup"));
}

TEST(names_are_one_component_and_no_file_of_the_kernel) {
  CHECK_EQ(EncodeCgroupName("slappart0"), std::string("slappart0"));
  CHECK_EQ(EncodeCgroupName("httpd.sh-on-watch"), std::string("httpd.sh-on-watch"));
  CHECK_EQ(EncodeCgroupName("a/b"), std::string("a%2Fb"));
  CHECK_EQ(EncodeCgroupName(".."), std::string("%-.."));
  CHECK_EQ(EncodeCgroupName(""), std::string("%-"));
  CHECK_EQ(EncodeCgroupName("memory.max"), std::string("%-memory.max"));
  CHECK_EQ(EncodeCgroupName("supervisor"), std::string("%-supervisor"));
  CHECK(EncodeCgroupName("%-supervisor") != EncodeCgroupName("supervisor"));
}

TEST(processes_of_a_group_are_killed_and_it_is_removed) {
  std::string own = FindOwnCgroup();
  std::string folder = own + "/slapos-test-" + std::to_string(::getpid());
  if (own.empty() || ::mkdir(folder.c_str(), 0755) != 0) throw test::Skip{"no writable cgroup v2"};
  std::string inner = folder + "/inner";
  CHECK_EQ(::mkdir(inner.c_str(), 0755), 0);
  CHECK(!IsPopulated(folder));
  pid_t pid = ::fork();
  if (pid == 0) {
    for (;;) ::pause();
  }
  CHECK_EQ(WriteControl(inner, "cgroup.procs", std::to_string(pid)), 0);
  CHECK(IsPopulated(folder));
  CHECK_EQ(ListCgroups(folder).size(), size_t{1});
  CHECK_EQ(RemoveCgroup(folder), EBUSY);
  KillCgroup(folder);
  int status = 0;
  CHECK_EQ(::waitpid(pid, &status, 0), pid);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(RemoveCgroup(folder), 0);
  CHECK_EQ(RemoveCgroup(folder), 0);
  CHECK(!IsDelegated(own + "/nonexistent"));
}
