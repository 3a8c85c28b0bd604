#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "core/sys/sys_error.h"

namespace slapos {

struct OwnedRemoval {
  size_t removed = 0;
  // Of entries that stay, such as those with something mounted below.
  std::vector<SysError> failures;
};

// Removes the entries of a folder that belong to a user, with all that they hold, as
// `RemoveBeneath` does. The folder must be root's and sticky, or closed to that user, and none of
// the user's processes may run: then nothing is swapped meanwhile. Nothing is done where
// there is no such folder.
OwnedRemoval RemoveOwned(const std::string& folder, uid_t uid);

}  // namespace slapos
