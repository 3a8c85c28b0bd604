// fallocate(2), copy_file_range(2), ftruncate(2), sched(7).
#include "core/file/log_rotation.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "core/file/log_file.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr mode_t kLogMode = 0644;
// What is copied at least of a log that grew more than expected: a service must not be able to
// make us copy without end.
constexpr off_t kMostCopied = off_t{64} << 20;
// No log is this long, so that asking for a collapse there changes nothing.
constexpr off_t kBeyondAnyLog = off_t{1} << 42;
constexpr size_t kChunk = 256 * 1024;

struct OpenedLog {
  LogPlace place;
  UniqueFd fd;
  off_t block = 0;

  off_t Size() const {
    struct stat status = {};
    if (::fstat(fd.Get(), &status) != 0) ThrowErrno("fstat", place.path);
    return status.st_size;
  }
};

// A backup that has no name yet that anybody reads.
class Backup {
 public:
  explicit Backup(const LogPlace& place) : place_(place), temporary_(place.name + ".new") {
    ::unlinkat(place.folder.Get(), temporary_.c_str(), 0);
    fd_.Reset(::openat(place.folder.Get(), temporary_.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kLogMode));
    if (!fd_) ThrowErrno("open", place.path + ".new");
    // The mask has no say.
    ::fchmod(fd_.Get(), kLogMode);
  }
  ~Backup() {
    if (!temporary_.empty()) ::unlinkat(place_.folder.Get(), temporary_.c_str(), 0);
  }
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  // Appends the bytes of `from` up to `end`; returns where it stopped, short of `end` at its end.
  off_t Append(int from, off_t start, off_t end);

  // .1 becomes .2 and so on, and this one .1.
  void TakePlace(unsigned backups);

 private:
  off_t AppendByHand(int from, off_t start, off_t end);
  std::string Numbered(unsigned number) const { return place_.name + "." + std::to_string(number); }

  const LogPlace& place_;
  std::string temporary_;
  UniqueFd fd_;
  off_t size_ = 0;
};

off_t Backup::Append(int from, off_t start, off_t end) {
  while (start < end) {
    off_t in = start;
    off_t out = size_;
    ssize_t copied =
        ::copy_file_range(from, &in, fd_.Get(), &out, static_cast<size_t>(end - start), 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0) return AppendByHand(from, start, end);
    if (copied == 0) return start;
    start += copied;
    size_ += copied;
  }
  return start;
}

// For file systems that cannot copy by themselves.
off_t Backup::AppendByHand(int from, off_t start, off_t end) {
  std::vector<char> buffer(std::min<size_t>(kChunk, static_cast<size_t>(end - start)));
  while (start < end) {
    size_t wanted = std::min(buffer.size(), static_cast<size_t>(end - start));
    ssize_t length = ::pread(from, buffer.data(), wanted, start);
    if (length < 0) ThrowErrno("read", place_.path);
    if (length == 0) return start;
    for (ssize_t at = 0; at < length;) {
      ssize_t written =
          ::pwrite(fd_.Get(), buffer.data() + at, static_cast<size_t>(length - at), size_);
      if (written < 0) ThrowErrno("write", place_.path + ".1");
      at += written;
      size_ += written;
    }
    start += length;
  }
  return start;
}

void Backup::TakePlace(unsigned backups) {
  int folder = place_.folder.Get();
  for (unsigned number = backups; number > 1; number--) {
    std::string from = Numbered(number - 1);
    if (::renameat(folder, from.c_str(), folder, Numbered(number).c_str()) != 0 &&
        errno != ENOENT) {
      ThrowErrno("rename", place_.path + "." + std::to_string(number - 1));
    }
  }
  if (::renameat(folder, temporary_.c_str(), folder, Numbered(1).c_str()) != 0) {
    ThrowErrno("rename", place_.path + ".new");
  }
  temporary_.clear();
}

bool CanCollapse(const OpenedLog& log) {
  if (::fallocate(log.fd.Get(), FALLOC_FL_COLLAPSE_RANGE, kBeyondAnyLog, log.block) == 0) {
    return false;
  }
  // Supported, only not there.
  return errno == EINVAL;
}

