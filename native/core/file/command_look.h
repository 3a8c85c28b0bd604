#pragma once

#include <string>
#include <vector>

namespace slapos {

// What stands under the name of a command, links followed.
struct CommandLook {
  bool exists = false;
  unsigned mode = 0;         // kind and permission bits, stat(2)
  bool may_execute = false;  // access(2) says that we may
};

CommandLook LookAtCommand(const std::string& path);

}  // namespace slapos
