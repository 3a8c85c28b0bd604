// Several threads walk one tree. Each goes down in its own part; one that has nothing left to do is
// given a folder by another, as an open descriptor: no path is ever resolved twice.
#include "core/disk/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/disk/folder_level.h"
#include "core/disk/hard_links.h"
#include "core/disk/walk_pool.h"
#include "core/sys/sys_error.h"

namespace slapos {

namespace {

constexpr size_t kOpenFolders = 32;       // of each thread
constexpr size_t kPieceBytes = 64 << 10;  // of a folder, read at once
constexpr size_t kSmallPieceBytes = 1024;
constexpr size_t kManyNamesBytes = 4 << 20;  // of folders still to walk; beyond, pieces are small
constexpr uint64_t kAloneEntries = 4000;     // a smaller tree is not worth a second thread
constexpr uint64_t kPollEntries = 64;        // looks at the cancel descriptor after so many
constexpr int kSpareFolders = 4;             // in the queue for each thread that helps
constexpr size_t kMinThreads = 2;            // one waits for the disk while another works
constexpr size_t kMaxThreads = 4;
constexpr int kShareBits = 20;
constexpr uint64_t kBlockBytes = 512;  // unit of stx_blocks, statx(2)
constexpr unsigned kMask = STATX_TYPE | STATX_NLINK | STATX_INO | STATX_BLOCKS;

// struct linux_dirent64, getdents64(2).
struct Entry {
  uint64_t inode;
  int64_t next_position;
  uint16_t length;
  uint8_t type;
  char name[];
};

FileId IdOf(const struct statx& status) {
  return {::makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
}

// Attributes as stat(2) has them (no AT_STATX_DONT_SYNC): on a network file system cached ones may
// be older than what du sees, and on others it makes no difference.
bool LookAt(int folder, const char* name, struct statx* status) {
  int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  return ::statx(folder, name, flags, kMask, status) == 0;
}

bool IsVanished(int err) { return err == ENOENT || err == ENOTDIR || err == ELOOP; }

// One thread's part of the walk.
class Walker {
 public:
  explicit Walker(WalkPool* pool) : pool_(pool), buffer_(kPieceBytes) {}

  // Walks all below `folder` that is not given away. `on_step` is called between two steps.
  template <typename OnStep>
  void Walk(OpenFolder folder, OnStep on_step) {
    pool_->Poll();
    Enter(std::move(folder));
    while (!levels_.empty() && !pool_->IsStopped()) {
      if (pool_->HasRoom()) Share();
      Step();
      on_step();
    }
    levels_.clear();
    names_bytes_ = 0;
  }

  // Walks what others give, until there is nothing left.
  void WalkGiven() {
    while (OpenFolder folder = pool_->Take()) Walk(std::move(folder), [] {});
  }

  void Count(const struct statx& status) {
    usage.entries++;
    usage.bytes += status.stx_blocks * kBlockBytes;
  }

  DiskUsage usage;
  // Blocks / links of files that could not be remembered, in 2^-kShareBits of a block.
  uint64_t shared_blocks = 0;

 private:
  void Step() {
    FolderLevel& level = levels_.back();
    if (!level.HasNames() && !level.is_read) ReadPiece(&level);
    if (!level.HasNames()) {
      if (level.is_read) Leave();
      return;
    }
    OpenFolder folder = OpenNext(&level);
    if (folder) Enter(std::move(folder));
  }

  // Opens and counts the next folder of a level.
  OpenFolder OpenNext(FolderLevel* level) {
    const char* name = level->TakeName();
    names_bytes_ -= ::strlen(name) + 1;
    UniqueFd fd(::openat(level->fd.Get(), name, kFolderFlags | O_NOFOLLOW));
    int err = fd ? 0 : errno;
    struct statx status;
    bool is_known = fd ? LookAt(fd.Get(), "", &status) : LookAt(level->fd.Get(), name, &status);
    if (is_known && S_ISDIR(status.stx_mode)) Count(status);
    if (!fd && !IsVanished(err)) usage.failures++;
    if (!fd || !is_known) return {};
    return {std::move(fd), IdOf(status)};
  }

  // Gives away the next folder of the highest level that is open: the largest part there is.
  void Share() {
    size_t first = levels_.size() > kOpenFolders ? levels_.size() - kOpenFolders : 0;
    for (size_t at = first; at < levels_.size(); at++) {
      // On the way back from a deep folder fewer are open.
      if (!levels_[at].fd || !levels_[at].HasNames()) continue;
      if (pool_->Reserve()) pool_->Give(OpenNext(&levels_[at]));
      return;
    }
  }

  void Enter(OpenFolder folder) {
    levels_.push_back({std::move(folder.fd), folder.id});
    if (levels_.size() > kOpenFolders) levels_[levels_.size() - 1 - kOpenFolders].fd.Reset();
  }

  void Leave() {
    UniqueFd left = std::move(levels_.back().fd);
    levels_.pop_back();
    if (levels_.empty() || levels_.back().fd) return;
    FolderLevel& parent = levels_.back();
    UniqueFd again(::openat(left.Get(), "..", kFolderFlags));
    struct statx status;
    if (again && LookAt(again.Get(), "", &status) && parent.id == IdOf(status) &&
        ::lseek(again.Get(), parent.position, SEEK_SET) >= 0) {
      parent.fd = std::move(again);
      return;
    }
    // Somebody moved the folder: nothing above it can be found any more.
    usage.failures++;
    levels_.clear();
  }

  void ReadPiece(FolderLevel* level) {
    size_t size = names_bytes_ < kManyNamesBytes ? kPieceBytes : kSmallPieceBytes;
    int64_t got = ::syscall(SYS_getdents64, level->fd.Get(), buffer_.data(), size);
    if (got < 0 && errno != ENOENT) usage.failures++;
    level->is_read = got <= 0;
    found_.clear();
    for (int64_t at = 0; at < got && !pool_->IsStopped();) {
      const Entry* entry = reinterpret_cast<const Entry*>(buffer_.data() + at);
      at += entry->length;
      level->position = entry->next_position;
      Look(level->fd.Get(), *entry);
    }
    level->names.assign(found_.data(), found_.size());
    level->names.shrink_to_fit();
    level->taken = 0;
    names_bytes_ += found_.size();
  }

  void Look(int folder, const Entry& entry) {
    const char* name = entry.name;
    if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) return;
    if (++looked_ % kPollEntries == 0) pool_->Poll();
    bool is_folder = entry.type == DT_DIR;
    struct statx status;
    // A folder is looked at once it is open, by its descriptor.
    if (!is_folder) {
      if (!LookAt(folder, name, &status)) return;
      is_folder = S_ISDIR(status.stx_mode);
    }
    if (is_folder) {
      found_.append(name, ::strlen(name) + 1);
    } else if (status.stx_nlink > 1) {
      CountLink(status);
    } else {
      Count(status);
    }
  }

  void CountLink(const struct statx& status) {
    HardLinks::Meeting meeting = pool_->links.Meet(IdOf(status));
    if (meeting == HardLinks::Meeting::kFirst) Count(status);
    if (meeting != HardLinks::Meeting::kUnknown) return;
    usage.entries++;
    shared_blocks += (status.stx_blocks << kShareBits) / status.stx_nlink;
  }

  WalkPool* pool_;
  std::vector<char> buffer_;
  std::string found_;
  std::vector<FolderLevel> levels_;
  size_t names_bytes_ = 0;
  uint64_t looked_ = 0;
};

// The threads of a walk: the caller's, and others once the tree proves large.
class Team {
 public:
  Team(int cancel_fd, const WalkLimits& limits)
      : pool_(cancel_fd, limits.hard_links), threads_(limits.threads) {}

