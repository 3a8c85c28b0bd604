#pragma once

#include <chrono>
#include <string>

#include "core/sys/unique_fd.h"

namespace slapos::account {

// Holds the lock of the account files of a folder: the record lock on `.pwd.lock` that lckpwdf(3)
// takes. lckpwdf itself is not for us: it uses SIGALRM of the whole process, and its lock belongs
// to the process, so that two of our threads would not keep each other out.
class AccountLock {
 public:
  // Waits up to `timeout`, or until `cancel_fd` (when not negative) becomes readable.
  // Throws SysError ETIMEDOUT (naming the holder when the kernel knows it) or ECANCELED.
  AccountLock(const std::string& etc, std::chrono::milliseconds timeout, int cancel_fd);

 private:
  UniqueFd fd_;
};

}  // namespace slapos::account
