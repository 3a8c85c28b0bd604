#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <utility>

namespace slapos {

// A refusal of the kernel, as data: which call, on what, and why. Core code throws it; the binding
// turns it into a rejected promise. Nothing in core prints or aborts.
class SysError : public std::exception {
 public:
  SysError(int err, std::string syscall, std::string detail = "", std::string extack = "",
           std::string step = "")
      : err_(err),
        syscall_(std::move(syscall)),
        detail_(std::move(detail)),
        extack_(std::move(extack)),
        step_(std::move(step)) {}

  // errno of the failure, positive.
  int err() const { return err_; }
  const std::string& syscall() const { return syscall_; }
  const std::string& detail() const { return detail_; }
  // Text of a netlink extended acknowledgement, or empty.
  const std::string& extack() const { return extack_; }
  // For a spawn: the step of the child that failed, or empty.
  const std::string& step() const { return step_; }
  const char* what() const noexcept override { return syscall_.c_str(); }

 private:
  int err_;
  std::string syscall_;
  std::string detail_;
  std::string extack_;
  std::string step_;
};

// Throws the current errno as a SysError.
[[noreturn]] inline void ThrowErrno(const char* syscall, std::string detail = "") {
  throw SysError(errno, syscall, std::move(detail));
}

// `EEXIST` for 17; `E17`-like text for a number that has no name.
std::string ErrnoName(int err);

}  // namespace slapos
