// execve(2), memfd_create(2).
#include "keeper/become.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace slapos::keeper {

namespace {

void SetCloseOnExec(const std::vector<int>& fds, bool is_set) {
  for (int fd : fds) ::fcntl(fd, F_SETFD, is_set ? FD_CLOEXEC : 0);
}

std::vector<int> DescriptorsOf(const Handover& handover) {
  std::vector<int> fds = {handover.journal.Get()};
  for (const InheritedService& service : handover.services) {
    fds.push_back(service.pidfd.Get());
    for (const Kept& kept : service.kept) fds.push_back(kept.fd.Get());
  }
  return fds;
}

bool WriteAll(int fd, const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    ssize_t written = ::write(fd, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    at += static_cast<size_t>(written);
  }
  return true;
}

}  // namespace

std::string ReadOwnProgram() {
  char path[PATH_MAX];
  ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "";
}

int CheckProgram(const std::string& path) {
  struct stat status = {};
  if (path.empty() || path[0] != '/') return EINVAL;
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

int Become(std::vector<std::string> words, const Handover& handover, int listen_fd,
           bool is_in_foreground) {
  UniqueFd table(::memfd_create("slapos-keeper", MFD_CLOEXEC));
  if (!table || !WriteAll(table.Get(), RenderHandover(handover))) return errno;
  std::vector<int> fds = DescriptorsOf(handover);
  fds.push_back(table.Get());
  std::vector<std::string> more = {"--handover", std::to_string(table.Get())};
  if (listen_fd >= 0) {
    fds.push_back(listen_fd);
    more.insert(more.end(), {"--listen-fd", std::to_string(listen_fd)});
  }
  if (is_in_foreground) more.push_back("--nodaemon");
  words.insert(words.begin() + 1, more.begin(), more.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  SetCloseOnExec(fds, false);
  ::execve(argv[0], argv.data(), environ);
  int err = errno;
  SetCloseOnExec(fds, true);
  return err;
}

}  // namespace slapos::keeper
