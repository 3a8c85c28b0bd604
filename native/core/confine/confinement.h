#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/confine/mounts.h"
#include "core/sys/unique_fd.h"

struct sock_fprog;

namespace slapos {

// What a command may not do although its user could.
struct Confinement {
  MountView mounts;
  // Folders beneath which files may be changed; absent: wherever the user may.
  std::optional<std::vector<std::string>> writable;
  bool filters_calls = false;
};

// What of it this machine can do.
struct ConfinementAbilities {
  int landlock = 0;  // its version
  bool mounts = false;
  bool seccomp = false;
};

// Probes once.
const ConfinementAbilities& ProbeConfinement();

// A Confinement made ready for the child, which must not allocate.
struct PreparedConfinement {
  UniqueFd ruleset;                    // empty: no rules
  const sock_fprog* filter = nullptr;  // null: no filter
};

// Throws SysError.
PreparedConfinement Prepare(const Confinement& confinement);

}  // namespace slapos
