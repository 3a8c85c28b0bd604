// The filter of system calls, run here as the kernel would run it (seccomp_run_filters() over
// classic BPF), so that every decision is seen, of any architecture, also where no kernel takes the
// filter: under emulation of another processor.
#include "core/confine/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "native/check.h"

using namespace slapos;

namespace {

#if defined(__x86_64__)
constexpr uint32_t kOwn = AUDIT_ARCH_X86_64;
constexpr uint32_t kForeign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64};
#elif defined(__aarch64__)
constexpr uint32_t kOwn = AUDIT_ARCH_AARCH64;
constexpr uint32_t kForeign[] = {AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64};
#else
#error no filter is known for this processor
#endif

constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t kClone3 = 435;

seccomp_data Call(long number, uint64_t first = 0, uint64_t second = 0) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = kOwn;
  data.args[0] = first;
  data.args[1] = second;
  return data;
}

uint32_t WordAt(const seccomp_data& data, uint32_t offset) {
  CHECK(offset % 4 == 0 && offset + 4 <= sizeof data);
  uint32_t word;
  std::memcpy(&word, reinterpret_cast<const char*>(&data) + offset, sizeof word);
  return word;
}

bool Jumps(const sock_filter& step, uint32_t accumulator) {
  switch (BPF_OP(step.code)) {
    case BPF_JEQ:
      return accumulator == step.k;
    case BPF_JGE:
      return accumulator >= step.k;
    case BPF_JSET:
      return (accumulator & step.k) != 0;
    default:
      throw test::Failure{"a jump that the filter does not use"};
  }
}

// What the filter answers to a call.
uint32_t Judge(const seccomp_data& data, bool denies_tracing = false) {
  const sock_fprog& program = DenyFilter(denies_tracing);
  uint32_t accumulator = 0;
  for (size_t at = 0; at < program.len; ++at) {
    const sock_filter& step = program.filter[at];
    switch (BPF_CLASS(step.code)) {
      case BPF_LD:
        accumulator = WordAt(data, step.k);
        break;
      case BPF_JMP:
        at += Jumps(step, accumulator) ? step.jt : step.jf;
        break;
      case BPF_RET:
        return step.k;
      default:
        throw test::Failure{"an instruction that the filter does not use"};
    }
  }
  throw test::Failure{"the filter has no end"};
}

}  // namespace

TEST(calls_of_services_are_allowed) {
  for (long call : {SYS_read, SYS_write, SYS_openat, SYS_socket, SYS_execve, SYS_exit_group,
                    SYS_wait4, SYS_futex, SYS_clock_gettime, SYS_setgroups}) {
    CHECK_EQ(Judge(Call(call)), static_cast<uint32_t>(SECCOMP_RET_ALLOW));
  }
}

TEST(calls_of_the_machine_are_refused) {
  for (long call : {SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_bpf,
                    SYS_init_module, SYS_finit_module, SYS_kexec_load, SYS_perf_event_open,
                    SYS_keyctl, SYS_reboot, SYS_swapon, SYS_sethostname, SYS_open_by_handle_at}) {
    CHECK_EQ(Judge(Call(call)), kRefuse);
  }
}

TEST(clone3_is_unknown_and_clone_is_refused_a_user_namespace) {
  CHECK_EQ(Judge(Call(kClone3)), kUnknown);
  for (long call : {SYS_clone, SYS_unshare}) {
    CHECK_EQ(Judge(Call(call, CLONE_NEWUSER | CLONE_FS)), kRefuse);
    CHECK_EQ(Judge(Call(call, CLONE_FS)), static_cast<uint32_t>(SECCOMP_RET_ALLOW));
    // The kernel looks at the lower half.
    CHECK_EQ(Judge(Call(call, uint64_t{CLONE_NEWUSER} << 32)),
             static_cast<uint32_t>(SECCOMP_RET_ALLOW));
  }
}

TEST(nothing_is_typed_into_a_terminal) {
  CHECK_EQ(Judge(Call(SYS_ioctl, 0, TIOCSTI)), kRefuse);
  CHECK_EQ(Judge(Call(SYS_ioctl, 0, TIOCLINUX)), kRefuse);
  CHECK_EQ(Judge(Call(SYS_ioctl, 0, uint64_t{1} << 32 | TIOCSTI)), kRefuse);
  CHECK_EQ(Judge(Call(SYS_ioctl, 0, TIOCGWINSZ)), static_cast<uint32_t>(SECCOMP_RET_ALLOW));
}

TEST(tracing_is_refused_where_it_is_to_be) {
  for (long call : {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev}) {
    CHECK_EQ(Judge(Call(call), true), kRefuse);
    CHECK_EQ(Judge(Call(call), false), static_cast<uint32_t>(SECCOMP_RET_ALLOW));
  }
}

TEST(numbers_of_another_architecture_are_refused) {
  for (uint32_t arch : kForeign) {
    seccomp_data data = Call(SYS_read);
    data.arch = arch;
    CHECK_EQ(Judge(data), kRefuse);
  }
#if defined(__x86_64__)
  CHECK_EQ(Judge(Call(0x40000000 + SYS_read)), kUnknown);
#endif
}

TEST(it_is_no_longer_than_the_kernel_takes) {
  for (bool denies_tracing : {false, true}) {
    CHECK(DenyFilter(denies_tracing).len <= BPF_MAXINSNS);
  }
}
