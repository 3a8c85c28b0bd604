// openat2(2), fstatat(2), readdir(3).
#include "core/file/look.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/file/beneath.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

constexpr double kMsPerSecond = 1e3;
constexpr double kNsPerMs = 1e6;

// Runs one look; what is missing is no failure.
template <typename Found, typename Look>
std::vector<Looked<Found>> LookAtEach(const std::vector<std::string>& paths, Look look) {
  std::vector<Looked<Found>> outcomes(paths.size());
  for (size_t index = 0; index < paths.size(); index++) {
    try {
      outcomes[index].found = look(paths[index]);
    } catch (const SysError& error) {
      if (error.err() != ENOENT) outcomes[index].failure = error;
    }
  }
  return outcomes;
}

std::vector<std::string> ListFolder(const LookRequest& request, const std::string& path) {
  UniqueFd folder = OpenBeneath(request.root, path, O_RDONLY | O_DIRECTORY, 0);
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder.Get()), ::closedir);
  if (!listing) ThrowErrno("fdopendir", request.root + "/" + path);
  (void)folder.Release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    if (names.size() == request.max_names) {
      throw SysError(E2BIG, "readdir", request.root + "/" + path);
    }
    names.emplace_back(entry->d_name);
    errno = 0;
  }
  if (errno != 0) ThrowErrno("readdir", request.root + "/" + path);
  std::sort(names.begin(), names.end());
  return names;
}

TextLook ReadText(const LookRequest& request, const std::string& path) {
  TextLook look;
  struct stat status = {};
  std::optional<std::string> content = ReadBeneath(request.root, path, request.max_bytes, &status);
  if (!content) throw SysError(ENOENT, "openat2", request.root + "/" + path);
  look.content = std::move(*content);
  look.modified_ms = ModifiedMs(status);
  return look;
}

struct stat LookAtTarget(int root, const LookRequest& request, const std::string& path) {
  struct stat status = {};
  if (::fstatat(root, path.c_str(), &status, AT_NO_AUTOMOUNT) != 0) {
    ThrowErrno("fstatat", request.root + "/" + path);
  }
  return status;
}

}  // namespace

double ModifiedMs(const struct stat& status) {
  return static_cast<double>(status.st_mtim.tv_sec) * kMsPerSecond +
         static_cast<double>(status.st_mtim.tv_nsec) / kNsPerMs;
}

LookResult LookBeneath(const LookRequest& request) {
  UniqueFd root = OpenBeneath(request.root, "", O_PATH | O_DIRECTORY, 0);
  LookResult result;
  result.texts = LookAtEach<TextLook>(
      request.texts, [&](const std::string& path) { return ReadText(request, path); });
  result.folders = LookAtEach<std::vector<std::string>>(
      request.folders, [&](const std::string& path) { return ListFolder(request, path); });
  result.targets = LookAtEach<struct stat>(request.targets, [&](const std::string& path) {
    return LookAtTarget(root.Get(), request, path);
  });
  return result;
}

}  // namespace slapos
