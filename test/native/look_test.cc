// Many looks at once beneath a folder.
#include "core/file/look.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "native/check.h"
#include "native/scratch.h"

using namespace slapos;
using slapos::test::Scratch;

namespace {

template <typename Found>
std::string FailureOf(const Looked<Found>& look) {
  return look.failure ? ErrnoName(look.failure->err()) : "";
}

}  // namespace

TEST(each_look_stands_for_itself) {
  Scratch scratch;
  scratch.Put("root/d/large", std::string(100, 'x'));
  CHECK_EQ(::mkfifo(scratch.Path("root/fifo").c_str(), 0600), 0);
  LookRequest request;
  request.root = scratch.Root();
  request.texts = {"d/e/f", "none", "out/secret", "in",
                   "d",     "fifo", "d/large",    "../outside/secret"};
  request.max_bytes = 99;
  request.folders = {"d", "", "none", "in", "out", "d/e/f"};
  request.max_names = 4;
  request.targets = {"d/e/f", "in/e/f", "out/secret", "none", "d/e/f/g"};
  LookResult result = LookBeneath(request);

  CHECK_EQ(result.texts[0].found->content, "f");
  CHECK(result.texts[0].found->modified_ms > 1e12);
  CHECK(!result.texts[1].found && !result.texts[1].failure);
  const char* texts[] = {"", "", "ELOOP", "ELOOP", "ELOOP", "ELOOP", "EFBIG", "EINVAL"};
  for (size_t index = 0; index < result.texts.size(); index++) {
    CHECK_EQ(FailureOf(result.texts[index]), texts[index]);
  }

  CHECK((*result.folders[0].found == std::vector<std::string>{"e", "large"}));
  CHECK((*result.folders[1].found == std::vector<std::string>{"d", "fifo", "in", "out"}));
  CHECK(!result.folders[2].found && !result.folders[2].failure);
  for (size_t index : {3, 4}) CHECK(result.folders[index].failure.has_value());
  CHECK_EQ(FailureOf(result.folders[5]), "ENOTDIR");

  // Links are followed for these: what they lead to runs as the partition's user.
  for (size_t index : {0, 1, 2}) CHECK(S_ISREG(result.targets[index].found->st_mode));
  CHECK(!result.targets[3].found && !result.targets[3].failure);
  CHECK_EQ(FailureOf(result.targets[4]), "ENOTDIR");
}

TEST(a_folder_with_too_many_names_is_refused) {
  Scratch scratch;
  scratch.Put("root/d/one", "");
  LookRequest request;
  request.root = scratch.Root();
  request.folders = {"d", "d/e"};
  request.max_names = 1;
  LookResult result = LookBeneath(request);
  CHECK_EQ(FailureOf(result.folders[0]), "E2BIG");
  CHECK_EQ(result.folders[1].found->size(), size_t{1});
}

TEST(a_root_that_is_missing_is_an_error) {
  Scratch scratch;
  LookRequest request;
  request.root = scratch.Path("nowhere");
  try {
    LookBeneath(request);
    CHECK(false);
  } catch (const SysError& error) {
    CHECK_EQ(ErrnoName(error.err()), "ENOENT");
  }
}
