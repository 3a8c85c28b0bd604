// landlock(7), Linux 5.13; numbers from linux/landlock.h, which older distributions lack.
#include "core/confine/landlock.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kAskVersion = 1;
constexpr int kRulePathBeneath = 1;

constexpr uint64_t kWriteFile = 1ULL << 1;
// remove folder, remove file, make device, folder, file, socket, fifo, block device, link.
constexpr uint64_t kChangeFolder = 0x1FF0ULL;
constexpr uint64_t kRefer = 1ULL << 13;
constexpr uint64_t kTruncate = 1ULL << 14;  // version 3

struct RulesetAttribute {
  uint64_t handled_access_fs;
};

struct __attribute__((packed)) PathBeneathAttribute {
  uint64_t allowed_access;
  int32_t parent_fd;
};

uint64_t WriteRights() { return kWriteFile | (LandlockVersion() >= 3 ? kTruncate : 0); }

uint64_t AllRights() { return WriteRights() | kChangeFolder | kRefer; }

void Allow(int ruleset, const std::string& folder, uint64_t rights, bool is_required) {
  UniqueFd fd(::open(folder.c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY));
  if (!fd) {
    if (!is_required) return;
    ThrowErrno("open", folder);
  }
  PathBeneathAttribute rule = {rights, fd.Get()};
  if (::syscall(kAddRule, ruleset, kRulePathBeneath, &rule, 0U) != 0) {
    ThrowErrno("landlock_add_rule", folder);
  }
}

}  // namespace

int LandlockVersion() {
  static const long version = ::syscall(kCreateRuleset, nullptr, 0UL, kAskVersion);
  return version < 0 ? 0 : static_cast<int>(version);
}

UniqueFd MakeWriteRuleset(const std::vector<std::string>& folders) {
  RulesetAttribute attribute = {AllRights()};
  UniqueFd ruleset(static_cast<int>(::syscall(kCreateRuleset, &attribute, sizeof attribute, 0U)));
  if (!ruleset) ThrowErrno("landlock_create_ruleset");
  for (const std::string& folder : folders) Allow(ruleset.Get(), folder, AllRights(), true);
  // Terminals, null and the like; what a process tells the kernel about itself.
  for (const char* folder : {"/dev", "/proc"}) Allow(ruleset.Get(), folder, WriteRights(), false);
  // Shared memory and message queues of POSIX.
  for (const char* folder : {"/dev/shm", "/dev/mqueue"}) {
    Allow(ruleset.Get(), folder, AllRights(), false);
  }
  return ruleset;
}

bool EnterRuleset(int ruleset) { return ::syscall(kRestrictSelf, ruleset, 0U) == 0; }

}  // namespace slapos
