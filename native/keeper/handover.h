#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos::keeper {

// A descriptor that is held for the controller as long as the process lives.
struct Kept {
  std::string label;
  UniqueFd fd;
};

// The descriptors of one process; what it is called stands in the journal.
struct InheritedService {
  pid_t pid = -1;
  uint64_t start = 0;
  bool is_child = false;  // of the very process that takes over
  UniqueFd pidfd;
  std::vector<Kept> kept;
};

// What a keeper that takes over gets besides the journal: descriptors, and what no file holds.
// Written by the keeper before it becomes another program, or by the controller of a keeper that
// died; docs/keeper-protocol.md has the lines.
struct Handover {
  std::optional<rlimit> files;  // limit that services get
  UniqueFd journal;             // open and locked; empty: by its name
  unsigned controller_starts = 0;
  std::vector<int> signals;  // that no controller heard
  std::vector<InheritedService> services;
};

// Reads the table that `fd` holds and takes the descriptors that it names, close-on-exec from now
// on. Throws StartError when it is not whole.
Handover ReadHandover(UniqueFd fd);

std::string RenderHandover(const Handover& handover);

}  // namespace slapos::keeper
