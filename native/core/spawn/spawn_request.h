#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/confine/confinement.h"
#include "core/sys/unique_fd.h"

namespace slapos {

constexpr size_t kMaxExtraFds = 2;

// One line of setrlimit(2); RLIM_INFINITY is ~0.
struct ResourceLimit {
  int resource;
  uint64_t soft;
  uint64_t hard;
};

// User, group and supplementary groups that the command takes, all three together.
struct Credentials {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
};

// A line that the new process appends to a file before anything else: `PREFIX PID START SUFFIX`,
// START being its start time in clock ticks since boot. Whoever holds that file open therefore
// knows every process that was cloned, whatever happens to the one that cloned it.
struct BirthRecord {
  int fd;
  std::string prefix;
  std::string suffix;
};

// Everything about a command to start. Nothing is inherited but what stands here.
struct SpawnRequest {
  std::string file;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd;
  std::optional<Credentials> credentials;  // absent: stay who we are
  std::optional<mode_t> umask;
  std::vector<ResourceLimit> limits;
  std::array<UniqueFd, 3> stdio;  // an empty one stands for /dev/null
  std::vector<UniqueFd> extra;    // become fds 3, 4…: at most kMaxExtraFds
  bool new_session = false;       // setsid(2) instead of a process group of its own
  bool same_group = false;        // stay in the caller's group: for commands on our terminal
  bool subreaper = false;         // orphans below the command stay below it as long as it lives
  bool no_new_privs = false;
  UniqueFd cgroup;  // folder of a cgroup (version 2) to start in; empty: ours
  std::optional<Confinement> confinement;  // needs no_new_privs
  std::optional<BirthRecord> birth;
};

// What the child was doing when the kernel refused; the order is that of the child checklist.
enum class SpawnStep : int {
  kNone,
  kDescriptors,
  kSignals,
  kProcessGroup,
  kSession,
  kMounts,
  kStdio,
  kLimits,
  kGroups,
  kGid,
  kUid,
  kDirectory,
  kNoNewPrivs,
  kLandlock,
  kSeccomp,
  kExec,
};

// `setgid` for kGid: the word that errors carry.
const char* StepName(SpawnStep step);

struct StepFailure {
  SpawnStep step;
  int err;
};

// A process that exists, not reaped. With `failure` it never ran the command: it ends with 127.
struct SpawnedChild {
  pid_t pid = -1;
  UniqueFd pidfd;
  std::optional<StepFailure> failure;
  uint64_t start = 0;        // with a birth record: the start time that stands there
  bool is_recorded = false;  // with a birth record: whether it was written
};

}  // namespace slapos
