#pragma once

#include <sys/types.h>

#include <cstddef>

namespace slapos {

// Removes the System V shared memory, semaphores and message queues that a user owns or made.
// Returns how many there were.
size_t RemoveIpcOfUser(uid_t uid);

}  // namespace slapos
