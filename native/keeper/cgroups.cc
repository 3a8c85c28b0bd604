#include "keeper/cgroups.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/cgroup/hierarchy.h"

namespace slapos::keeper {

namespace {

constexpr int64_t kRetryMs = 20;
constexpr int kRetries = 100;
constexpr mode_t kFolderMode = 0755;
const char kOwnName[] = "/supervisor";

// FNV-1a: the same for every keeper of this supervisor.
std::string HashOf(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  static const char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (int index = 0; index < 16; index++, hash >>= 4) digits += kDigits[hash & 15];
  return digits;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

int MakeFolder(const std::string& path) {
  return ::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST ? 0 : errno;
}

bool IsGroup(const std::string& name) {
  return !name.empty() && name.find(':') == std::string::npos;
}

std::string GroupOf(const std::string& name) { return name.substr(0, name.find(':')); }

}  // namespace

Cgroups::Cgroups(EventLoop& loop, const std::string& owner, Complain complain)
    : loop_(loop), complain_(std::move(complain)) {
  ChooseBase(owner);
  if (base_.empty()) return;
  controllers_ = ShareControllers(base_);
}

// A unit with Delegate=yes gives its own cgroup to us: its processes move aside, since only leaves
// may have some. What systemd did not give is systemd's. On other machines we make a folder.
void Cgroups::ChooseBase(const std::string& owner) {
  std::string own = FindOwnCgroup();
  if (own.empty()) return;
  if (EndsWith(own, kOwnName) && IsDelegated(ParentOf(own))) {
    base_ = ParentOf(own);
    is_delegated_ = true;
  } else if (IsDelegated(own)) {
    if (MakeFolder(own + kOwnName) != 0) return;
    MoveProcesses(own, own + kOwnName);
    base_ = own;
    is_delegated_ = true;
  } else if (::access("/run/systemd/system", F_OK) != 0) {
    ShareControllers(own);
    std::string folder = own + "/slapos-" + HashOf(owner);
    if (MakeFolder(folder) == 0) base_ = folder;
  }
}

std::string Cgroups::FolderOf(const std::string& name) const {
  size_t colon = name.find(':');
  if (colon == std::string::npos) return base_ + "/" + EncodeCgroupName(name);
  return base_ + "/" + EncodeCgroupName(name.substr(0, colon)) + "/" +
         EncodeCgroupName(name.substr(colon + 1));
}

UniqueFd Cgroups::Open(const std::string& name, const Message& request) {
  if (base_.empty() || name.find(':') == std::string::npos) return UniqueFd();
  std::string folder = FolderOf(name);
  // Asked to start again before what it left has ended: that must not meet the new one.
  if (sweeps_.erase(name) > 0) KillCgroup(folder);
  if (!OpenGroup(GroupOf(name), request)) return UniqueFd();
  int err = MakeFolder(folder);
  UniqueFd fd;
  if (err == 0) fd.Reset(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) Fail(folder, err != 0 ? err : errno);
  return fd;
}

void Cgroups::Renew(const Message& request) {
  std::string group = request.Text("group");
  if (base_.empty() || !IsGroup(group)) return;
  OpenGroup(group, request);
}

bool Cgroups::OpenGroup(const std::string& group, const Message& request) {
  std::string folder = FolderOf(group);
  if (groups_.find(group) == groups_.end()) {
    int err = MakeFolder(folder);
    if (err != 0) {
      Fail(folder, err);
      return false;
    }
    ShareControllers(folder);
    groups_[group];
  }
  Limit(group, "memory.max", request.Text("memory-max"));
  Limit(group, "cpu.max", request.Text("cpu-max"));
  Limit(group, "pids.max", request.Text("pids-max"));
  return true;
}

void Cgroups::Limit(const std::string& group, const char* file, const std::string& value) {
  std::string& written = groups_[group].limits[file];
  if (value.empty() || value == written) return;
  int err = WriteControl(FolderOf(group), file, value);
  // A controller that is missing here was told of in the welcome.
  if (err != 0 && err != ENOENT) {
    complain_("cannot set " + std::string(file) + " of " + group + " to " + value + ": " +
              ::strerror(err));
  }
  written = value;
}

void Cgroups::Fail(const std::string& folder, int err) {
  if (!has_failed_) {
    complain_("cannot make the cgroup " + folder + ": " + ::strerror(err) +
              "; going on without for what needs it");
  }
  has_failed_ = true;
}

void Cgroups::Kill(const std::string& name) {
  if (!base_.empty()) KillCgroup(FolderOf(name));
}

void Cgroups::Sweep(const std::string& name, int64_t grace_ms) {
  if (base_.empty() || !IsPopulated(FolderOf(name))) return;
  unsigned number = sweeps_[name] = ++last_sweep_;
  loop_.After(grace_ms, [this, name, number] {
    auto found = sweeps_.find(name);
    if (found == sweeps_.end() || found->second != number) return;
    sweeps_.erase(found);
    KillCgroup(FolderOf(name));
  });
}

void Cgroups::Forget(const std::string& group, bool kills) {
  if (base_.empty() || !IsGroup(group)) return;
  groups_.erase(group);
  if (kills) KillCgroup(FolderOf(group));
  RemoveLater(group, kills ? kRetries : 0);
}

// Killed processes take a moment to be gone.
void Cgroups::RemoveLater(const std::string& group, int attempts) {
  // In use again.
  if (groups_.find(group) != groups_.end()) return;
  if (RemoveCgroup(FolderOf(group)) == 0 || attempts == 0) return;
  loop_.After(kRetryMs, [this, group, attempts] { RemoveLater(group, attempts - 1); });
}

void Cgroups::Clear() {
  if (base_.empty()) return;
  std::vector<std::string> folders;
  for (const std::string& name : ListCgroups(base_)) {
    if (is_delegated_ && "/" + name == kOwnName) continue;
    folders.push_back(base_ + "/" + name);
    KillCgroup(folders.back());
  }
  for (int attempt = 0; attempt < kRetries / 2; attempt++) {
    std::erase_if(folders, [](const std::string& folder) { return RemoveCgroup(folder) == 0; });
    if (folders.empty()) break;
    ::usleep(kRetryMs * 1000);
  }
  if (!is_delegated_) ::rmdir(base_.c_str());
  base_.clear();
}

}  // namespace slapos::keeper
