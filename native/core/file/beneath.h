#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// Paths inside a folder that belongs to somebody we do not trust. `path` is relative to the folder
// `root`; an absolute path, or one with an empty or `..` component, is refused with EINVAL. No call
// follows a symbolic link below `root` (ELOOP) or leaves it (EXDEV). `root` itself is trusted.

// How a path is walked: openat2(2), or one openat(2) per component where openat2 is missing.
enum class WalkMethod { kBest, kByComponent };

// Opens with `flags` of open(2) plus O_CLOEXEC, O_NOCTTY, O_NOFOLLOW and O_NONBLOCK. The path ""
// or "." is the root itself.
UniqueFd OpenBeneath(const std::string& root, const std::string& path, int flags, mode_t mode,
                     WalkMethod method = WalkMethod::kBest);

// The folder that holds `path`, opened for reading, and the last component.
struct Location {
  UniqueFd parent;
  std::string name;
};
Location OpenParent(const std::string& root, const std::string& path,
                    WalkMethod method = WalkMethod::kBest);

// The content of a regular file, nothing when it does not exist. Anything that is not a regular
// file is ELOOP, as a link would be; one longer than `max_bytes` is EFBIG. `status_out` gets what
// fstat(2) said before it was read.
std::optional<std::string> ReadBeneath(const std::string& root, const std::string& path,
                                       size_t max_bytes, struct stat* status_out = nullptr);

// Content or failure; neither for what does not exist.
struct ReadOutcome {
  std::optional<std::string> content;
  std::optional<SysError> failure;
};

// Many files, each for itself.
std::vector<ReadOutcome> ReadAllBeneath(const std::string& root,
                                        const std::vector<std::string>& paths, size_t max_bytes);

constexpr uid_t kKeepUid = static_cast<uid_t>(-1);
constexpr gid_t kKeepGid = static_cast<gid_t>(-1);

// Who owns a new file or folder, and its permission bits; the umask has no say.
struct Ownership {
  mode_t mode;
  uid_t uid = kKeepUid;
  gid_t gid = kKeepGid;
};

// Owner, then mode, which chown(2) may have narrowed. `path` is for the error.
void ApplyOwnership(int fd, const Ownership& ownership, const std::string& path);

// For what is about to be called `name`: the same each time, so that the next writer clears what a
// killed one left.
std::string FixedNameFor(const std::string& name);

// A name that nobody can guess, for what is about to be called `name`.
std::string TemporaryNameFor(const std::string& name);

// Creates a folder, or gives an existing one this mode and owner. An existing folder changes owner
// only where nobody else could have put it there: when the parent is ours; else EPERM.
void MkdirBeneath(const std::string& root, const std::string& path, const Ownership& ownership);

}  // namespace slapos
