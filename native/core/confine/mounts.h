#pragma once

#include <string>
#include <utility>
#include <vector>

namespace slapos {

// How a process sees the file system differently from everybody else.
struct MountView {
  std::vector<std::string> read_only;  // trees that cannot be written, whatever their modes say
  // Pairs (folder, what is seen in its place).
  std::vector<std::pair<std::string, std::string>> replaced;

  bool IsEmpty() const { return read_only.empty() && replaced.empty(); }
};

// Whether this process may give a child a mount namespace of its own. Forks to find out.
bool MayOwnMounts();

// Enters a mount namespace of its own and arranges it. Async-signal-safe; false with errno set.
bool EnterMountView(const MountView& view);

}  // namespace slapos
