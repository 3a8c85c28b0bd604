// Sizes against what stat(2) says of the same files, on trees that are deep, linked and changing.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/disk/hard_links.h"
#include "core/disk/quota.h"
#include "core/disk/usage.h"
#include "core/sys/event_fd.h"
#include "core/sys/unique_fd.h"
#include "native/check.h"

using slapos::DiskUsage;
using slapos::MeasureFolder;
using slapos::MeasureLinkedFolders;
using slapos::UniqueFd;

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

// What du(1) -s -k says.
uint64_t DuKib(const std::string& path) {
  FILE* output = ::popen(("du -s -k '" + path + "'").c_str(), "r");
  unsigned long kib = 0;
  int found = output == nullptr ? 0 : ::fscanf(output, "%lu", &kib);
  if (output != nullptr) ::pclose(output);
  CHECK_EQ(found, 1);
  return kib;
}

std::string RandomName(std::mt19937* random) {
  static const std::string kBytes = "ab .\n\t\\'\"*\xff\xc3";
  std::string name = "n";
  for (unsigned length = (*random)() % 40; length > 0; length--) {
    name += kBytes[(*random)() % kBytes.size()];
  }
  return name + std::to_string((*random)() % 100000);
}

void MakeSparse(const std::string& path, off_t length) {
  WriteFile(path, 1);
  CHECK(::truncate(path.c_str(), length) == 0);
}

// Files, holes, links of both kinds and pipes in folders below each other.
void MakeRandomTree(const std::string& root, unsigned seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<std::string> folders = {root};
  std::vector<std::string> files;
  for (size_t made = 0; made < count; made++) {
    std::string path = folders[random() % folders.size()] + "/" + RandomName(&random);
    if (path.size() > 3000 || ::access(path.c_str(), F_OK) == 0) continue;
    unsigned kind = random() % 10;
    if (kind < 3) {
      CHECK(::mkdir(path.c_str(), 0700) == 0);
      folders.push_back(path);
    } else if (kind < 5 && !files.empty()) {
      CHECK(::link(files[random() % files.size()].c_str(), path.c_str()) == 0);
    } else if (kind == 5) {
      std::string target(random() % 300 + 1, 'x');
      CHECK(::symlink(random() % 2 == 0 ? "/usr" : target.c_str(), path.c_str()) == 0);
    } else if (kind == 6) {
      CHECK(::mkfifo(path.c_str(), 0600) == 0);
    } else {
      if (kind == 7) MakeSparse(path, 1 << 24);
      if (kind != 7) WriteFile(path, random() % 9000);
      files.push_back(path);
    }
  }
}

size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) count += !entry.path().empty();
  return count;
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
  constexpr int kDepth = 10000;
  int folder = ::open(root.path.c_str(), O_DIRECTORY | O_RDONLY);
  for (int level = 0; level < kDepth; level++) {
    CHECK(::mkdirat(folder, "next", 0700) == 0);
    if (level % 50 == 0) CHECK(::mkdirat(folder, "a", 0700) == 0);
    if (level % 50 == 0) CHECK(::mkdirat(folder, "z", 0700) == 0);
    int next = ::openat(folder, "next", O_DIRECTORY | O_RDONLY);
    ::close(folder);
    folder = next;
  }
  ::close(folder);
  DiskUsage usage = MeasureFolder(root.path, -1);
  CHECK_EQ(usage.entries, 1u + kDepth + 2 * kDepth / 50);
  CHECK_EQ(usage.failures, 0u);
}

// On the way back from a deep folder those above are closed, while the other threads want folders.
TEST(folders_above_a_deep_one_are_walked_also_by_several_threads) {
  TempFolder root;
  constexpr int kDepth = 4200;
  constexpr int kSiblings = 4;
  constexpr int kWithSiblings = 60;
  UniqueFd folder(::open(root.path.c_str(), O_DIRECTORY | O_RDONLY));
  for (int level = 0; level < kDepth; level++) {
    for (int at = 0; level < kWithSiblings && at < kSiblings; at++) {
      CHECK(::mkdirat(folder.Get(), std::to_string(at).c_str(), 0700) == 0);
    }
    // One name would come in the same place among the others everywhere.
    std::string next = "next" + std::to_string(level);
    CHECK(::mkdirat(folder.Get(), next.c_str(), 0700) == 0);
    folder.Reset(::openat(folder.Get(), next.c_str(), O_DIRECTORY | O_RDONLY));
  }
  for (size_t threads : {1, 2, 4}) {
    DiskUsage usage = MeasureFolder(root.path, -1, {threads});
    CHECK_EQ(usage.entries, 1u + kDepth + kWithSiblings * kSiblings);
    CHECK_EQ(usage.failures, 0u);
  }
}

TEST(a_cancelled_walk_ends_early) {
  TempFolder root;
  for (int i = 0; i < 50; i++) fs::create_directories(root.path + "/" + std::to_string(i) + "/x");
  slapos::EventFd cancel;
  cancel.Raise();
  CHECK(MeasureFolder(root.path, cancel.Fd()).entries < 100u);
}

