#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/sys/unique_fd.h"

namespace slapos {

// Where a log lies. Many lie in folders that belong to the service's user, so nothing is trusted
// below the first folder that somebody else may write to: no link is followed there.
struct LogPlace {
  std::string path;
  UniqueFd folder;  // O_PATH; names in it stay in it whatever is renamed elsewhere
  std::string name;
  bool is_trusted = false;  // nobody else can put something under the name
};

// Finds the folder of an absolute path. Throws ELOOP for a link and EINVAL for `..` where somebody
// else may write.
LogPlace FindLog(const std::string& path);

// Opens the log with `flags` of open(2) plus O_CLOEXEC and O_NOCTTY, and never waits for a fifo's
// other end (ENXIO). Where somebody else may put something under the name: ELOOP for a link, EMLINK
// for a file with another name, EINVAL for what is no regular file, and with `owner` EPERM for what
// belongs neither to that user nor to us: what a third user owns is not for a service to fill.
UniqueFd OpenLog(const LogPlace& place, int flags, mode_t mode,
                 std::optional<uid_t> owner = std::nullopt);

}  // namespace slapos
