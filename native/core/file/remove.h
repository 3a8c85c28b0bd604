#pragma once

#include <string>
#include <vector>

namespace slapos {

// Removes what stands at `path` beneath `root`: a file, a link (not its target), or a folder with
// all that it holds. Folders whose mode forbids reading or writing are given 0700 first when they
// are ours. Never follows a link and never enters a mount point (EBUSY). Missing is fine. Uses a
// bounded number of descriptors however deep the tree is. Throws ENOTEMPTY when something keeps
// creating files in it.
void RemoveBeneath(const std::string& root, const std::string& path);

// Removes all that a folder holds, whatever the bytes of the names, but the names of `kept`; the
// path "" is the root itself. Otherwise as `RemoveBeneath`; a link or a file is ENOTDIR.
void EmptyBeneath(const std::string& root, const std::string& path,
                  const std::vector<std::string>& kept);

}  // namespace slapos
