// Walking, writing and removing beneath a folder; both ways of walking must agree.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/file/beneath.h"
#include "core/file/folder.h"
#include "core/file/lock.h"
#include "core/file/remove.h"
#include "core/file/replacement.h"
#include "native/check.h"

using namespace slapos;
namespace fs = std::filesystem;

namespace {

// A folder of its own for each test.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/slapos-native-XXXXXX";
    CHECK(::mkdtemp(name) != nullptr);
    base_ = name;
    fs::create_directories(base_ + "/root/d/e");
    fs::create_directory(base_ + "/outside");
    Put("outside/secret", "secret");
    Put("root/d/e/f", "f");
    fs::create_symlink("../outside", base_ + "/root/out");
    fs::create_symlink("d", base_ + "/root/in");
  }
  ~Scratch() { fs::remove_all(base_); }

  std::string Root() const { return base_ + "/root"; }
  std::string Path(const std::string& path) const { return base_ + "/" + path; }
  void Put(const std::string& path, const std::string& text) const {
    std::ofstream(Path(path)) << text;
  }
  std::string Get(const std::string& path) const {
    std::ifstream stream(Path(path));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string base_;
};

int OpenError(const Scratch& scratch, const std::string& path, int flags, WalkMethod method) {
  try {
    OpenBeneath(scratch.Root(), path, flags, 0600, method);
    return 0;
  } catch (const SysError& error) {
    return error.err();
  }
}

int WriteError(const Scratch& scratch, const std::string& path, const std::string& data,
               const Ownership& ownership) {
  auto failures = WriteAllBeneath(scratch.Root(), {{path, data, ownership}});
  return failures[0] ? failures[0]->err() : 0;
}

}  // namespace

TEST(both_walks_agree_and_stay_inside) {
  Scratch scratch;
  const std::pair<const char*, int> cases[] = {
      {"", 0},           {"d/e/f", 0},       {"in", ELOOP},
      {"in/e/f", ELOOP}, {"out", ELOOP},     {"out/secret", ELOOP},
      {"none", ENOENT},  {"none/x", ENOENT}, {"d/e/f/g", ENOTDIR},
      {"..", EINVAL},    {"d/..", EINVAL},   {"/etc", EINVAL},
      {"d//e", EINVAL},  {"d/", EINVAL},     {"./d", EINVAL},
  };
  for (const auto& [path, err] : cases) {
    for (WalkMethod method : {WalkMethod::kBest, WalkMethod::kByComponent}) {
      CHECK_EQ(ErrnoName(OpenError(scratch, path, O_RDONLY, method)), ErrnoName(err));
    }
  }
}

TEST(a_link_itself_can_be_looked_at) {
  Scratch scratch;
  for (WalkMethod method : {WalkMethod::kBest, WalkMethod::kByComponent}) {
    UniqueFd fd = OpenBeneath(scratch.Root(), "out", O_PATH, 0, method);
    struct stat status = {};
    CHECK_EQ(::fstat(fd.Get(), &status), 0);
    CHECK(S_ISLNK(status.st_mode));
  }
}

TEST(writing_replaces_whole_files_and_links) {
  Scratch scratch;
  ::umask(077);
  fs::create_symlink(scratch.Path("outside/secret"), scratch.Path("root/link"));
  CHECK(WriteError(scratch, "link", "new", {0644}) == 0);
  CHECK(WriteError(scratch, "d/e/f", std::string(100000, 'x'), {0600}) == 0);
  CHECK_EQ(scratch.Get("root/link"), "new");
  CHECK_EQ(scratch.Get("outside/secret"), "secret");
  CHECK_EQ(scratch.Get("root/d/e/f").size(), 100000u);
  CHECK_EQ(static_cast<int>(fs::status(scratch.Path("root/link")).permissions()), 0644);
  CHECK(WriteError(scratch, "d", "x", {0644}) == EISDIR);
  CHECK(WriteError(scratch, "out/x", "x", {0644}) == ENOTDIR);
  for (const auto& entry : fs::directory_iterator(scratch.Root())) {
    CHECK(entry.path().filename().string().find(".tmp") == std::string::npos);
  }
  ::umask(022);
}

