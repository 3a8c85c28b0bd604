#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file/beneath.h"
#include "core/sys/sys_error.h"

namespace slapos {

// A file about to be replaced. Made step by step, so that many can be written before the first one
// waits for the disk: the journal of the file system then takes them together.
class Replacement {
 public:
  // Writes a temporary file in the same folder, with its owner and mode.
  Replacement(const std::string& root, const std::string& path, std::string_view data,
              const Ownership& ownership);
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement();

  // fsync(2) of the content.
  void Sync();
  // Gives it its name. A link of that name is replaced, not followed.
  void PutInPlace();
  // fsync of the folder, after which the new name lasts too.
  void SyncFolder();

 private:
  bool Link(int attempt);

  Location place_;
  std::string full_;
  // The name it has for the moment, '' for none.
  std::string temporary_;
  UniqueFd file_;
  bool is_nameless_ = false;
};

struct FileToWrite {
  std::string path;
  std::string data;
  Ownership ownership;
};

// Replaces files beneath `root` atomically and durably, each for itself: nothing for one that is
// done, else why not.
std::vector<std::optional<SysError>> WriteAllBeneath(const std::string& root,
                                                     const std::vector<FileToWrite>& files);

}  // namespace slapos
