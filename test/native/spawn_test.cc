// Spawning: the child checklist, step errors, pidfds; as root also the change of user.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>

#include "core/spawn/exit_watcher.h"
#include "core/spawn/process_signal.h"
#include "core/spawn/spawner.h"
#include "native/check.h"

using namespace slapos;

namespace {

SpawnRequest Shell(const std::string& script) {
  SpawnRequest request;
  request.file = "/bin/sh";
  request.args = {"sh", "-c", script};
  request.env = {"PATH=/usr/bin:/bin"};
  request.cwd = "/";
  return request;
}

SpawnResult Start(Spawner& spawner, SpawnRequest request) {
  std::promise<SpawnResult> promise;
  auto future = promise.get_future();
  spawner.Submit(std::move(request), [&promise](const SpawnRequest&, SpawnResult result) {
    promise.set_value(std::move(result));
  });
  return future.get();
}

SpawnedChild StartChild(Spawner& spawner, SpawnRequest request) {
  SpawnResult result = Start(spawner, std::move(request));
  if (auto* error = std::get_if<SysError>(&result)) throw *error;
  return std::move(std::get<SpawnedChild>(result));
}

ProcessEnd Await(const SpawnedChild& child) {
  ProcessEnd end = {};
  CHECK(ReapByPidfd(child.pidfd.Get(), true, &end));
  return end;
}

// What the shell writes.
std::string Output(Spawner& spawner, SpawnRequest request) {
  int ends[2];
  CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  request.stdio[1].Reset(ends[1]);
  SpawnedChild child = StartChild(spawner, std::move(request));
  std::string text;
  char buffer[4096];
  ssize_t length;
  while ((length = ::read(read_end.Get(), buffer, sizeof buffer)) > 0) text.append(buffer, length);
  CHECK_EQ(Await(child).status, 0);
  return text;
}

// A file system whose server never answers, as that of a host that went away, in a mount namespace
// of this process; gone when it is destroyed.
class DeadFileSystem {
 public:
  DeadFileSystem() {
    if (::geteuid() != 0) throw slapos::test::Skip{"needs root"};
    server_.Reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    bool is_private =
        ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    std::string options =
        "fd=" + std::to_string(server_.Get()) + ",rootmode=40000,user_id=0,group_id=0";
    CHECK(::mkdtemp(path_.data()) != nullptr);
    if (!server_ || !is_private ||
        ::mount("dead", path_.c_str(), "fuse", 0, options.c_str()) != 0) {
      ::rmdir(path_.c_str());
      throw slapos::test::Skip{"FUSE cannot be mounted here"};
    }
  }
  ~DeadFileSystem() {
    ::umount2(path_.c_str(), MNT_DETACH);
    ::rmdir(path_.c_str());
  }
  const std::string& Path() const { return path_; }

 private:
  UniqueFd server_;
  std::string path_ = "/tmp/slapos-dead-XXXXXX";
};

}  // namespace

TEST(a_command_runs_and_its_end_is_known) {
  Spawner spawner;
  CHECK_EQ(Await(StartChild(spawner, Shell("exit 7"))).status, 7);
  ProcessEnd end = Await(StartChild(spawner, Shell("kill -TERM $$")));
  CHECK_EQ(end.status, -1);
  CHECK_EQ(end.signal, SIGTERM);
}

TEST(the_child_has_only_its_own_descriptors) {
  Spawner spawner;
  int high = ::fcntl(STDERR_FILENO, F_DUPFD, 200);
  int low = ::dup(STDERR_FILENO);
  std::string text = Output(spawner, Shell("for f in /proc/self/fd/*; do echo ${f##*/}; done"));
  CHECK_EQ(text, "0\n1\n2\n3\n");
  ::close(high);
  ::close(low);
}

TEST(extra_descriptors_start_at_three) {
  Spawner spawner;
  int ends[2];
  CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  SpawnRequest request = Shell("echo extra >&4; exec 4>&-");
  request.extra.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  request.extra.emplace_back(ends[1]);
  CHECK_EQ(Await(StartChild(spawner, std::move(request))).status, 0);
  char buffer[16];
  CHECK_EQ(::read(read_end.Get(), buffer, sizeof buffer), 6);
  CHECK_EQ(::read(read_end.Get(), buffer, sizeof buffer), 0);
}

TEST(signals_are_as_at_the_birth_of_a_session) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGUSR2, [](int) {});
  Spawner spawner;
  std::string text = Output(spawner, Shell("cat /proc/self/status"));
  for (const char* name : {"SigBlk:\t", "SigIgn:\t", "SigCgt:\t"}) {
    size_t at = text.find(name);
    CHECK(at != std::string::npos);
    CHECK_EQ(text.substr(at + 8, 16), "0000000000000000");
  }
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGUSR2, SIG_DFL);
}

