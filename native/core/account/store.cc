#include "core/account/store.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos::account {

namespace {

constexpr mode_t kPermissions = 07777;

std::string NewPath(const std::string& path) { return path + "+"; }
std::string BackupPath(const std::string& path) { return path + "-"; }

void RemoveIfPresent(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) ThrowErrno("unlink", path);
}

std::string ReadAll(int fd, const std::string& path) {
  std::string text;
  std::array<char, 64 << 10> chunk;
  for (;;) {
    ssize_t size = ::read(fd, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) ThrowErrno("read", path);
    if (size == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(size));
  }
}

void WriteAll(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) ThrowErrno("write", path);
    text.remove_prefix(static_cast<size_t>(size));
  }
}

// Without the label of the old file, login programs of an SELinux host could not read the new one.
void CopyLabel(const std::string& from, int to_fd) {
  constexpr char kLabel[] = "security.selinux";
  std::array<char, 1024> value;
  ssize_t size = ::lgetxattr(from.c_str(), kLabel, value.data(), value.size());
  if (size <= 0) return;
  if (::fsetxattr(to_fd, kLabel, value.data(), static_cast<size_t>(size), 0) != 0 &&
      errno != ENOTSUP) {
    ThrowErrno("fsetxattr", from);
  }
}

void WriteNew(const Replacement& replacement) {
  const StoredFile& original = *replacement.original;
  std::string path = NewPath(original.path);
  RemoveIfPresent(path);
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) ThrowErrno("open", path);
  WriteAll(fd.Get(), replacement.text, path);
  const struct stat& status = original.status;
  if (::fchown(fd.Get(), status.st_uid, status.st_gid) != 0) ThrowErrno("fchown", path);
  if (::fchmod(fd.Get(), status.st_mode & kPermissions) != 0) ThrowErrno("fchmod", path);
  CopyLabel(original.path, fd.Get());
  if (::fsync(fd.Get()) != 0) ThrowErrno("fsync", path);
}

void TakePlace(const std::string& path) {
  RemoveIfPresent(BackupPath(path));
  if (::link(path.c_str(), BackupPath(path).c_str()) != 0) ThrowErrno("link", BackupPath(path));
  if (::rename(NewPath(path).c_str(), path.c_str()) != 0) ThrowErrno("rename", path);
}

// The backup is the old file itself, so a second name of it goes back over the new one.
void PutBack(const std::string& path) {
  ::unlink(NewPath(path).c_str());
  if (::link(BackupPath(path).c_str(), NewPath(path).c_str()) == 0) {
    ::rename(NewPath(path).c_str(), path.c_str());
  }
}

void SyncFolder(const std::string& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) ThrowErrno("open", folder);
  if (::fsync(fd.Get()) != 0) ThrowErrno("fsync", folder);
}

}  // namespace

std::optional<StoredFile> ReadStored(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) ThrowErrno("open", path);
  StoredFile file;
  file.path = path;
  if (::fstat(fd.Get(), &file.status) != 0) ThrowErrno("fstat", path);
  if (!S_ISREG(file.status.st_mode))
    throw SysError(EINVAL, "open", path + " is not a regular file");
  file.text = ReadAll(fd.Get(), path);
  return file;
}

void ReplaceAll(const std::string& folder, const std::vector<Replacement>& replacements) {
  size_t placed = 0;
  try {
    for (const Replacement& replacement : replacements) WriteNew(replacement);
    for (; placed < replacements.size(); ++placed) TakePlace(replacements[placed].original->path);
  } catch (const SysError&) {
    while (placed > 0) PutBack(replacements[--placed].original->path);
    for (const Replacement& replacement : replacements) {
      ::unlink(NewPath(replacement.original->path).c_str());
    }
    throw;
  }
  SyncFolder(folder);
}

}  // namespace slapos::account
