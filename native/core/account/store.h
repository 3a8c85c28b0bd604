#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

namespace slapos::account {

// One account file as it was read.
struct StoredFile {
  std::string path;
  std::string text;
  struct stat status = {};
};

// Reads a regular file, never through a symbolic link; nothing when it does not exist.
// Throws SysError.
std::optional<StoredFile> ReadStored(const std::string& path);

struct Replacement {
  const StoredFile* original;
  std::string text;
};

// Replaces files, in the order given, so that each is seen old or new and never in part. Owner,
// mode and SELinux label stay; the old file stays as `NAME-`. All new files are complete on disk
// before the first takes its place; when one cannot, those before it are put back.
// Throws SysError.
void ReplaceAll(const std::string& folder, const std::vector<Replacement>& replacements);

}  // namespace slapos::account
