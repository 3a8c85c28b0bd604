// Logs of services: names that a service's user chose, and rotation beside a writer that never
// stops, on the file system of /var/tmp and on tmpfs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/file/log_file.h"
#include "core/file/log_rotation.h"
#include "core/file/log_sweep.h"
#include "native/check.h"

using namespace slapos;
namespace fs = std::filesystem;

namespace {

constexpr int kAppend = O_WRONLY | O_APPEND | O_CREAT;

// A folder that others may write to.
class Scratch {
 public:
  explicit Scratch(const std::string& parent = "/tmp") {
    base_ = parent + "/slapos-log-XXXXXX";
    CHECK(::mkdtemp(base_.data()) != nullptr);
    ::chmod(base_.c_str(), 0777);
  }
  ~Scratch() { fs::remove_all(base_); }
  std::string Path(const std::string& name) const { return base_ + "/" + name; }
  std::string Get(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }

 private:
  std::string base_;
};

UniqueFd Open(const std::string& path, std::optional<uid_t> owner = std::nullopt) {
  return OpenLog(FindLog(path), kAppend, 0644, owner);
}

void Write(const UniqueFd& fd, const std::string& text) {
  CHECK_EQ(::write(fd.Get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::string Line(unsigned long number) {
  char line[64];
  ::snprintf(line, sizeof line, "line %012lu of a service that never stops\n", number);
  return line;
}

// Writes numbered lines until told to stop.
class Writer {
 public:
  explicit Writer(const std::string& path) : fd_(Open(path)) {
    thread_ = std::thread([this] {
      for (; !is_over_; count_++) Write(fd_, Line(count_));
    });
  }
  unsigned long Stop() {
    is_over_ = true;
    thread_.join();
    return count_;
  }

 private:
  UniqueFd fd_;
  std::atomic<bool> is_over_ = false;
  unsigned long count_ = 0;
  std::thread thread_;
};

struct Tally {
  unsigned long lost = 0;
  unsigned long torn = 0;  // a line of which a part was lost
  unsigned long doubled = 0;
};

// Compares all backups and the log, oldest first, with the lines that were written.
Tally Compare(const Scratch& scratch, unsigned backups, unsigned long count) {
  std::string all;
  for (unsigned number = backups; number >= 1; number--) {
    all += scratch.Get("log." + std::to_string(number));
  }
  all += scratch.Get("log");
  Tally tally;
  std::istringstream stream(all);
  unsigned long expected = 0;
  for (std::string line; std::getline(stream, line);) {
    unsigned long number = ::strtoul(line.c_str() + 5, nullptr, 10);
    if (line + "\n" != Line(number)) {
      tally.torn++;
    } else if (number < expected) {
      tally.doubled++;
    } else {
      tally.lost += number - expected;
      expected = number + 1;
    }
  }
  tally.lost += count - expected;
  return tally;
}

void RotateBesideWriter(const std::string& parent) {
  Scratch scratch(parent);
  constexpr unsigned kRotations = 60;
  Writer writer(scratch.Path("log"));
  Rotation last = Rotation::kNone;
  for (unsigned round = 0; round < kRotations;) {
    Rotation rotation = RotateLog(scratch.Path("log"), {50'000, kRotations});
    if (rotation == Rotation::kNone) continue;
    last = rotation;
    round++;
  }
  unsigned long count = writer.Stop();
  Tally tally = Compare(scratch, kRotations, count);
  ::printf("# %s: %s, %lu lines, %lu lost, %lu torn\n", parent.c_str(),
           last == Rotation::kCollapsed ? "collapsed" : "truncated", count, tally.lost, tally.torn);
  CHECK_EQ(tally.doubled, 0UL);
  if (last == Rotation::kCollapsed) {
    CHECK_EQ(tally.lost + tally.torn, 0UL);
  } else {
    // What the gap of two system calls may take from a writer that is never idle, on a busy
    // machine.
    CHECK(tally.lost * 10 < count);
  }
}

}  // namespace

TEST(a_log_is_a_plain_file_with_one_name) {
  Scratch scratch;
  std::string log = scratch.Path("a.log");
  for (int round = 0; round < 2; round++) {
    UniqueFd fd = Open(log);
    Write(fd, "line\n");
    CHECK_EQ(::fcntl(fd.Get(), F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
  }
  CHECK_EQ(scratch.Get("a.log"), "line\nline\n");
  fs::create_symlink("a.log", scratch.Path("b.log"));
  CHECK_THROWS(ELOOP, Open(scratch.Path("b.log")));
  fs::create_hard_link(log, scratch.Path("c.log"));
  CHECK_THROWS(EMLINK, Open(log));
  CHECK_EQ(::mkfifo(scratch.Path("p.log").c_str(), 0600), 0);
  CHECK_THROWS(ENXIO, Open(scratch.Path("p.log")));
  fs::create_directory(scratch.Path("d"));
  CHECK_THROWS(EISDIR, Open(scratch.Path("d")));
  fs::create_directory_symlink("d", scratch.Path("e"));
  CHECK_THROWS(ELOOP, Open(scratch.Path("e/a.log")));
  CHECK_THROWS(EINVAL, Open(scratch.Path("d/../a.log")));
  CHECK_THROWS(ENOENT, Open(scratch.Path("none/a.log")));
  CHECK_THROWS(EINVAL, Open("a.log"));
}

TEST(a_log_of_a_third_user_is_refused) {
  if (::geteuid() != 0) throw slapos::test::Skip{"needs root"};
  Scratch scratch;
  std::string log = scratch.Path("a.log");
  Open(log, 4001);
  CHECK_EQ(::chown(log.c_str(), 4001, 4001), 0);
  Open(log, 4001);
  CHECK_THROWS(EPERM, Open(log, 4002));
}

TEST(a_log_is_rotated_beside_a_writer_on_disk) { RotateBesideWriter("/var/tmp"); }

TEST(a_log_is_rotated_beside_a_writer_on_tmpfs) { RotateBesideWriter("/dev/shm"); }

TEST(the_sweep_wakes_after_a_log_was_forgotten_that_nobody_watched) {
  Scratch scratch("/dev/shm");
  LogSweep sweep([](const std::string&, const SysError&) {}, 5);
  std::string log = scratch.Path("log");
  Write(Open(log), std::string(100'000, 'x'));
  sweep.Forget(scratch.Path("other"));
  sweep.Watch(log, {50'000, 1});
  for (int tries = 0; tries < 1000 && !fs::exists(log + ".1"); tries++) ::usleep(5000);
  CHECK(fs::exists(log + ".1"));
}

TEST(the_sweep_rotates_what_is_watched) {
  Scratch scratch("/var/tmp");
  std::atomic<int> problems = 0;
  LogSweep sweep([&](const std::string&, const SysError&) { problems++; }, 5);
  std::string log = scratch.Path("log");
  std::string link = scratch.Path("link");
  std::string other = scratch.Path("other");
  Write(Open(log), std::string(100'000, 'x'));
  Write(Open(other), std::string(100'000, 'x'));
  fs::create_hard_link(other, link);
  sweep.Watch(log, {50'000, 1});
  sweep.Watch(link, {50'000, 1});
  auto is_rotated = [&log] { return fs::exists(log + ".1") && fs::file_size(log) < 50'000; };
  for (int tries = 0; tries < 1000 && (!is_rotated() || problems == 0); tries++) {
    ::usleep(5000);
  }
  CHECK(fs::exists(log + ".1"));
  CHECK(fs::file_size(log) < 50'000);
  CHECK_EQ(fs::file_size(other), 100'000UL);
  ::usleep(300'000);
  CHECK_EQ(problems.load(), 1);
  // Watched twice, forgotten once: still watched.
  sweep.Watch(log, {50'000, 1});
  sweep.Forget(log);
  fs::remove(log + ".1");
  Write(Open(log), std::string(100'000, 'y'));
  for (int tries = 0; tries < 1000 && !fs::exists(log + ".1"); tries++) ::usleep(5000);
  CHECK(fs::exists(log + ".1"));
  sweep.Forget(log);
  ::usleep(100'000);
  fs::remove(log + ".1");
  Write(Open(log), std::string(100'000, 'z'));
  ::usleep(300'000);
  CHECK(!fs::exists(log + ".1"));
}
