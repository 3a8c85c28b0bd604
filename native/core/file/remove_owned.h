#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace slapos {

// Removes the entries of a folder that belong to a user, with all that they hold, as
// `RemoveBeneath` does. The folder must be root's and sticky, or closed to that user, and none of
// the user's processes may run: then nothing is swapped meanwhile. Returns how many there were; 0
// where there is no such folder.
size_t RemoveOwned(const std::string& folder, uid_t uid);

}  // namespace slapos
