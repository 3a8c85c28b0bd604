// Files replaced atomically, with and without O_TMPFILE, and what is left when that fails.
#include "core/file/replacement.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include "native/check.h"
#include "native/scratch.h"

using namespace slapos;
using slapos::test::Scratch;
namespace fs = std::filesystem;

namespace {

int WriteError(const Scratch& scratch, const std::string& path, const std::string& data,
               const Ownership& ownership) {
  auto failures = WriteAllBeneath(scratch.Root(), {{path, data, ownership}});
  return failures[0] ? failures[0]->err() : 0;
}

// Names in the folder that only a write in progress has.
size_t CountLeftovers(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    count += name.ends_with(".tmp") || name.ends_with(".slapos-new");
  }
  return count;
}

size_t CountDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) count++;
  return count;
}

// As a file system without O_TMPFILE answers (seccomp(2)): openat with that flag is EOPNOTSUPP.
void ForbidNamelessFiles() {
  constexpr uint32_t kNamelessBit = O_TMPFILE & ~O_DIRECTORY;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNamelessBit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {std::size(code), code};
  CHECK_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    throw slapos::test::Skip{"no seccomp filters here"};
  }
}

void Limit(int resource, rlim_t value) {
  rlimit limit = {value, value};
  CHECK_EQ(::setrlimit(static_cast<__rlimit_resource>(resource), &limit), 0);
}

// Runs `act` in a process of its own, whose limits end with it.
template <typename Act>
void InChild(Act act) {
  std::fflush(nullptr);
  pid_t pid = ::fork();
  if (pid == 0) {
    int status = 0;
    try {
      act();
    } catch (const slapos::test::Failure& failure) {
      std::fprintf(stderr, "%s\n", failure.text.c_str());
      status = 1;
    } catch (const slapos::test::Skip&) {
      status = 2;
    }
    ::_exit(status);
  }
  int status = 0;
  CHECK_EQ(::waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) throw slapos::test::Skip{"no seccomp filters here"};
  CHECK_EQ(WEXITSTATUS(status), 0);
}

void ReplaceOneOfEachKind(const Scratch& scratch) {
  scratch.Put("root/d/old", "old");
  std::vector<FileToWrite> files = {{"d/old", std::string(100000, 'n'), {0600}},
                                    {"d/new", "", {0644}},
                                    {"link", "instead of a link", {0640}},
                                    {"none/x", "x", {0600}},
                                    {"d/e", "x", {0600}}};
  auto failures = WriteAllBeneath(scratch.Root(), files);
  CHECK(!failures[0] && !failures[1] && !failures[2]);
  CHECK(failures[3] && failures[3]->err() == ENOENT);
  CHECK(failures[4] && failures[4]->err() == EISDIR);
  CHECK_EQ(scratch.Get("root/d/old"), std::string(100000, 'n'));
  CHECK(fs::is_regular_file(fs::symlink_status(scratch.Path("root/link"))));
  CHECK_EQ(scratch.Get("outside/secret"), "secret");
  CHECK_EQ(CountLeftovers(scratch.Root()) + CountLeftovers(scratch.Root() + "/d"), 0u);
}

// A write that stops in the middle takes back what it made.
void FailInTheMiddle(const Scratch& scratch) {
  ::signal(SIGXFSZ, SIG_IGN);
  Limit(RLIMIT_FSIZE, 1000);
  size_t before = CountDescriptors();
  CHECK_EQ(ErrnoName(WriteError(scratch, "d/e/f", std::string(2000, 'x'), {0600})), "EFBIG");
  CHECK_EQ(scratch.Get("root/d/e/f"), "f");
  CHECK_EQ(CountLeftovers(scratch.Root() + "/d/e"), 0u);
  CHECK_EQ(CountDescriptors(), before);
}

}  // namespace

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

TEST(files_are_replaced_where_none_can_be_nameless) {
  Scratch scratch;
  fs::create_symlink(scratch.Path("outside/secret"), scratch.Path("root/link"));
  InChild([&] {
    ForbidNamelessFiles();
    CHECK(::openat(AT_FDCWD, "/tmp", O_WRONLY | O_TMPFILE, 0600) < 0 && errno == EOPNOTSUPP);
    ReplaceOneOfEachKind(scratch);
  });
}

TEST(files_are_replaced_by_nameless_ones) {
  Scratch scratch;
  fs::create_symlink(scratch.Path("outside/secret"), scratch.Path("root/link"));
  ReplaceOneOfEachKind(scratch);
}

TEST(a_failed_write_leaves_nothing_behind) {
  Scratch scratch;
  InChild([&] { FailInTheMiddle(scratch); });
  InChild([&] {
    ForbidNamelessFiles();
    FailInTheMiddle(scratch);
  });
}

TEST(what_stands_under_the_fixed_name_is_no_obstacle) {
  Scratch scratch;
  scratch.Put("root/d/.file.slapos-new", "left by a killed writer");
  fs::create_directories(scratch.Path("root/d/.folder.slapos-new/full"));
  fs::create_symlink(scratch.Path("outside/secret"), scratch.Path("root/d/.link.slapos-new"));
  for (const char* name : {"file", "folder", "link"}) {
    CHECK_EQ(WriteError(scratch, std::string("d/") + name, "new", {0600}), 0);
    CHECK_EQ(scratch.Get(std::string("root/d/") + name), "new");
  }
  CHECK(!fs::exists(scratch.Path("root/d/.file.slapos-new")));
  CHECK(fs::exists(scratch.Path("root/d/.folder.slapos-new/full")));
  CHECK_EQ(scratch.Get("outside/secret"), "secret");
}

TEST(files_for_which_no_descriptor_is_left_are_refused) {
  Scratch scratch;
  InChild([&] {
    Limit(RLIMIT_NOFILE, 64);
    std::vector<FileToWrite> files;
    for (int index = 0; index < 250; index++) {
      files.push_back({"d/f" + std::to_string(index), std::to_string(index), {0600}});
    }
    size_t refused = 0;
    auto failures = WriteAllBeneath(scratch.Root(), files);
    for (int index = 0; index < 250; index++) {
      const auto& failure = failures[static_cast<size_t>(index)];
      std::string path = "root/d/f" + std::to_string(index);
      if (failure) {
        refused++;
        CHECK_EQ(ErrnoName(failure->err()), "EMFILE");
        CHECK(!fs::exists(scratch.Path(path)));
      } else {
        CHECK_EQ(scratch.Get(path), std::to_string(index));
      }
    }
    CHECK(refused > 0 && refused < 250);
    CHECK_EQ(CountLeftovers(scratch.Root() + "/d"), 0u);
  });
}
