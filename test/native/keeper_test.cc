// The parts of the keeper that need no process: journal, options, spawn messages, texts.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keeper/journal.h"
#include "keeper/listener.h"
#include "keeper/options.h"
#include "keeper/spawn_message.h"
#include "keeper/text.h"
#include "native/check.h"

using namespace slapos;
using namespace slapos::keeper;
namespace fs = std::filesystem;

namespace {

class JournalFile {
 public:
  JournalFile() {
    char name[] = "/tmp/slapos-journal-XXXXXX";
    CHECK(::mkdtemp(name) != nullptr);
    folder_ = name;
  }
  ~JournalFile() { fs::remove_all(folder_); }
  std::string Path() const { return folder_ + "/state"; }
  std::string Text() const {
    std::ifstream stream(Path());
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string folder_;
};

ExitRecord Exit(uint64_t serial, const ChildRecord& child) {
  ExitRecord exit;
  exit.serial = serial;
  exit.child = child;
  exit.status = 3;
  return exit;
}

std::optional<Options> Parse(std::vector<std::string> words, std::string* problem) {
  words.insert(words.begin(), "slapos-supervisord");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::optind = 0;
  return ParseOptions(static_cast<int>(words.size()), argv.data(), problem);
}

const std::vector<std::string> kMinimal = {"-c",           "/c", "--node",    "/n",
                                           "--controller", "/k", "--pidfile", "/p",
                                           "--journal",    "/j", "--logfile", "/l"};

}  // namespace

TEST(a_journal_remembers_what_lives_and_what_was_not_acknowledged) {
  JournalFile file;
  ChildRecord one{"a b:c%\n", 10, 111, 5000};
  ChildRecord two{"two", 11, 112, 5001};
  {
    Journal journal = Journal::Open(file.Path());
    CHECK_EQ(journal.Append("boot this"), 0);
    for (const auto& child : {one, two}) CHECK_EQ(journal.Append(RenderChild(child)), 0);
    journal.Append(RenderExit(Exit(1, two)));
    journal.Append(RenderExit(Exit(2, {"x", 12, 113, 1})));
    journal.Append(RenderAck(1));
    journal.Append(RenderNote("key 1", "va lue"));
    journal.Append(RenderNote("gone", "x"));
    journal.Append(RenderNote("gone", ""));
    journal.Append("child 99 nonsense");
  }
  Journal journal = Journal::Open(file.Path());
  JournalState state = journal.Read("this");
  CHECK_EQ(state.children.size(), 1u);
  CHECK_EQ(state.children[10].name, one.name);
  CHECK_EQ(state.children[10].start, 111u);
  CHECK_EQ(state.exits.size(), 1u);
  CHECK_EQ(state.exits[0].serial, 2u);
  CHECK_EQ(state.exits[0].status, 3);
  CHECK_EQ(state.last_serial, 2u);
  CHECK_EQ(state.notes.size(), 1u);
  CHECK_EQ(state.notes["key 1"], "va lue");
  CHECK_EQ(journal.Compact(state), 0);
  JournalState again = journal.Read("this");
  CHECK_EQ(again.children[10].name, one.name);
  CHECK_EQ(again.exits.size(), 1u);
  CHECK_EQ(again.last_serial, 2u);
  CHECK_EQ(again.notes["key 1"], "va lue");
}

TEST(another_boot_forgets_everything) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  journal.Append("boot before");
  journal.Append(RenderChild({"a", 10, 1, 1}));
  CHECK(journal.Read("now").children.empty());
  CHECK_EQ(journal.Read("before").children.size(), 1u);
}

TEST(a_half_written_line_is_ignored) {
  JournalFile file;
  std::ofstream(file.Path()) << "boot b\nchild 10 1 1 whole\nchild 11 1 1 ha";
  CHECK_EQ(Journal::Open(file.Path()).Read("b").children.size(), 1u);
}

TEST(acknowledging_everything_keeps_the_serial) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  journal.Append("boot b");
  journal.Append(RenderExit(Exit(7, {"a", 10, 1, 1})));
  journal.Append(RenderAck(7));
  JournalState state = journal.Read("b");
  CHECK(state.exits.empty());
  CHECK_EQ(state.last_serial, 7u);
  journal.Compact(state);
  CHECK_EQ(journal.Read("b").last_serial, 7u);
}