// On a full disk a log that is not cut would stay full for ever: its lines are given up.
bool IsDiskFull(const SysError& error) { return error.err() == ENOSPC || error.err() == EDQUOT; }

// Keeps the blocks up to `moved` as the newest backup; false when the log was emptied meanwhile.
bool KeepBlocks(const OpenedLog& log, off_t moved, const LogLimits& limits) try {
  Backup backup(log.place);
  if (backup.Append(log.fd.Get(), std::max<off_t>(0, moved - kMostCopied), moved) != moved) {
    return false;
  }
  backup.TakePlace(limits.backups);
  return true;
} catch (const SysError& error) {
  if (!IsDiskFull(error)) throw;
  return true;
}

// The blocks that were copied are taken out in one step, under the lock that writers take.
Rotation Collapse(const OpenedLog& log, off_t size, const LogLimits& limits) {
  off_t moved = (size - 1) / log.block * log.block;
  if (moved <= 0 || !KeepBlocks(log, moved, limits)) return Rotation::kNone;
  if (::fallocate(log.fd.Get(), FALLOC_FL_COLLAPSE_RANGE, 0, moved) != 0) {
    ThrowErrno("fallocate", log.place.path);
  }
  return Rotation::kCollapsed;
}

// Keeps other programs from running in our place for as long as it lives (sched(7)): a pause
// between two calls would be the time in which lines are lost. Without the right to, nothing
// changes.
class Undisturbed {
 public:
  Undisturbed() : before_(::sched_getscheduler(0)) {
    sched_param first = {1};
    is_set_ = before_ == SCHED_OTHER && ::sched_setscheduler(0, SCHED_FIFO, &first) == 0;
  }
  ~Undisturbed() {
    sched_param usual = {0};
    if (is_set_) ::sched_setscheduler(0, before_, &usual);
  }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  int before_;
  bool is_set_;
};

// What must live until the log is emptied: closing the backup would take time.
struct LastMoment {
  std::optional<Backup> backup;
  std::optional<Undisturbed> undisturbed;
};

void KeepAll(const OpenedLog& log, off_t size, const LogLimits& limits, LastMoment* moment) try {
  Backup& backup = moment->backup.emplace(log.place);
  off_t copied = backup.Append(log.fd.Get(), std::max<off_t>(0, size - kMostCopied), size);
  backup.TakePlace(limits.backups);
  // Once more for what was written meanwhile, which is most of it.
  off_t last = size + kMostCopied;
  copied = backup.Append(log.fd.Get(), copied, std::min(log.Size(), last));
  moment->undisturbed.emplace();
  // And again until nothing was; but not for ever behind a service that writes faster than we copy.
  for (off_t end; (end = log.Size()) > copied && copied < last;) {
    copied = backup.Append(log.fd.Get(), copied, std::min(end, last));
  }
} catch (const SysError& error) {
  if (!IsDiskFull(error)) throw;
}

Rotation Truncate(const OpenedLog& log, off_t size, const LogLimits& limits) {
  LastMoment moment;
  KeepAll(log, size, limits, &moment);
  // Nothing may come between the last look at the size and this.
  if (::ftruncate(log.fd.Get(), 0) != 0) ThrowErrno("ftruncate", log.place.path);
  return Rotation::kTruncated;
}

}  // namespace

Rotation RotateLog(const std::string& path, const LogLimits& limits) {
  OpenedLog log{FindLog(path), UniqueFd()};
  log.fd = OpenLog(log.place, O_RDWR, 0);
  struct stat status = {};
  if (::fstat(log.fd.Get(), &status) != 0) ThrowErrno("fstat", path);
  bool is_big = static_cast<uint64_t>(status.st_size) >= limits.max_bytes && status.st_size > 0;
  if (!S_ISREG(status.st_mode) || !is_big) return Rotation::kNone;
  if (limits.backups == 0) {
    if (::ftruncate(log.fd.Get(), 0) != 0) ThrowErrno("ftruncate", path);
    return Rotation::kTruncated;
  }
  log.block = status.st_blksize;
  if (CanCollapse(log)) return Collapse(log, status.st_size, limits);
  return Truncate(log, status.st_size, limits);
}

}  // namespace slapos
