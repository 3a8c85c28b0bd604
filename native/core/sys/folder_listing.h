#pragma once

#include <dirent.h>

#include <string>
#include <utility>

#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

// The entries of a folder. readdir(3) tells a failure from the end by errno alone: a folder of
// which a part cannot be read would look as if that part was not there.
class FolderListing {
 public:
  // `detail` is for errors.
  FolderListing(UniqueFd folder, std::string detail) : detail_(std::move(detail)) {
    listing_ = folder ? ::fdopendir(folder.Get()) : nullptr;
    if (listing_ == nullptr) ThrowErrno("opendir", detail_);
    (void)folder.Release();
  }
  ~FolderListing() { ::closedir(listing_); }
  FolderListing(const FolderListing&) = delete;
  FolderListing& operator=(const FolderListing&) = delete;

  // nullptr at the end.
  const dirent* Next() {
    errno = 0;
    const dirent* entry = ::readdir(listing_);
    if (entry == nullptr && errno != 0) ThrowErrno("readdir", detail_);
    return entry;
  }

  int Fd() const { return ::dirfd(listing_); }

 private:
  DIR* listing_;
  std::string detail_;
};

}  // namespace slapos