TEST(many_files_are_written_each_for_itself) {
  Scratch scratch;
  std::vector<FileToWrite> files;
  for (int index = 0; index < 250; index++) {
    std::string path = index % 50 == 7 ? "none/x" : "d/f" + std::to_string(index);
    files.push_back({path, std::to_string(index), {0640}});
  }
  auto failures = WriteAllBeneath(scratch.Root(), files);
  for (int index = 0; index < 250; index++) {
    bool is_refused = index % 50 == 7;
    CHECK_EQ(failures[index].has_value(), is_refused);
    if (is_refused) continue;
    CHECK_EQ(scratch.Get("root/d/f" + std::to_string(index)), std::to_string(index));
  }
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(scratch.Path("root/d"))) count++;
  CHECK_EQ(count, 245u + 1);
}

TEST(folders_are_made_together_and_never_through_a_link) {
  Scratch scratch;
  std::string root = scratch.Root();
  ::umask(077);
  auto failures = CreateFolders({{root + "/made", {0751}},
                                 {root + "/d", {0705}},
                                 {root + "/out", {0700}},
                                 {root + "/none/deep", {0700}},
                                 {root + "/d/e/f", {0700}}});
  ::umask(022);
  CHECK(!failures[0] && !failures[1]);
  CHECK_EQ(static_cast<int>(fs::status(root + "/made").permissions()), 0751);
  CHECK_EQ(static_cast<int>(fs::status(root + "/d").permissions()), 0705);
  CHECK(failures[2] && (failures[2]->err() == ELOOP || failures[2]->err() == ENOTDIR));
  CHECK(failures[3] && failures[3]->err() == ENOENT);
  CHECK(failures[4] && failures[4]->err() == ENOTDIR);
}

TEST(folders_are_made_with_their_mode) {
  Scratch scratch;
  MkdirBeneath(scratch.Root(), "new", {01750});
  MkdirBeneath(scratch.Root(), "d", {0711});
  CHECK_EQ(static_cast<int>(fs::status(scratch.Path("root/new")).permissions()), 01750);
  CHECK_EQ(static_cast<int>(fs::status(scratch.Path("root/d")).permissions()), 0711);
  CHECK_THROWS(ENOTDIR, MkdirBeneath(scratch.Root(), "d/e/f", {0700}));
  CHECK_THROWS(ENOENT, MkdirBeneath(scratch.Root(), "a/b", {0700}));
  CHECK_THROWS(EINVAL, MkdirBeneath(scratch.Root(), "", {0700}));
}

TEST(removing_follows_nothing) {
  Scratch scratch;
  fs::create_symlink(scratch.Path("outside"), scratch.Path("root/d/link"));
  RemoveBeneath(scratch.Root(), "d");
  RemoveBeneath(scratch.Root(), "out");
  RemoveBeneath(scratch.Root(), "none/at/all");
  CHECK_THROWS(EINVAL, RemoveBeneath(scratch.Root(), ""));
  CHECK_EQ(scratch.Get("outside/secret"), "secret");
  CHECK(!fs::exists(scratch.Path("root/d")));
}

TEST(a_deep_and_closed_tree_is_removed) {
  Scratch scratch;
  UniqueFd folder(::open(scratch.Root().c_str(), O_RDONLY | O_DIRECTORY));
  for (int depth = 0; depth < 300; depth++) {
    CHECK_EQ(::mkdirat(folder.Get(), "deep", 0700), 0);
    UniqueFd next(::openat(folder.Get(), "deep", O_RDONLY | O_DIRECTORY));
    if (depth % 50 == 49) CHECK_EQ(::fchmod(folder.Get(), 0), 0);
    folder = std::move(next);
  }
  RemoveBeneath(scratch.Root(), "deep");
  CHECK(!fs::exists(scratch.Path("root/deep")));
}

TEST(a_lock_belongs_to_its_descriptor) {
  Scratch scratch;
  std::string path = scratch.Path("outside/secret");
  UniqueFd first(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  UniqueFd second(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  CHECK(TryLock(first.Get(), true));
  CHECK(TryLock(first.Get(), true));
  CHECK(!TryLock(second.Get(), true));
  CHECK(!TryLock(second.Get(), false));
  first.Reset();
  CHECK(TryLock(second.Get(), false));
  CHECK_THROWS(EBADF, TryLock(-1, true));
}
