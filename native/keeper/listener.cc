// unix(7). The link is what makes the socket appear complete: with its mode and a backlog.
#include "keeper/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/sys/sys_error.h"

namespace slapos::keeper {

namespace {

constexpr int kBacklog = 1024;
constexpr int kAttempts = 5;

const char kInUse[] =
    "Another program is already listening on a port that one of our HTTP servers is configured to "
    "use.  Shut this program down first before starting supervisord.";

[[noreturn]] void Fail(const char* call, const std::string& path) {
  std::string what = path.empty() ? "Cannot make a socket" : "Cannot make the socket " + path;
  throw StartError(what + ": " + call + ": " + ::strerror(errno));
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw StartError("The socket path is too long (107 bytes at most): " + path);
  }
  ::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

UniqueFd OpenSocket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) Fail("socket", "");
  return fd;
}

// A full backlog (EAGAIN) means a living listener too.
bool IsSomebodyListening(const std::string& path) {
  UniqueFd probe = OpenSocket();
  sockaddr_un address = AddressOf(path);
  int result = ::connect(probe.Get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  return result == 0 || errno == EAGAIN || errno == EINPROGRESS;
}

// Puts the finished socket at its place.
void LinkIntoPlace(const std::string& temporary, const std::string& path) {
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    if (::link(temporary.c_str(), path.c_str()) == 0) return;
    if (errno != EEXIST) Fail("link", path);
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0) continue;
    if (!S_ISSOCK(status.st_mode)) throw StartError(path + " exists and is not a socket.");
    if (IsSomebodyListening(path)) throw StartError(kInUse);
    ::fprintf(stderr, "Unlinking stale socket %s\n", path.c_str());
    ::unlink(path.c_str());
  }
  throw StartError(kInUse);
}

// A name beside the socket that is no longer than `sv.sock`, so that a socket whose path is as long
// as can be is made too.
std::string TemporaryName(const std::string& path) {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string name = path.substr(0, path.rfind('/') + 1) + ".";
  for (int pid = ::getpid(); pid > 0; pid /= 36) name += kDigits[pid % 36];
  return name;
}

class TemporaryPath {
 public:
  explicit TemporaryPath(std::string path) : path_(std::move(path)) { ::unlink(path_.c_str()); }
  ~TemporaryPath() { ::unlink(path_.c_str()); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  const std::string& Get() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

Listener::Listener(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {
  struct stat status = {};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

Listener Listener::Bind(const std::string& path, mode_t mode, const std::optional<Owner>& owner) {
  TemporaryPath temporary(TemporaryName(path));
  sockaddr_un address = AddressOf(temporary.Get());
  UniqueFd fd = OpenSocket();
  if (::bind(fd.Get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    Fail("bind", path);
  }
  if (::chmod(temporary.Get().c_str(), mode) != 0) Fail("chmod", path);
  if (owner && ::lchown(temporary.Get().c_str(), owner->uid, owner->gid) != 0) Fail("chown", path);
  if (::listen(fd.Get(), kBacklog) != 0) Fail("listen", path);
  LinkIntoPlace(temporary.Get(), path);
  return Listener(std::move(fd), path);
}

Listener Listener::Adopt(int fd, const std::string& path) {
  int is_listening = 0;
  socklen_t length = sizeof is_listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) != 0 || !is_listening) {
    throw StartError("Descriptor " + std::to_string(fd) + " is not a listening socket.");
  }
  return Listener(UniqueFd(fd), path);
}

void Listener::Unlink() {
  struct stat status = {};
  if (path_.empty() || ::lstat(path_.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace slapos::keeper