TEST(random_trees_are_as_large_as_du_says_with_any_number_of_threads) {
  for (unsigned seed = 1; seed <= 3; seed++) {
    TempFolder root;
    MakeRandomTree(root.path, seed, seed == 3 ? 7000 : 500);
    size_t before = OpenDescriptors();
    for (size_t threads : {1, 2, 4}) {
      DiskUsage usage = MeasureFolder(root.path, -1, {threads});
      CHECK_EQ(usage.bytes / 1024, DuKib(root.path));
      CHECK_EQ(usage.failures, 0u);
    }
    CHECK_EQ(OpenDescriptors(), before);
  }
}

TEST(a_large_folder_is_read_in_pieces) {
  TempFolder root;
  for (int i = 0; i < 5000; i++) {
    std::string name = root.path + "/" + std::string(100, 'f') + std::to_string(i);
    if (i % 2 == 0) WriteFile(name, 1);
    if (i % 2 == 1) fs::create_directories(name + "/below");
  }
  DiskUsage usage = MeasureFolder(root.path, -1, {4});
  CHECK_EQ(usage.entries, 1u + 2500 + 2 * 2500);
  CHECK_EQ(usage.bytes / 1024, DuKib(root.path));
}

TEST(files_of_several_names_are_shared_out_when_there_is_no_room_to_remember_them) {
  TempFolder root;
  for (int i = 0; i < 200; i++) {
    std::string name = root.path + "/" + std::to_string(i);
    WriteFile(name, 8192);
    for (int link = 0; link < 1 + i % 3; link++) {
      fs::create_hard_link(name, name + "-" + std::to_string(link));
    }
  }
  uint64_t expected = DuKib(root.path);
  for (size_t limit : {0, 16, 100, 1000}) {
    CHECK_EQ(MeasureFolder(root.path, -1, {1, limit}).bytes / 1024, expected);
  }
}

TEST(hard_links_are_remembered_up_to_the_limit_and_the_answer_for_a_file_stays) {
  using Meeting = slapos::HardLinks::Meeting;
  slapos::HardLinks links(1600);
  size_t first = 0;
  std::vector<Meeting> answers;
  for (uint64_t inode = 0; inode < 5000; inode++) {
    answers.push_back(links.Meet({7, inode}));
    first += answers.back() == Meeting::kFirst;
  }
  CHECK_EQ(first, 1600u);
  for (uint64_t inode = 0; inode < 5000; inode++) {
    Meeting again = links.Meet({7, inode});
    CHECK(again == (answers[inode] == Meeting::kFirst ? Meeting::kAgain : Meeting::kUnknown));
  }
  CHECK(slapos::HardLinks(16).Meet({8, 1}) == Meeting::kFirst);
}

// Folders change places with links to a folder outside while threads walk: that one is never
// counted.
TEST(a_tree_that_changes_never_leads_outside) {
  TempFolder root;
  TempFolder outside;
  TempFolder aside;
  WriteFile(outside.path + "/huge", 64 << 20);
  for (int i = 0; i < 100; i++) {
    std::string folder = root.path + "/" + std::to_string(i);
    fs::create_directories(folder + "/a/b/c");
    for (int file = 0; file < 60; file++) WriteFile(folder + "/a/" + std::to_string(file), 1);
    fs::create_directory_symlink(outside.path, aside.path + "/" + std::to_string(i));
  }
  std::atomic<bool> is_over{false};
  std::thread attacker([&] {
    while (!is_over) {
      for (int i = 0; i < 100; i++) {
        std::string name = "/" + std::to_string(i);
        (void)::renameat2(AT_FDCWD, (root.path + name).c_str(), AT_FDCWD,
                          (aside.path + name).c_str(), RENAME_EXCHANGE);
      }
    }
  });
  uint64_t largest = 0;
  for (int turn = 0; turn < 15; turn++) {
    largest = std::max(largest, MeasureFolder(root.path, -1, {4}).bytes);
  }
  is_over = true;
  attacker.join();
  CHECK(largest > 0 && largest < (32u << 20));
}

TEST(a_walk_of_several_threads_is_cancelled_while_it_goes) {
  TempFolder root;
  MakeRandomTree(root.path, 4, 6000);
  for (int turn = 0; turn < 10; turn++) {
    slapos::EventFd cancel;
    std::thread canceller([&] { cancel.Raise(); });
    CHECK(MeasureFolder(root.path, cancel.Fd(), {4}).entries > 0);
    canceller.join();
  }
}

TEST(a_quota_that_is_not_there_is_an_error_that_says_why) {
  TempFolder root;
  CHECK_THROWS(ENOENT, slapos::ReadOwnerQuota("/nonexistent"));
  if (::getuid() != 0) return;
  CHECK_THROWS(EPERM, slapos::ReadOwnerQuota(root.path));
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
  CHECK_EQ(MeasureLinkedFolders(root.path, -1, data.path).entries, 0u);
  CHECK_EQ(MeasureLinkedFolders(root.path, -1, "/proc").bytes, usage.bytes);
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