  ~Team() {
    pool_.Stop();
    for (std::thread& thread : helpers_) thread.join();
  }

  DiskUsage Run(UniqueFd root) {
    struct statx status;
    if (!LookAt(root.Get(), "", &status)) ThrowErrno("statx");
    Walker own(&pool_);
    own.Count(status);
    pool_.Join();
    own.Walk({std::move(root), IdOf(status)}, [this, &own] {
      if (helpers_.empty() && own.usage.entries >= kAloneEntries) StartHelpers();
    });
    own.WalkGiven();
    for (std::thread& thread : helpers_) thread.join();
    helpers_.clear();
    if (failure_) std::rethrow_exception(failure_);
    Add(own);
    usage_.bytes += (shared_blocks_ >> kShareBits) * kBlockBytes;
    return usage_;
  }

 private:
  void StartHelpers() {
    while (helpers_.size() + 1 < threads_) {
      pool_.Join(kSpareFolders);
      try {
        helpers_.emplace_back([this] { Help(); });
      } catch (const std::system_error&) {
        // No more threads to be had: those that are there do it.
        pool_.Quit(kSpareFolders);
        threads_ = helpers_.size() + 1;
        return;
      }
    }
  }

  void Help() {
    try {
      Walker walker(&pool_);
      walker.WalkGiven();
      std::lock_guard<std::mutex> lock(mutex_);
      Add(walker);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      failure_ = std::current_exception();
      pool_.Stop();
    }
  }

  void Add(const Walker& walker) {
    usage_.bytes += walker.usage.bytes;
    usage_.entries += walker.usage.entries;
    usage_.failures += walker.usage.failures;
    shared_blocks_ += walker.shared_blocks;
  }

  WalkPool pool_;
  size_t threads_;
  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  DiskUsage usage_;
  uint64_t shared_blocks_ = 0;
};

size_t ThreadsOfMachine() {
  cpu_set_t allowed;
  bool is_known = ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
  size_t processors = is_known ? static_cast<size_t>(CPU_COUNT(&allowed)) : kMinThreads;
  return std::clamp(processors, kMinThreads, kMaxThreads);
}

}  // namespace

DiskUsage WalkFolder(UniqueFd root, int cancel_fd, WalkLimits limits) {
  if (limits.threads == 0) limits.threads = ThreadsOfMachine();
  return Team(cancel_fd, limits).Run(std::move(root));
}

}  // namespace slapos
