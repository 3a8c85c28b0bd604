// open(2) O_TMPFILE, linkat(2), rename(2).
#include "core/file/replacement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace slapos {

namespace {

// What the owner of the folder puts in the way is met again, so often at most.
constexpr int kRaceRetries = 64;
// Each holds two descriptors.
constexpr size_t kTogether = 100;

void WriteAll(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ThrowErrno("write", path);
    data.remove_prefix(static_cast<size_t>(written));
  }
}

using Failures = std::vector<std::optional<SysError>>;

// Takes one step of each that has not failed yet.
template <typename Step>
void TakeEach(std::vector<std::optional<Replacement>>& replacements, Failures& failures,
              size_t first, Step step) {
  for (size_t index = 0; index < replacements.size(); index++) {
    if (!replacements[index]) continue;
    try {
      step(*replacements[index]);
    } catch (const SysError& error) {
      failures[first + index] = error;
      replacements[index].reset();
    }
  }
}

void WriteTogether(const std::string& root, const std::vector<FileToWrite>& files, size_t first,
                   Failures& failures) {
  size_t count = std::min(kTogether, files.size() - first);
  std::vector<std::optional<Replacement>> replacements(count);
  for (size_t index = 0; index < count; index++) {
    const FileToWrite& file = files[first + index];
    try {
      replacements[index].emplace(root, file.path, file.data, file.ownership);
    } catch (const SysError& error) {
      failures[first + index] = error;
    }
  }
  TakeEach(replacements, failures, first, [](Replacement& one) { one.Sync(); });
  TakeEach(replacements, failures, first, [](Replacement& one) { one.PutInPlace(); });
  TakeEach(replacements, failures, first, [](Replacement& one) { one.SyncFolder(); });
}

}  // namespace

Replacement::Replacement(const std::string& root, const std::string& path, std::string_view data,
                         const Ownership& ownership)
    : place_(OpenParent(root, path)), full_(root + "/" + path) {
  int parent = place_.parent.Get();
  file_ = UniqueFd(::openat(parent, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  is_nameless_ = static_cast<bool>(file_);
  if (!file_) {
    temporary_ = TemporaryNameFor(place_.name);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file_ = UniqueFd(::openat(parent, temporary_.c_str(), flags, 0600));
    if (!file_) ThrowErrno("openat", full_);
  }
  try {
    WriteAll(file_.Get(), data, full_);
    ApplyOwnership(file_.Get(), ownership, full_);
  } catch (const SysError&) {
    // No destructor runs for what was not constructed.
    if (!is_nameless_) ::unlinkat(parent, temporary_.c_str(), 0);
    throw;
  }
}

Replacement::~Replacement() {
  if (!temporary_.empty()) ::unlinkat(place_.parent.Get(), temporary_.c_str(), 0);
}

void Replacement::Sync() {
  if (::fsync(file_.Get()) != 0) ThrowErrno("fsync", full_);
}

void Replacement::SyncFolder() {
  if (::fsync(place_.parent.Get()) != 0) ThrowErrno("fsync", full_);
}

void Replacement::PutInPlace() {
  int parent = place_.parent.Get();
  // What another writer puts under the fixed name meanwhile is complete as well.
  for (int attempt = 0; attempt < kRaceRetries; attempt++) {
    if (is_nameless_ && !Link(attempt)) continue;
    if (::renameat(parent, temporary_.c_str(), parent, place_.name.c_str()) == 0) {
      temporary_.clear();
      return;
    }
    if (errno != ENOENT || !is_nameless_) ThrowErrno("renameat", full_);
  }
  throw SysError(EEXIST, "linkat", full_);
}

// Gives a complete file without name one. link(2) replaces nothing, so it has a name of its own for
// a moment: always the same, so that what a killed writer left there goes with the next write.
bool Replacement::Link(int attempt) {
  int parent = place_.parent.Get();
  // The folder's owner may have put a folder in the way of the fixed name.
  temporary_ =
      attempt < kRaceRetries / 2 ? FixedNameFor(place_.name) : TemporaryNameFor(place_.name);
  ::unlinkat(parent, temporary_.c_str(), 0);
  std::string self = "/proc/self/fd/" + std::to_string(file_.Get());
  if (::linkat(AT_FDCWD, self.c_str(), parent, temporary_.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return true;
  }
  temporary_.clear();
  if (errno != EEXIST) ThrowErrno("linkat", full_);
  return false;
}

std::vector<std::optional<SysError>> WriteAllBeneath(const std::string& root,
                                                     const std::vector<FileToWrite>& files) {
  Failures failures(files.size());
  for (size_t first = 0; first < files.size(); first += kTogether) {
    WriteTogether(root, files, first, failures);
  }
  return failures;
}

}  // namespace slapos
