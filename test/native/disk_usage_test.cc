// Sizes against what stat(2) says of the same files, on trees that are deep, linked and changing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/disk/usage.h"
#include "core/sys/event_fd.h"
#include "native/check.h"

using slapos::DiskUsage;
using slapos::MeasureFolder;
using slapos::MeasureLinkedFolders;

namespace {

namespace fs = std::filesystem;

struct TempFolder {
  std::string path;
  TempFolder() {
    char name[] = "/tmp/slapos-disk.XXXXXX";
    if (::mkdtemp(name) == nullptr) slapos::ThrowErrno("mkdtemp");
    path = name;
  }
  ~TempFolder() { (void)std::system(("rm -rf '" + path + "'").c_str()); }
};

void WriteFile(const std::string& path, size_t bytes) {
  std::ofstream(path) << std::string(bytes, 'x');
}

uint64_t BlockBytes(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) slapos::ThrowErrno("lstat", path);
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

}  // namespace

TEST(a_tree_is_the_sum_of_its_files_and_folders) {
  TempFolder root;
  fs::create_directories(root.path + "/a/b");
  WriteFile(root.path + "/a/one", 100000);
  WriteFile(root.path + "/a/b/two", 5000);
  uint64_t expected = 0;
  for (const char* name : {"", "/a", "/a/b", "/a/one", "/a/b/two"}) {
    expected += BlockBytes(root.path + name);
  }
  DiskUsage usage = MeasureFolder(root.path, -1);
  CHECK_EQ(usage.bytes, expected);
  CHECK_EQ(usage.entries, 5u);
  CHECK_EQ(usage.failures, 0u);
}

TEST(hard_links_count_once_and_symbolic_links_are_not_followed) {
  TempFolder root;
  TempFolder elsewhere;
  WriteFile(elsewhere.path + "/big", 1 << 20);
  WriteFile(root.path + "/file", 1 << 20);
  fs::create_hard_link(root.path + "/file", root.path + "/again");
  fs::create_directory_symlink(elsewhere.path, root.path + "/link");
  DiskUsage usage = MeasureFolder(root.path, -1);
  CHECK_EQ(usage.bytes, BlockBytes(root.path) + BlockBytes(root.path + "/file") +
                            BlockBytes(root.path + "/link"));
  CHECK_THROWS(ENOTDIR, MeasureFolder(root.path + "/link", -1));
}

// Much deeper than the descriptors that are kept open, with siblings to be found on the way back.
TEST(a_deep_tree_is_walked_to_the_end_and_back) {
  TempFolder root;
  constexpr int kDepth = 500;
  int folder = ::open(root.path.c_str(), O_DIRECTORY | O_RDONLY);
  for (int level = 0; level < kDepth; level++) {
    for (const char* name : {"a", "next", "z"}) CHECK(::mkdirat(folder, name, 0700) == 0);
    int next = ::openat(folder, "next", O_DIRECTORY | O_RDONLY);
    ::close(folder);
    folder = next;
  }
  ::close(folder);
  DiskUsage usage = MeasureFolder(root.path, -1);
  CHECK_EQ(usage.entries, 1u + 3 * kDepth);
  CHECK_EQ(usage.failures, 0u);
}

TEST(a_cancelled_walk_ends_early) {
  TempFolder root;
  for (int i = 0; i < 50; i++) fs::create_directories(root.path + "/" + std::to_string(i) + "/x");
  slapos::EventFd cancel;
  cancel.Raise();
  CHECK(MeasureFolder(root.path, cancel.Fd()).entries < 100u);
}

TEST(linked_folders_count_once_each_and_only_those_of_the_owner) {
  TempFolder root;
  TempFolder data;
  WriteFile(data.path + "/file", 70000);
  fs::create_directory_symlink(data.path, root.path + "/first");
  fs::create_directory_symlink(data.path, root.path + "/second");
  fs::create_directory_symlink("/nonexistent", root.path + "/dangling");
  fs::create_symlink(data.path + "/file", root.path + "/no-folder");
  fs::create_directories(root.path + "/plain");
  if (::getuid() != 0) fs::create_directory_symlink("/usr", root.path + "/foreign");
  DiskUsage usage = MeasureLinkedFolders(root.path, -1);
  CHECK_EQ(usage.bytes, MeasureFolder(data.path, -1).bytes);
  if (::getuid() == 0) {
    CHECK(::chown(data.path.c_str(), 12345, 12345) == 0);
    CHECK_EQ(MeasureLinkedFolders(root.path, -1).entries, 0u);
  }
  CHECK_EQ(MeasureLinkedFolders(root.path + "/missing", -1).entries, 0u);
}

TEST(a_missing_folder_is_an_error_and_space_is_that_of_statvfs) {
  CHECK_THROWS(ENOENT, MeasureFolder("/nonexistent", -1));
  CHECK_THROWS(ENOENT, slapos::ReadDiskSpace("/nonexistent"));
  slapos::DiskSpace space = slapos::ReadDiskSpace("/");
  CHECK(space.fragment_bytes > 0 && space.blocks >= space.free_blocks);
}
