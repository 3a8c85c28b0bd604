// Confinement: landlock rules, the filter of system calls, views of the mounts.
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "core/confine/confinement.h"
#include "core/confine/landlock.h"
#include "core/confine/seccomp.h"
#include "native/check.h"

using namespace slapos;

namespace {

// The status of a child that runs `act`, which may restrict itself.
int InChild(const std::function<int()>& act) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(act());
  int status = 0;
  CHECK_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string NewFolder() {
  char name[] = "/tmp/slapos-confine-XXXXXX";
  CHECK(::mkdtemp(name) != nullptr);
  return name;
}

int ErrnoOf(long result) { return result >= 0 ? 0 : errno; }

int Touch(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  return ErrnoOf(fd);
}

bool GiveUpPrivileges() { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0; }

}  // namespace

TEST(rules_limit_writing_to_the_folders) {
  if (LandlockVersion() < kLeastLandlockVersion) throw test::Skip{"no landlock"};
  std::string own = NewFolder();
  std::string other = NewFolder();
  UniqueFd ruleset = MakeWriteRuleset({own});
  auto enter = [&] { return GiveUpPrivileges() && EnterRuleset(ruleset.Get()); };
  CHECK_EQ(InChild([&] { return enter() ? Touch(own + "/a") : 99; }), 0);
  CHECK_EQ(InChild([&] { return enter() ? Touch(other + "/a") : 99; }), EACCES);
  CHECK_EQ(InChild([&] { return enter() ? ErrnoOf(::rmdir(other.c_str())) : 99; }), EACCES);
  CHECK_EQ(InChild([&] { return enter() ? ErrnoOf(::open("/", O_RDONLY)) : 99; }), 0);
  CHECK_EQ(InChild([&] { return enter() ? ErrnoOf(::open("/dev/null", O_WRONLY)) : 99; }), 0);
  CHECK_EQ(InChild([&] {
             // Between folders of one rule files may be moved.
             if (!enter() || ::mkdir((own + "/d").c_str(), 0700) != 0) return 99;
             return ErrnoOf(::rename((own + "/a").c_str(), (own + "/d/a").c_str()));
           }),
           0);
  ::unlink((own + "/d/a").c_str());
  ::rmdir((own + "/d").c_str());
  ::rmdir(own.c_str());
  ::rmdir(other.c_str());
}

TEST(rules_name_a_folder_that_is_missing) {
  if (LandlockVersion() < kLeastLandlockVersion) throw test::Skip{"no landlock"};
  CHECK_THROWS(ENOENT, MakeWriteRuleset({"/nonexistent-folder"}));
}

TEST(the_filter_refuses_what_no_service_needs) {
  if (!HasSeccomp()) throw test::Skip{"no seccomp"};
  auto call = [](bool denies_tracing, long number, long a = 0, long b = 0) {
    return InChild([&] {
      if (!GiveUpPrivileges() || !EnterFilter(DenyFilter(denies_tracing))) return 99;
      return ErrnoOf(::syscall(number, a, b, 0L, 0L, 0L));
    });
  };
  for (long number : {SYS_mount, SYS_bpf, SYS_keyctl, SYS_setns, SYS_init_module}) {
    CHECK_EQ(call(false, number), EPERM);
  }
  CHECK_EQ(call(false, 435), ENOSYS);  // clone3
  CHECK_EQ(call(false, SYS_unshare, CLONE_NEWUSER), EPERM);
  CHECK_EQ(call(false, SYS_unshare, CLONE_FILES), 0);
  CHECK_EQ(call(false, SYS_clone, CLONE_NEWUSER | SIGCHLD), EPERM);
  CHECK_EQ(call(false, SYS_ioctl, 0, TIOCSTI), EPERM);
  CHECK_EQ(call(false, SYS_getpid), 0);
  CHECK_EQ(call(true, SYS_process_vm_readv), EPERM);
  CHECK(call(false, SYS_process_vm_readv) != EPERM);
}

TEST(the_filter_fits_the_kernel) {
  // BPF_MAXINSNS
  CHECK(DenyFilter(true).len < 4096);
  CHECK(DenyFilter(true).len > DenyFilter(false).len);
}

TEST(a_view_of_the_mounts_is_private) {
  if (!MayOwnMounts()) throw test::Skip{"no mount namespaces"};
  std::string own = NewFolder();
  std::string hidden = NewFolder();
  MountView view;
  view.read_only = {own};
  view.replaced = {{hidden, own}};
  CHECK_EQ(InChild([&] { return EnterMountView(view) ? Touch(own + "/a") : 99; }), EROFS);
  view.read_only.clear();
  CHECK_EQ(InChild([&] { return EnterMountView(view) ? Touch(hidden + "/b") : 99; }), 0);
  CHECK_EQ(::access((hidden + "/b").c_str(), F_OK), -1);
  CHECK_EQ(::unlink((own + "/b").c_str()), 0);
  view.replaced = {{"/nonexistent-folder", own}};
  CHECK_EQ(InChild([&] { return EnterMountView(view) ? 0 : 99; }), 0);
  view.read_only = {"/nonexistent-folder"};
  CHECK_EQ(InChild([&] { return EnterMountView(view) ? 0 : errno; }), ENOENT);
  ::rmdir(own.c_str());
  ::rmdir(hidden.c_str());
}