TEST(a_failure_names_its_step_and_ends_with_127) {
  Spawner spawner;
  struct Wanted {
    SpawnStep step;
    int err;
    void (*change)(SpawnRequest&);
  };
  const Wanted cases[] = {
      {SpawnStep::kExec, ENOENT, [](SpawnRequest& request) { request.file = "/nonexistent"; }},
      {SpawnStep::kDirectory, ENOTDIR, [](SpawnRequest& request) { request.cwd = "/etc/passwd"; }},
      {SpawnStep::kLimits, EINVAL,
       [](SpawnRequest& request) {
         request.limits.push_back({RLIMIT_NOFILE, 9, 8});
       }},
  };
  for (const Wanted& wanted : cases) {
    SpawnRequest request = Shell("true");
    wanted.change(request);
    SpawnedChild child = StartChild(spawner, std::move(request));
    CHECK(child.failure.has_value());
    CHECK_EQ(StepName(child.failure->step), std::string(StepName(wanted.step)));
    CHECK_EQ(child.failure->err, wanted.err);
    CHECK_EQ(Await(child).status, 127);
  }
}

TEST(root_can_give_a_child_other_ids) {
  if (::geteuid() != 0) throw slapos::test::Skip{"not root"};
  Spawner spawner;
  SpawnRequest request = Shell("id -u; id -g; id -G");
  request.credentials = Credentials{40123, 40124, {40124, 7}};
  CHECK_EQ(Output(spawner, std::move(request)), "40123\n40124\n40124 7\n");
  SpawnRequest refused = Shell("true");
  refused.credentials = Credentials{40123, 40124, std::vector<gid_t>(70000, 1)};
  SpawnedChild child = StartChild(spawner, std::move(refused));
  CHECK(child.failure->step == SpawnStep::kGroups);
  Await(child);
}

TEST(many_children_one_after_the_other) {
  Spawner spawner;
  for (int round = 0; round < 200; round++) {
    SpawnRequest request = Shell("");
    request.file = "/bin/true";
    CHECK_EQ(Await(StartChild(spawner, std::move(request))).status, 0);
  }
}

TEST(a_spawner_that_goes_away_drops_what_waits) {
  std::atomic<int> started = 0;
  {
    Spawner spawner;
    for (int index = 0; index < 50; index++) {
      spawner.Submit(Shell("true"), [&started](const SpawnRequest&, SpawnResult result) {
        started++;
        ProcessEnd end;
        ReapByPidfd(std::get<SpawnedChild>(result).pidfd.Get(), true, &end);
      });
    }
  }
  CHECK(started <= 50);
}

TEST(a_child_that_does_not_reach_exec_does_not_hold_up_others) {
  DeadFileSystem dead;
  std::atomic<int> stuck = 5;
  {
    Spawner spawner;
    for (int index = 0; index < 5; index++) {
      SpawnRequest request = Shell("exit 0");
      if (index % 2 == 0) request.file = dead.Path() + "/program";
      if (index % 2 == 1) request.cwd = dead.Path() + "/home";
      spawner.Submit(std::move(request), [&stuck](const SpawnRequest&, SpawnResult) { stuck--; });
    }
    auto start = std::chrono::steady_clock::now();
    for (int index = 0; index < 20; index++) {
      CHECK_EQ(Await(StartChild(spawner, Shell("exit 3"))).status, 3);
    }
    auto waited = std::chrono::steady_clock::now() - start;
    CHECK(waited < std::chrono::seconds(2));
    CHECK_EQ(stuck.load(), 5);
  }
  CHECK_EQ(stuck.load(), 0);
}

TEST(the_watcher_hears_every_end_and_signals_groups) {
  std::promise<int> first;
  std::atomic<int> ends = 0;
  Spawner spawner;
  ExitWatcher watcher([&](pid_t, ProcessEnd end) {
    if (ends++ == 0) first.set_value(end.signal);
  });
  SpawnedChild child = StartChild(spawner, Shell("sleep 100 & wait"));
  pid_t pid = child.pid;
  watcher.Register(pid, std::move(child.pidfd));
  watcher.Watch(pid);
  CHECK(!watcher.Signal(1, SIGTERM, false));
  CHECK(watcher.Signal(pid, SIGKILL, true));
  CHECK_EQ(first.get_future().get(), SIGKILL);
  CHECK(!watcher.Signal(pid, SIGKILL, true));
}

TEST(children_that_outlive_their_watcher_are_reaped_by_the_next) {
  int ends[2];
  CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd write_end(ends[1]);
  Spawner spawner;
  SpawnRequest request = Shell("read line");
  request.stdio[0].Reset(ends[0]);
  SpawnedChild child = StartChild(spawner, std::move(request));
  UniqueFd pidfd(::fcntl(child.pidfd.Get(), F_DUPFD_CLOEXEC, 3));
  {
    ExitWatcher first([](pid_t, ProcessEnd) {});
    first.Register(child.pid, std::move(child.pidfd));
    first.Watch(child.pid);
  }
  write_end.Reset();
  siginfo_t info = {};
  auto id = static_cast<id_t>(pidfd.Get());
  CHECK_EQ(::waitid(P_PIDFD, id, &info, WEXITED | WNOWAIT), 0);
  ExitWatcher second([](pid_t, ProcessEnd) {});
  CHECK_EQ(::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT), -1);
  CHECK_EQ(errno, ECHILD);
}