TEST(a_journal_has_one_keeper) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  bool is_refused = false;
  try {
    Journal::Open(file.Path());
  } catch (const StartError&) {
    is_refused = true;
  }
  CHECK(is_refused);
  // The lock moves to the new file.
  CHECK_EQ(journal.Compact(journal.Read("b")), 0);
  is_refused = false;
  try {
    Journal::Open(file.Path());
  } catch (const StartError&) {
    is_refused = true;
  }
  CHECK(is_refused);
}

TEST(a_journal_that_grew_is_rewritten) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  CHECK(!journal.IsOversized());
  for (int index = 0; index < 40000; index++) journal.Append(RenderNote("key", "a value of words"));
  CHECK(journal.IsOversized());
  JournalState state = journal.Read("b");
  CHECK_EQ(journal.Compact(state), 0);
  CHECK(!journal.IsOversized());
  CHECK(file.Text().size() < 100);
}

TEST(options_are_read_and_refused_by_name) {
  std::string problem;
  std::vector<std::string> words = kMinimal;
  words.insert(words.end(), {"-n", "--socket", "/s", "--socket-mode", "0770", "--socket-owner",
                             "5:6", "--umask", "027", "--", "--loglevel", "debug"});
  auto options = Parse(words, &problem);
  CHECK(options.has_value());
  CHECK(options->no_daemon);
  CHECK_EQ(options->socket_mode, 0770u);
  CHECK_EQ(options->socket_owner->gid, 6u);
  CHECK_EQ(*options->umask, 027u);
  CHECK_EQ(options->controller_args.size(), 2u);
  CHECK(!Parse({"-c", "/c"}, &problem).has_value());
  CHECK_EQ(problem, "option --node is missing");
  problem.clear();
  CHECK(!Parse({"-h"}, &problem).has_value());
  CHECK_EQ(problem, "");
}

TEST(a_spawn_message_becomes_a_request) {
  std::vector<UniqueFd> fds;
  fds.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Message message("spawn");
  message.Add("name", "g:p").Add("file", "/bin/true").Add("arg", "true").Add("env", "A=b");
  message.Add("uid", 5).Add("gid", 6).Add("group", 6).Add("group", 7).Add("umask", 18);
  message.Add("limit", "7:100:-").Add("stdout", 0).Add("stderr", 0).Add("keep", "0:a:b");
  SpawnRequest request;
  std::vector<Kept> kept;
  std::string problem;
  CHECK(DecodeSpawn(message, std::move(fds), &request, &kept, &problem));
  CHECK_EQ(request.credentials->groups.size(), 2u);
  CHECK_EQ(*request.umask, 022u);
  CHECK_EQ(request.limits[0].hard, static_cast<uint64_t>(RLIM_INFINITY));
  CHECK(!request.stdio[0] && request.stdio[1] && request.stdio[2]);
  CHECK(request.stdio[1].Get() != request.stdio[2].Get());
  CHECK_EQ(kept[0].label, "a:b");
  CHECK_EQ(request.cwd, "/");
}

TEST(a_wrong_spawn_message_is_refused_by_field) {
  const std::pair<const char*, const char*> cases[] = {
      {"uid", "-1"},  {"uid", "4294967295"}, {"umask", "9999"}, {"limit", "7:1"},
      {"stdin", "0"}, {"stderr", "x"},       {"keep", "0"},     {"limit", "a:1:1"},
  };
  for (const auto& [key, value] : cases) {
    Message message("spawn");
    message.Add("name", "p").Add("file", "/x").Add("arg", "x").Add("gid", 1).Add(key, value);
    SpawnRequest request;
    std::vector<Kept> kept;
    std::string problem;
    CHECK(!DecodeSpawn(message, {}, &request, &kept, &problem));
    CHECK(problem.find(key) != std::string::npos);
  }
}

TEST(failures_read_as_those_of_supervisord) {
  SpawnRequest request;
  request.file = "/x";
  request.cwd = "/d";
  request.credentials = Credentials{7, 7, {}};
  CHECK_EQ(StepText(request, {SpawnStep::kExec, ENOEXEC}), "supervisor: couldn't exec /x: ENOEXEC");
  CHECK_EQ(StepText(request, {SpawnStep::kDirectory, ENOENT}),
           "supervisor: couldn't chdir to /d: ENOENT");
  CHECK_EQ(StepText(request, {SpawnStep::kGid, EPERM}),
           "supervisor: couldn't setuid to 7: setgid EPERM");
  CHECK_EQ(EndText(3, 0), "exit status 3");
  CHECK_EQ(EndText(-1, 9), "signal SIGKILL");
}
