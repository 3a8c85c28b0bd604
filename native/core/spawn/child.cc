// The checklist between clone and exec. Manual pages: close_range(2), rt_sigaction(2),
// credentials(7), execve(2). Everything here runs in a process that shares memory and thread-local
// storage with a suspended parent thread, so: no allocation, no locks, raw system calls for ids
// (glibc's wrappers would signal the parent's other threads, nptl(7)).
#include "core/spawn/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/confine/landlock.h"
#include "core/confine/seccomp.h"

namespace slapos {

namespace {

// struct sigaction as the kernel has it (asm/signal.h), here only to say SIG_DFL.
struct KernelSigaction {
  void* handler;
  unsigned long flags;
  void* restorer;
  uint64_t mask;
};

struct KernelDirent {
  uint64_t ino;
  int64_t off;
  unsigned short length;
  unsigned char type;
  char name[];
};

int ParseNumber(const char* text) {
  int value = 0;
  if (*text == '\0') return -1;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9') return -1;
    value = value * 10 + (*text - '0');
  }
  return value;
}

// Marks every descriptor from `first` on close-on-exec by listing /proc/self/fd: for kernels and
// seccomp profiles without close_range(2).
bool MarkCloseOnExec(int first) {
  int folder = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  alignas(KernelDirent) char buffer[4096];
  for (;;) {
    long length = ::syscall(SYS_getdents64, folder, buffer, sizeof buffer);
    if (length < 0) return false;
    if (length == 0) break;
    for (long at = 0; at < length;) {
      auto* entry = reinterpret_cast<KernelDirent*>(buffer + at);
      int fd = ParseNumber(entry->name);
      if (fd >= first) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      at += entry->length;
    }
  }
  ::close(folder);
  return true;
}

// Start time of this process (proc_pid_stat(5), field 22), 0 where /proc does not tell.
uint64_t ReadOwnStart() {
  constexpr int kFieldsAfterName = 20;
  char text[1024];
  int file = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = ::read(file, text, sizeof text - 1);
  ::close(file);
  if (length <= 0) return 0;
  text[length] = '\0';
  const char* at = ::strrchr(text, ')');
  for (int field = 0; at != nullptr && field < kFieldsAfterName; field++) {
    at = ::strchr(at + 1, ' ');
  }
  uint64_t ticks = 0;
  if (at == nullptr) return 0;
  for (at++; *at >= '0' && *at <= '9'; at++) ticks = ticks * 10 + static_cast<uint64_t>(*at - '0');
  return ticks;
}

// Digits of `value` before `end`; gives where they begin.
char* WriteDigits(uint64_t value, char* end) {
  do {
    *--end = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  return end;
}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(text.c_str());
  result.push_back(nullptr);
  return result;
}

}  // namespace

const char* StepName(SpawnStep step) {
  switch (step) {
    case SpawnStep::kNone:
      return "";
    case SpawnStep::kDescriptors:
      return "descriptors";
    case SpawnStep::kSignals:
      return "signals";
    case SpawnStep::kProcessGroup:
      return "setpgid";
    case SpawnStep::kSession:
      return "setsid";
    case SpawnStep::kMounts:
      return "mounts";
    case SpawnStep::kStdio:
      return "stdio";
    case SpawnStep::kLimits:
      return "rlimit";
    case SpawnStep::kGroups:
      return "setgroups";
    case SpawnStep::kGid:
      return "setgid";
    case SpawnStep::kUid:
      return "setuid";
    case SpawnStep::kDirectory:
      return "chdir";
    case SpawnStep::kNoNewPrivs:
      return "noNewPrivs";
    case SpawnStep::kLandlock:
      return "landlock";
    case SpawnStep::kSeccomp:
      return "seccomp";
    case SpawnStep::kExec:
      return "exec";
  }
  return "";
}

ChildPlan::ChildPlan(const SpawnRequest& request, std::vector<int> slots, unsigned first_hidden,
                     bool shares_descriptors, const PreparedConfinement& confinement,
                     int ruleset_slot)
    : request_(request),
      argv_(Pointers(request.args)),
      envp_(Pointers(request.env)),
      slots_(std::move(slots)),
      first_hidden_(first_hidden),
      shares_descriptors_(shares_descriptors),
      filter_(confinement.filter),
      ruleset_slot_(ruleset_slot) {}

bool ChildPlan::Fail(SpawnStep step) {
  err_ = errno == 0 ? EINVAL : errno;
  step_ = step;
  return false;
}

// First of all, while the descriptors are those of the parent: a lock on the file is held until
// this line stands in it, even when the parent has been killed.
void ChildPlan::RecordBirth() {
  if (!request_.birth) return;
  const BirthRecord& birth = *request_.birth;
  uint64_t start = ReadOwnStart();
  start_ = start;
  char numbers[64];
  char* end = numbers + sizeof numbers;
  char* at = end;
  *--at = ' ';
  at = WriteDigits(start, at);
  *--at = ' ';
  at = WriteDigits(static_cast<uint64_t>(::syscall(SYS_getpid)), at);
  *--at = ' ';
  const iovec parts[] = {
      {const_cast<char*>(birth.prefix.data()), birth.prefix.size()},
      {at, static_cast<size_t>(end - at)},
      {const_cast<char*>(birth.suffix.data()), birth.suffix.size()},
  };
  auto size = static_cast<ssize_t>(birth.prefix.size() + parts[1].iov_len + birth.suffix.size());
  is_recorded_ = ::writev(birth.fd, parts, 3) == size;
}

