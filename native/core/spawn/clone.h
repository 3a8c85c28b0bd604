#pragma once

#include <sys/types.h>

#include <cstddef>

namespace slapos {

// A private stack for a child that shares our memory, with a guard page below.
class ChildStack {
 public:
  ChildStack();
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  char* Base() const { return base_; }
  char* Top() const { return base_ + kSize; }
  static constexpr size_t kSize = 256 * 1024;

 private:
  char* mapping_;
  char* base_;
};

// Clones a child that shares memory and suspends the calling thread until it execs or exits
// (CLONE_VM | CLONE_VFORK), runs `entry(argument)` in it on `stack` and exits it with 127 when that
// returns. `cgroup` is the folder of the cgroup that it starts in, or -1: where the kernel cannot
// (before Linux 5.7) or the folder is gone, it starts in ours. All signals must be blocked. The
// pidfd is stored in `*pidfd` before the child runs. Returns the pid; throws SysError when no child
// came to be.
pid_t CloneChild(ChildStack& stack, bool share_descriptors, void (*entry)(void*), void* argument,
                 int* pidfd, int cgroup = -1);

}  // namespace slapos
