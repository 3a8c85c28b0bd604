// Fuzz target: the texts that say where cgroups lie, and names of groups and programs that become
// names of cgroups. A cgroup lies below its mount, and a name is one component and nobody else's.
//
// Input: the lines of mountinfo and those of /proc/self/cgroup, between a form feed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/cgroup/hierarchy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos;
  std::string text(reinterpret_cast<const char*>(data), size);
  size_t feed = text.find('\f');
  std::string mounts = text.substr(0, feed);
  std::string membership = feed == std::string::npos ? "" : text.substr(feed + 1);
  LocateCgroup(mounts, membership);
  for (const std::string& folder :
       LocateCgroup("1 0 0:1 /a /mnt rw - cgroup2 cgroup2 rw\n", membership)) {
    if (folder != "/mnt" && folder.rfind("/mnt/", 0) != 0) std::abort();
  }
  std::string first = EncodeCgroupName(mounts);
  if (first.empty() || first == "." || first == ".." || first == "supervisor") std::abort();
  if (first.find('/') != std::string::npos || first.find('\0') != std::string::npos) std::abort();
  if (mounts != membership && EncodeCgroupName(membership) == first) std::abort();
  return 0;
}
