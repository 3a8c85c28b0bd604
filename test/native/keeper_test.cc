// The parts of the keeper that need no process: journal, options, spawn messages, texts.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keeper/handover.h"
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
    CHECK_EQ(journal.Append({"boot this"}), 0);
    for (const auto& child : {one, two}) CHECK_EQ(journal.Append({RenderChild(child)}), 0);
    journal.Append({RenderExit(Exit(1, two))});
    journal.Append({RenderExit(Exit(2, {"x", 12, 113, 1}))});
    journal.Append({RenderAck(1)});
    journal.Append({RenderNote("key 1", "va lue")});
    journal.Append({RenderNote("gone", "x")});
    journal.Append({RenderNote("gone", "")});
    journal.Append({"child 99 nonsense"});
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

TEST(a_journal_keeps_a_process_with_the_number_of_one_that_ended) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  JournalState state;
  state.boot_id = "this";
  state.exits = {Exit(1, {"x", 11, 111, 1})};
  state.children[11] = {"y", 11, 222, 2};
  CHECK_EQ(journal.Compact(state), 0);
  JournalState again = journal.Read("this");
  CHECK_EQ(again.children.size(), 1u);
  CHECK_EQ(again.children[11].start, 222u);
  CHECK_EQ(again.exits.size(), 1u);
}

TEST(a_journal_knows_no_numbers_below_zero) {
  JournalState state;
  for (const char* line : {"exit 1 11 111 0 0 0 0 1 x", "ack -2", "heard -1", "child -3 1 1 x",
                           "child 3 -1 1 x", "exit -1 11 111 0 0 0 0 1 x"}) {
    ApplyLine(line, &state);
  }
  CHECK_EQ(state.exits.size(), 1u);
  CHECK_EQ(state.last_serial, 1u);
  CHECK_EQ(state.children.size(), 0u);
}

TEST(a_journal_torn_at_any_byte_says_what_its_whole_lines_say) {
  JournalFile file;
  const std::vector<std::string> lines = {"boot b",
                                          RenderChild({"a b", 10, 1, 5, "tag 1"}),
                                          RenderNote("key", "a longer value"),
                                          RenderChild({"two", 11, 2, 6}),
                                          RenderExit(Exit(1, {"a b", 10, 1, 5, "tag 1"})),
                                          RenderHeard(1),
                                          RenderNote("key", "")};
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  for (size_t length = 0; length <= text.size(); length++) {
    JournalState expected;
    std::string whole = text.substr(0, length);
    whole.resize(whole.rfind('\n') == std::string::npos ? 0 : whole.rfind('\n') + 1);
    for (size_t start = 0; start < whole.size(); start = whole.find('\n', start) + 1) {
      ApplyLine(whole.substr(start, whole.find('\n', start) - start), &expected);
    }
    ApplyLine("boot b", &expected);
    std::ofstream(file.Path(), std::ios::trunc) << text.substr(0, length);
    Journal journal = Journal::Open(file.Path());
    JournalState state = journal.Read("b");
    CHECK_EQ(state.children.size(), expected.children.size());
    CHECK_EQ(state.exits.size(), expected.exits.size());
    CHECK(state.notes == expected.notes);
    // What is appended to a torn line is not taken for a part of it.
    journal.Append({"boot b", RenderNote("more", "value")});
    CHECK_EQ(journal.Read("b").children.size(), expected.children.size());
    CHECK_EQ(journal.Read("b").notes["more"], "value");
  }
}

TEST(a_process_writes_itself_into_the_journal) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  journal.Append({"boot b"});
  std::ofstream(file.Path(), std::ios::app) << "store key va";
  BirthRecord birth = PlanBirth(journal.Fd(), {"a b", -1, 0, 7, "t"});
  std::string line = birth.prefix + " 10 3 " + birth.suffix;
  CHECK_EQ(::write(birth.fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  JournalState state = journal.Read("b");
  CHECK(state.notes.empty());
  CHECK_EQ(state.children[10].name, "a b");
  CHECK_EQ(state.children[10].start, 3u);
  CHECK_EQ(state.children[10].tag, "t");
}

TEST(a_table_reads_as_it_was_written) {
  Handover handover;
  handover.files = rlimit{1024, RLIM_INFINITY};
  handover.controller_starts = 3;
  handover.signals = {15};
  auto open = [] { return UniqueFd(::open("/dev/null", O_RDWR)); };
  handover.services.push_back({10, 77, true, open(), {}});
  handover.services.back().kept.push_back({"std in", open()});
  std::string text = RenderHandover(handover);
  int pidfd = handover.services[0].pidfd.Release();
  int kept = handover.services[0].kept[0].fd.Release();
  JournalFile file;
  std::ofstream(file.Path()) << text;
  Handover read = ReadHandover(UniqueFd(::open(file.Path().c_str(), O_RDONLY)));
  CHECK_EQ(read.files->rlim_cur, 1024u);
  CHECK(read.files->rlim_max == RLIM_INFINITY);
  CHECK_EQ(read.controller_starts, 3u);
  CHECK_EQ(read.signals[0], 15);
  CHECK_EQ(read.services[0].pidfd.Get(), pidfd);
  CHECK(read.services[0].is_child);
  CHECK_EQ(read.services[0].kept[0].label, "std in");
  CHECK_EQ(read.services[0].kept[0].fd.Get(), kept);
  CHECK_EQ(::fcntl(kept, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  std::ofstream(file.Path(), std::ios::trunc) << text.substr(0, text.size() - 2);
  bool is_refused = false;
  try {
    ReadHandover(UniqueFd(::open(file.Path().c_str(), O_RDONLY)));
  } catch (const StartError&) {
    is_refused = true;
  }
  CHECK(is_refused);
}

TEST(another_boot_forgets_everything) {
  JournalFile file;
  Journal journal = Journal::Open(file.Path());
  journal.Append({"boot before"});
  journal.Append({RenderChild({"a", 10, 1, 1})});
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
  journal.Append({"boot b"});
  journal.Append({RenderExit(Exit(7, {"a", 10, 1, 1}))});
  journal.Append({RenderAck(7)});
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
  for (int index = 0; index < 40000; index++)
    journal.Append({RenderNote("key", "a value of words")});
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
