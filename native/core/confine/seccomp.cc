// seccomp(2), Linux 3.17; the filter is classic BPF over struct seccomp_data.
#include "core/confine/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace slapos {

namespace {

#if defined(__x86_64__)
constexpr uint32_t kOwnArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kOwnArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kOwnArchitecture = 0;
#endif

// Numbers that are the same everywhere and that older headers lack.
constexpr uint32_t kIoUringSetup = 425;
constexpr uint32_t kIoUringEnter = 426;
constexpr uint32_t kIoUringRegister = 427;
constexpr uint32_t kOpenTree = 428;
constexpr uint32_t kMoveMount = 429;
constexpr uint32_t kFsopen = 430;
constexpr uint32_t kFsconfig = 431;
constexpr uint32_t kFsmount = 432;
constexpr uint32_t kFspick = 433;
constexpr uint32_t kClone3 = 435;
constexpr uint32_t kPidfdGetfd = 438;
constexpr uint32_t kMountSetattr = 442;
constexpr uint32_t kQuotactlFd = 443;
constexpr uint32_t kOpenTreeAttr = 467;

const uint32_t kDenied[] = {
    // Code into the kernel, and ways to look at it or at other users' work.
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_syslog,
    kIoUringSetup,
    kIoUringEnter,
    kIoUringRegister,
    // Keys of the session that started the supervisor.
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    // Mounts and namespaces.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    kOpenTree,
    kMoveMount,
    kFsopen,
    kFsconfig,
    kFsmount,
    kFspick,
    kMountSetattr,
    kOpenTreeAttr,
    SYS_open_by_handle_at,
    // The machine as a whole.
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_quotactl,
    kQuotactlFd,
    SYS_vhangup,
    SYS_fanotify_init,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

const uint32_t kTracing[] = {SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, kPidfdGetfd};

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

class Builder {
 public:
  explicit Builder(std::vector<sock_filter>* code) : code_(*code) {}

  void Load(size_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)); }
  void Return(uint32_t action) { Add(BPF_RET | BPF_K, 0, 0, action); }
  void ReturnIfEqual(uint32_t value, uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    Return(action);
  }
  void ReturnUnlessEqual(uint32_t value, uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value);
    Return(action);
  }
  void ReturnIfAtLeast(uint32_t value, uint32_t action) {
    Add(BPF_JMP | BPF_JGE | BPF_K, 0, 1, value);
    Return(action);
  }
  // For one call: refused when its argument, compared after `mask`, is not zero. The lower half of
  // an argument is what the kernel looks at for flags and ioctl commands.
  void RefuseFlags(uint32_t call, size_t argument, uint32_t mask) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, call);
    Load(offsetof(seccomp_data, args) + 8 * argument);
    Add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, mask);
    Return(kRefuse);
    Return(kAllow);
  }
  void RefuseValues(uint32_t call, size_t argument, uint32_t first, uint32_t second) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 5, call);
    Load(offsetof(seccomp_data, args) + 8 * argument);
    Add(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, first);
    Add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, second);
    Return(kRefuse);
    Return(kAllow);
  }

 private:
  void Add(unsigned code, uint8_t if_true, uint8_t if_false, uint32_t value) {
    code_.push_back({static_cast<uint16_t>(code), if_true, if_false, value});
  }

  std::vector<sock_filter>& code_;
};

std::vector<sock_filter> BuildFilter(bool denies_tracing) {
  std::vector<sock_filter> code;
  Builder builder(&code);
  builder.Load(offsetof(seccomp_data, arch));
  // Calls of another architecture have other numbers: a 32-bit program would pass the list.
  builder.ReturnUnlessEqual(kOwnArchitecture, kRefuse);
  builder.Load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  builder.ReturnIfAtLeast(0x40000000, kUnknown);  // The x32 numbers.
#endif
  for (uint32_t call : kDenied) builder.ReturnIfEqual(call, kRefuse);
  for (uint32_t call : kTracing) {
    if (denies_tracing) builder.ReturnIfEqual(call, kRefuse);
  }
  builder.ReturnIfEqual(kClone3, kUnknown);
  builder.RefuseFlags(SYS_clone, 0, CLONE_NEWUSER);
  builder.RefuseFlags(SYS_unshare, 0, CLONE_NEWUSER);
  builder.RefuseValues(SYS_ioctl, 1, TIOCSTI, TIOCLINUX);
  builder.Return(kAllow);
  return code;
}

sock_fprog MakeProgram(std::vector<sock_filter>& code) {
  return {static_cast<unsigned short>(code.size()), code.data()};
}

}  // namespace

bool HasSeccomp() {
  uint32_t action = SECCOMP_RET_ERRNO;
  return kOwnArchitecture != 0 &&
         ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

const sock_fprog& DenyFilter(bool denies_tracing) {
  static std::vector<sock_filter> without = BuildFilter(false);
  static std::vector<sock_filter> with = BuildFilter(true);
  static const sock_fprog programs[] = {MakeProgram(without), MakeProgram(with)};
  return programs[denies_tracing ? 1 : 0];
}

bool EnterFilter(const sock_fprog& filter) {
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &filter) == 0;
}

}  // namespace slapos