void ChildPlan::RunInChild() {
  RecordBirth();
  if (!HideDescriptors() || !ResetSignals() || !EnterGroup() || !EnterMounts() || !PlaceStdio() ||
      !ApplyLimits() || !TakeIds() || !Enter() || !Confine()) {
    return;
  }
  ::execve(request_.file.c_str(), const_cast<char* const*>(argv_.data()),
           const_cast<char* const*>(envp_.data()));
  Fail(SpawnStep::kExec);
}

// The table is shared with the parent until this call copies the little that lies below
// `first_hidden_`: with thousands of open descriptors that is what makes spawning cheap.
bool ChildPlan::HideDescriptors() {
  if (!shares_descriptors_) return true;
  if (::syscall(SYS_close_range, first_hidden_, ~0U, CLOSE_RANGE_UNSHARE) == 0) return true;
  return Fail(SpawnStep::kDescriptors);
}

// CLONE_CLEAR_SIGHAND leaves ignored signals ignored, and Node ignores SIGPIPE and SIGXFSZ.
bool ChildPlan::ResetSignals() {
  KernelSigaction action;
  ::memset(&action, 0, sizeof action);
  for (int number = 1; number <= 64; number++) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (::syscall(SYS_rt_sigaction, number, &action, nullptr, sizeof action.mask) != 0) {
      return Fail(SpawnStep::kSignals);
    }
  }
  uint64_t nothing = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &nothing, nullptr, sizeof nothing) != 0) {
    return Fail(SpawnStep::kSignals);
  }
  return true;
}

bool ChildPlan::EnterGroup() {
  // Kept over execve(2), not inherited by children: prctl(2), Linux 3.4.
  if (request_.subreaper && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return Fail(SpawnStep::kProcessGroup);
  }
  if (request_.new_session) return ::setsid() >= 0 || Fail(SpawnStep::kSession);
  if (request_.same_group) return true;
  return ::setpgid(0, 0) == 0 || Fail(SpawnStep::kProcessGroup);
}

// Needs the privileges of the parent, so before the ids.
bool ChildPlan::EnterMounts() {
  if (!request_.confinement || request_.confinement->mounts.IsEmpty()) return true;
  return EnterMountView(request_.confinement->mounts) || Fail(SpawnStep::kMounts);
}

bool ChildPlan::PlaceStdio() {
  int count = static_cast<int>(slots_.size());
  // Ascending, since a target may be the slot of an earlier one.
  for (int fd = 0; fd < count; fd++) {
    if (::dup3(slots_[static_cast<size_t>(fd)], fd, 0) < 0) return Fail(SpawnStep::kStdio);
  }
  if (ruleset_slot_ >= 0) {
    // Right above the streams until exec closes it.
    if (::dup3(ruleset_slot_, count, O_CLOEXEC) < 0) return Fail(SpawnStep::kStdio);
    ruleset_slot_ = count++;
  }
  if (::syscall(SYS_close_range, static_cast<unsigned>(count), ~0U, 0U) == 0) return true;
  return MarkCloseOnExec(count) || Fail(SpawnStep::kDescriptors);
}

bool ChildPlan::ApplyLimits() {
  for (const ResourceLimit& limit : request_.limits) {
    uint64_t values[2] = {limit.soft, limit.hard};
    if (::syscall(SYS_prlimit64, 0, limit.resource, values, nullptr) != 0) {
      return Fail(SpawnStep::kLimits);
    }
  }
  if (request_.umask) ::umask(*request_.umask);
  return true;
}

bool ChildPlan::TakeIds() {
  if (!request_.credentials) return true;
  const Credentials& ids = *request_.credentials;
  if (::syscall(SYS_setgroups, ids.groups.size(), ids.groups.data()) != 0) {
    return Fail(SpawnStep::kGroups);
  }
  if (::syscall(SYS_setresgid, ids.gid, ids.gid, ids.gid) != 0) return Fail(SpawnStep::kGid);
  if (::syscall(SYS_setresuid, ids.uid, ids.uid, ids.uid) != 0) return Fail(SpawnStep::kUid);
  return true;
}

// The directory comes after the ids, so that the user's own rights decide.
bool ChildPlan::Enter() {
  if (!request_.cwd.empty() && ::chdir(request_.cwd.c_str()) != 0) {
    return Fail(SpawnStep::kDirectory);
  }
  if (request_.no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Fail(SpawnStep::kNoNewPrivs);
  }
  return true;
}

// The filter is the last: what it refuses includes steps above.
bool ChildPlan::Confine() {
  if (ruleset_slot_ >= 0 && !EnterRuleset(ruleset_slot_)) return Fail(SpawnStep::kLandlock);
  if (filter_ != nullptr && !EnterFilter(*filter_)) return Fail(SpawnStep::kSeccomp);
  return true;
}

}  // namespace slapos
