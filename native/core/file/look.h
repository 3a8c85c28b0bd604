#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "core/sys/sys_error.h"

namespace slapos {

// What was found, or why not; neither for what does not exist.
template <typename Found>
struct Looked {
  std::optional<Found> found;
  std::optional<SysError> failure;
};

struct TextLook {
  std::string content;
  double modified_ms = 0;  // since 1970
};

// What to look at in one go, by paths relative to the folder `root`, as with OpenBeneath.
struct LookRequest {
  std::string root;
  // Regular files to read; as ReadBeneath.
  std::vector<std::string> texts;
  size_t max_bytes = 0;
  // Folders to list; more than `max_names` entries are E2BIG.
  std::vector<std::string> folders;
  size_t max_names = 0;
  // What stat(2) says. Links are followed, also out of `root`: nothing is read.
  std::vector<std::string> targets;
};

struct LookResult {
  std::vector<Looked<TextLook>> texts;
  std::vector<Looked<std::vector<std::string>>> folders;
  std::vector<Looked<struct stat>> targets;
};

// When the content last changed, in milliseconds since 1970.
double ModifiedMs(const struct stat& status);

// Looks at everything, each for itself. Throws only when `root` itself cannot be opened.
LookResult LookBeneath(const LookRequest& request);

}  // namespace slapos
