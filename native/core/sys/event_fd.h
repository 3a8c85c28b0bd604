#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// A flag that one thread raises and another polls for (eventfd(2)). Once raised it stays up.
class EventFd {
 public:
  EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) ThrowErrno("eventfd");
  }

  int Fd() const { return fd_.Get(); }

  void Raise() const {
    uint64_t one = 1;
    // Fails only when the counter is full, and then the flag is up already.
    (void)!::write(Fd(), &one, sizeof(one));
  }

 private:
  UniqueFd fd_;
};

}  // namespace slapos
