#include "core/sys/sys_error.h"

#include <cstring>

namespace slapos {

std::string ErrnoName(int err) {
  const char* name = ::strerrorname_np(err);
  return name != nullptr ? name : "E" + std::to_string(err);
}

}  // namespace slapos
