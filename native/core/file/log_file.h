#pragma once

#include <string>

#include "core/sys/unique_fd.h"

namespace slapos {

// Opens (or creates, 0644, owned by us) a log for appending, below a folder that an untrusted user
// may write to: no link is followed at the last component, only a regular file with link count 1
// is taken, and a fifo cannot block us. Throws SysError: ELOOP for a link, EMLINK for a second
// name, EINVAL for anything that is not a regular file.
UniqueFd OpenLogFile(const std::string& path);

}  // namespace slapos
