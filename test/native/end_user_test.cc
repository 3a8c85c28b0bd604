// Ending everything that a user runs and left, as root.
#include "core/spawn/end_user.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>

#include "core/file/remove_owned.h"
#include "core/sys/sysv_ipc.h"
#include "native/check.h"
#include "native/scratch.h"

using namespace slapos;

namespace {

constexpr uid_t kUser = 71'234;
constexpr uid_t kOther = 71'235;
constexpr int kPatienceMs = 10'000;

void RequireRoot() {
  if (::geteuid() != 0) throw slapos::test::Skip{"needs root"};
}

// A child of this process; returns when `prepare` has succeeded in it, then it goes on to `act`.
template <typename Prepare, typename Act>
pid_t Fork(Prepare prepare, Act act) {
  int ends[2];
  CHECK_EQ(::pipe(ends), 0);
  pid_t pid = ::fork();
  if (pid == 0) {
    if (!prepare() || ::write(ends[1], "", 1) != 1) ::_exit(1);
    act();
    ::_exit(0);
  }
  char byte;
  ::close(ends[1]);
  bool is_ready = ::read(ends[0], &byte, 1) == 1;
  ::close(ends[0]);
  CHECK(is_ready);
  return pid;
}

template <typename Act>
pid_t RunAs(uid_t uid, Act act) {
  return Fork([uid] { return ::setgid(uid) == 0 && ::setuid(uid) == 0; }, act);
}

// A test that fails leaves nobody behind for ever.
constexpr time_t kLifetimeSeconds = 30;

void WaitLong() { ::sleep(kLifetimeSeconds); }

// Each child takes the place of its parent, so that there is always one that nobody has seen yet.
void ForkOn() {
  for (time_t end = ::time(nullptr) + kLifetimeSeconds; ::time(nullptr) < end;) {
    pid_t child = ::fork();
    if (child > 0) ::_exit(0);
  }
}

// Root's process to which those orphans fall, since an init of a container may leave them unreaped.
template <typename Act>
pid_t KeepOrphansOf(uid_t uid, int count, Act act) {
  auto start = [=] {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::signal(SIGCHLD, SIG_IGN);
    for (int index = 0; index < count; index++) RunAs(uid, act);
    return true;
  };
  return Fork(start, WaitLong);
}

void SignalEverybody() {
  for (time_t end = ::time(nullptr) + kLifetimeSeconds; ::time(nullptr) < end;) ::kill(-1, SIGKILL);
}

}  // namespace

TEST(processes_that_fork_without_end_are_ended) {
  RequireRoot();
  pid_t waiting = RunAs(kUser, WaitLong);
  pid_t other = RunAs(kOther, WaitLong);
  pid_t keeper = KeepOrphansOf(kUser, 4, ForkOn);
  UserEnd end = EndProcessesOfUser(kUser, kPatienceMs, -1);
  CHECK(end.found >= 1);
  CHECK_EQ(end.left, 0U);
  int status = 0;
  CHECK_EQ(::waitpid(waiting, &status, 0), waiting);
  CHECK_EQ(WTERMSIG(status), SIGKILL);
  CHECK_EQ(EndProcessesOfUser(kUser, kPatienceMs, -1).found, 0U);
  CHECK_EQ(::waitpid(other, &status, WNOHANG), 0);
  CHECK_EQ(::geteuid(), 0U);
  CHECK_EQ(::setuid(0), 0);
  ::kill(other, SIGKILL);
  ::kill(keeper, SIGKILL);
  while (::wait(nullptr) > 0) continue;
}

TEST(processes_that_kill_whom_they_may_are_ended) {
  RequireRoot();
  RunAs(kUser, SignalEverybody);
  CHECK_EQ(EndProcessesOfUser(kUser, kPatienceMs, -1).left, 0U);
  while (::wait(nullptr) > 0) continue;
}

TEST(containers_with_the_same_users_are_left_alone) {
  RequireRoot();
  pid_t init = Fork(
      [] {
        if (::unshare(CLONE_NEWPID) != 0) return false;
        RunAs(kUser, [] {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          WaitLong();
        });
        return true;
      },
      WaitLong);
  pid_t waiting = RunAs(kUser, WaitLong);
  UserEnd end = EndProcessesOfUser(kUser, kPatienceMs, -1);
  CHECK_EQ(end.contained, 1U);
  CHECK_EQ(end.found, 1U);
  CHECK_EQ(end.left, 0U);
  int status = 0;
  CHECK_EQ(::waitpid(waiting, &status, 0), waiting);
  ::kill(init, SIGKILL);
  CHECK_EQ(::waitpid(init, &status, 0), init);
}

TEST(root_and_the_caller_are_refused) {
  CHECK_THROWS(EINVAL, EndProcessesOfUser(0, kPatienceMs, -1));
  CHECK_THROWS(EINVAL, EndProcessesOfUser(::geteuid(), kPatienceMs, -1));
}

TEST(shared_memory_of_the_user_is_removed) {
  RequireRoot();
  int ends[2];
  CHECK_EQ(::pipe(ends), 0);
  pid_t child = RunAs(kUser, [&ends] {
    int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    if (::write(ends[1], &id, sizeof id) != sizeof id) ::_exit(1);
  });
  int id = -1;
  CHECK_EQ(::read(ends[0], &id, sizeof id), static_cast<ssize_t>(sizeof id));
  CHECK_EQ(::waitpid(child, nullptr, 0), child);
  int mine = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  CHECK_EQ(RemoveIpcOfUser(kUser), 1U);
  shmid_ds facts = {};
  CHECK_EQ(::shmctl(id, IPC_STAT, &facts), -1);
  CHECK_EQ(::shmctl(mine, IPC_STAT, &facts), 0);
  ::shmctl(mine, IPC_RMID, nullptr);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(entries_of_the_user_are_removed_and_those_of_others_stay) {
  RequireRoot();
  slapos::test::Scratch scratch;
  std::string folder = scratch.Root();
  auto own = [&folder](const std::string& name, uid_t uid) {
    CHECK_EQ(::lchown((folder + "/" + name).c_str(), uid, uid), 0);
  };
  CHECK_EQ(::mkdir((folder + "/tree").c_str(), 0700), 0);
  CHECK_EQ(::symlink("/etc", (folder + "/tree/link").c_str()), 0);
  CHECK_EQ(::symlink(folder.c_str(), (folder + "/bytes\xff\n").c_str()), 0);
  CHECK_EQ(::mkdir((folder + "/others").c_str(), 0700), 0);
  own("tree", kUser);
  own("bytes\xff\n", kUser);
  own("others", kOther);
  CHECK_EQ(RemoveOwned(folder, kUser).removed, 2U);
  CHECK_EQ(::access((folder + "/tree").c_str(), F_OK), -1);
  CHECK_EQ(::access((folder + "/others").c_str(), F_OK), 0);
  CHECK_EQ(RemoveOwned(folder + "/none", kUser).removed, 0U);
}
