#pragma once

#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "core/sys/unique_fd.h"
#include "keeper/options.h"

namespace slapos::keeper {

// A reason not to start, in the words for the operator.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The control socket: listening before anybody can see it, and removed only while it is ours.
class Listener {
 public:
  // Binds to a temporary name, sets mode and owner, links it into place. A socket on which nobody
  // listens any more is replaced. Throws StartError when somebody does.
  static Listener Bind(const std::string& path, mode_t mode, const std::optional<Owner>& owner);
  // Takes a socket that is listening already, bound to `path`.
  static Listener Adopt(int fd, const std::string& path);

  int Fd() const { return fd_.Get(); }
  // Removes the name if it still leads to this socket.
  void Unlink();

 private:
  Listener(UniqueFd fd, std::string path);

  UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace slapos::keeper
