// clone(2), Linux 5.5 for CLONE_CLEAR_SIGHAND. glibc has no wrapper of clone3 that takes a stack.
#include "core/spawn/clone.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr int kFailureStatus = 127;
constexpr size_t kGuardSize = 64 * 1024;

struct Start {
  void (*entry)(void*);
  void* argument;
};

// SAFETY: runs on the child's own stack; what it returns to is the system call that ends the child,
// never the parent's frames.
int EnterChild(void* argument) {
  auto* start = static_cast<Start*>(argument);
  start->entry(start->argument);
  return kFailureStatus;
}

// SAFETY: in the child the kernel has put the stack pointer at the top of the new stack and left
// every other register as it was, so the function and its argument travel in registers that the
// system call preserves. Nothing of the caller's frame is used on the child's side.
#if defined(__x86_64__)
long Clone3(struct clone_args* args, int (*entry)(void*), void* argument) {
  long result;
  register int (*function)(void*) asm("r12") = entry;
  register void* data asm("r13") = argument;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "mov %%eax, %%edi\n\t"
      "mov $60, %%eax\n\t"  // SYS_exit
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(function), "r"(data)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#elif defined(__aarch64__)
long Clone3(struct clone_args* args, int (*entry)(void*), void* argument) {
  register long x0 asm("x0") = reinterpret_cast<long>(args);
  register long x1 asm("x1") = sizeof *args;
  register long x8 asm("x8") = SYS_clone3;
  register int (*function)(void*) asm("x19") = entry;
  register void* data asm("x20") = argument;
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x0, x20\n\t"
      "blr x19\n\t"
      "mov x8, #93\n\t"  // SYS_exit; the status is in x0
      "svc #0\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x1), "r"(x8), "r"(function), "r"(data)
      : "memory", "cc");
  return x0;
}
#else
long Clone3(struct clone_args*, int (*)(void*), void*) { return -ENOSYS; }
#endif

// For kernels and seccomp profiles without clone3: the child resets every disposition by itself,
// so that nothing but CLONE_CLEAR_SIGHAND is missing.
pid_t CloneLegacy(ChildStack& stack, uint64_t flags, Start* start, int* pidfd) {
  auto old_flags = static_cast<int>(flags & ~CLONE_CLEAR_SIGHAND) | SIGCHLD;
  return ::clone(EnterChild, stack.Top(), old_flags, start, pidfd);
}

}  // namespace

ChildStack::ChildStack() {
  void* mapping = ::mmap(nullptr, kGuardSize + kSize, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) ThrowErrno("mmap", "stack of the child");
  mapping_ = static_cast<char*>(mapping);
  base_ = mapping_ + kGuardSize;
  ::mprotect(mapping_, kGuardSize, PROT_NONE);
}

ChildStack::~ChildStack() { ::munmap(mapping_, kGuardSize + kSize); }

pid_t CloneChild(ChildStack& stack, bool share_descriptors, void (*entry)(void*), void* argument,
                 int* pidfd, int cgroup) {
  Start start{entry, argument};
  struct clone_args args = {};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  if (share_descriptors) args.flags |= CLONE_FILES;
  args.pidfd = reinterpret_cast<uint64_t>(pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<uint64_t>(stack.Base());
  args.stack_size = ChildStack::kSize;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(cgroup);
  }
  long result = Clone3(&args, EnterChild, &start);
  if (cgroup >= 0 && result < 0 && result != -EAGAIN && result != -ENOMEM) {
    args.flags &= ~CLONE_INTO_CGROUP;
    args.cgroup = 0;
    result = Clone3(&args, EnterChild, &start);
  }
  if (result == -ENOSYS || result == -EPERM) {
    result = CloneLegacy(stack, args.flags, &start, pidfd);
    if (result < 0) result = -errno;
  }
  if (result < 0) throw SysError(static_cast<int>(-result), "clone");
  return static_cast<pid_t>(result);
}

}  // namespace slapos
