// Walking, reading and removing beneath a folder; both ways of walking must agree.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/file/beneath.h"
#include "core/file/folder.h"
#include "core/file/lock.h"
#include "core/file/remove.h"
#include "native/check.h"
#include "native/scratch.h"

using namespace slapos;
using slapos::test::Scratch;
namespace fs = std::filesystem;

namespace {

int OpenError(const Scratch& scratch, const std::string& path, int flags, WalkMethod method) {
  try {
    OpenBeneath(scratch.Root(), path, flags, 0600, method);
    return 0;
  } catch (const SysError& error) {
    return error.err();
  }
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

TEST(many_files_are_read_each_for_itself) {
  Scratch scratch;
  scratch.Put("root/empty", "");
  scratch.Put("root/just", std::string(4096, 'j'));
  scratch.Put("root/long", std::string(4097, 'l'));
  scratch.Put("root/zeros", std::string("a\0b", 3));
  CHECK_EQ(::mkfifo(scratch.Path("root/fifo").c_str(), 0600), 0);
  const std::pair<const char*, int> refused[] = {
      {"long", EFBIG},     {"fifo", ELOOP},       {"d", ELOOP},
      {"in/e/f", ELOOP},   {"out/secret", ELOOP}, {"../outside/secret", EINVAL},
      {"d/e/f/g", ENOTDIR}};
  std::vector<std::string> paths = {"d/e/f", "empty", "just", "zeros", "none", "d/none"};
  for (const auto& [path, err] : refused) paths.push_back(path);
  auto outcomes = ReadAllBeneath(scratch.Root(), paths, 4096);
  CHECK_EQ(outcomes.size(), paths.size());
  CHECK_EQ(*outcomes[0].content, "f");
  CHECK_EQ(*outcomes[1].content, "");
  CHECK_EQ(*outcomes[2].content, std::string(4096, 'j'));
  CHECK_EQ(*outcomes[3].content, std::string("a\0b", 3));
  for (size_t index : {4, 5}) CHECK(!outcomes[index].content && !outcomes[index].failure);
  for (size_t index = 0; index < std::size(refused); index++) {
    const ReadOutcome& one = outcomes[6 + index];
    CHECK(!one.content && one.failure);
    CHECK_EQ(ErrnoName(one.failure->err()), ErrnoName(refused[index].second));
  }
  CHECK_EQ(ReadAllBeneath(scratch.Root(), {}, 1).size(), 0u);
}

TEST(a_file_without_a_size_is_read_to_its_end) {
  std::string maps = *ReadBeneath("/proc/self", "maps", 1 << 24);
  CHECK(maps.size() > 1000 && maps.back() == '\n');
  CHECK_THROWS(EFBIG, ReadBeneath("/proc/self", "maps", 100));
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

TEST(emptying_keeps_the_folder_and_what_it_is_told) {
  Scratch scratch;
  fs::create_directories(scratch.Path("root/full/deep/er"));
  for (const char* name : {"kept", "\xff\xfe", "\x1b[2J\n", "deep/\xff", "deep/kept"}) {
    UniqueFd file(::open((scratch.Root() + "/full/" + name).c_str(), O_WRONLY | O_CREAT, 0600));
    CHECK(file.Get() >= 0);
  }
  fs::create_symlink(scratch.Path("outside"), scratch.Path("root/full/link"));
  EmptyBeneath(scratch.Root() + "/full", "", {"kept"});
  CHECK(fs::exists(scratch.Path("root/full/kept")));
  CHECK_EQ(std::distance(fs::directory_iterator(scratch.Path("root/full")), {}), 1);
  EmptyBeneath(scratch.Root(), "full", {});
  CHECK(fs::is_empty(scratch.Path("root/full")));
  EmptyBeneath(scratch.Root(), "none", {});
  CHECK_EQ(scratch.Get("outside/secret"), "secret");
  CHECK_THROWS(ENOTDIR, EmptyBeneath(scratch.Root(), "out", {}));
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

TEST(what_a_killed_mkdir_left_goes_with_the_next) {
  Scratch scratch;
  fs::path root = scratch.Root();
  fs::create_directory(root / ".new.slapos-new");
  MkdirBeneath(scratch.Root(), "new", {0750, kKeepUid, kKeepGid});
  CHECK(fs::is_directory(root / "new"));
  CHECK(!fs::exists(root / ".new.slapos-new"));
}

TEST(who_keeps_the_fixed_name_keeps_nobody_from_making_a_folder) {
  Scratch scratch;
  fs::path root = scratch.Root();
  fs::create_directories(root / ".new.slapos-new" / "full");
  scratch.Put("root/.other.slapos-new", "");
  for (const char* name : {"new", "other"}) {
    MkdirBeneath(scratch.Root(), name, {0750, kKeepUid, kKeepGid});
    CHECK(fs::is_directory(root / name));
  }
  CHECK(fs::is_directory(root / ".new.slapos-new" / "full"));
}
