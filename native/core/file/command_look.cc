#include "core/file/command_look.h"

#include <sys/stat.h>
#include <unistd.h>

namespace slapos {

CommandLook LookAtCommand(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {true, status.st_mode, ::access(path.c_str(), X_OK) == 0};
}

}  // namespace slapos
