// slapos-supervisord: the keeper of the services of a SlapOS node (docs/keeper-protocol.md).
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "core/sys/sys_error.h"
#include "keeper/keeper.h"
#include "keeper/listener.h"
#include "keeper/options.h"

namespace slapos::keeper {

namespace {

constexpr int kUsageStatus = 2;
constexpr mode_t kDaemonUmask = 022;
constexpr int64_t kJournalPatienceMs = 5000;

int Refuse(const char* program, const std::string& problem) {
  ::fprintf(stderr, "Error: %s\nFor help, use %s -h\n", problem.c_str(), program);
  return kUsageStatus;
}

// Descriptors 0 to 2 must exist before anything else is opened.
void EnsureStandardStreams() {
  int fd;
  do {
    fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (fd >= 0 && fd <= 2);
  if (fd > 2) ::close(fd);
}

// Threads inherit the mask; only the signal descriptor of the keeper hears these.
void BlockSignals() {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD}) {
    ::sigaddset(&handled, number);
  }
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void ReplaceStream(int fd) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) ::dup2(null.Get(), fd);
}

// The launcher's side: waits until the daemon is ready or has failed.
[[noreturn]] void AwaitReady(UniqueFd report, pid_t daemon) {
  char byte;
  ssize_t length;
  do {
    length = ::read(report.Get(), &byte, 1);
  } while (length < 0 && errno == EINTR);
  if (length == 1) ::_exit(0);
  int status = 0;
  ::waitpid(daemon, &status, 0);
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// Returns in the daemon only, with the descriptor on which to report that all is well.
UniqueFd Daemonize(const Options& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) ThrowErrno("pipe2");
  UniqueFd report(ends[0]);
  UniqueFd ready(ends[1]);
  pid_t daemon = ::fork();
  if (daemon < 0) ThrowErrno("fork");
  if (daemon > 0) {
    ready.Reset();
    AwaitReady(std::move(report), daemon);
  }
  ::setsid();
  ReplaceStream(STDIN_FILENO);
  ::umask(options.umask.value_or(kDaemonUmask));
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) {
    throw StartError("Cannot change to directory " + options.directory + ": " + ::strerror(errno));
  }
  return ready;
}

void WritePidFile(const std::string& path) {
  std::string temporary = path + ".new";
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  std::string text = std::to_string(::getpid()) + "\n";
  bool is_written =
      fd && ::fchmod(fd.Get(), 0644) == 0 &&
      ::write(fd.Get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!is_written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    throw StartError("Cannot write the pid file " + path + ": " + ::strerror(errno));
  }
}

std::optional<Listener> OpenListener(const Options& options) {
  if (options.listen_fd >= 0) return Listener::Adopt(options.listen_fd, options.socket);
  if (options.socket.empty()) return std::nullopt;
  return Listener::Bind(options.socket, options.socket_mode, options.socket_owner);
}

// What others see of us while we run: the socket and the pid file, removed at the end.
class Presence {
 public:
  explicit Presence(const Options& options) : options_(options), listener_(OpenListener(options)) {}
  ~Presence() {
    // The socket last: once it is gone another one may start, and write its pid there.
    if (has_pid_file_) ::unlink(options_.pid_file.c_str());
    if (listener_) listener_->Unlink();
  }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  Listener* GetListener() { return listener_ ? &*listener_ : nullptr; }
  // Whoever takes over goes on without: services must not lose their parent for it.
  void ShowPid(bool is_taking_over) {
    has_pid_file_ = true;
    try {
      WritePidFile(options_.pid_file);
    } catch (const StartError&) {
      has_pid_file_ = is_taking_over;
      if (!is_taking_over) throw;
    }
  }

 private:
  const Options& options_;
  std::optional<Listener> listener_;
  bool has_pid_file_ = false;
};

Journal OpenJournal(const Options& options, std::optional<Handover>* handover) {
  if (*handover && (*handover)->journal) {
    return Journal::Take(std::move((*handover)->journal), options.journal);
  }
  return Journal::Open(options.journal, kJournalPatienceMs);
}

int RunKeeper(const Options& options) {
  // Whoever hands over has put us where we belong already.
  std::optional<Handover> handover;
  if (options.handover_fd >= 0) handover = ReadHandover(UniqueFd(options.handover_fd));
  UniqueFd ready(options.ready_fd);
  if (ready) ::fcntl(ready.Get(), F_SETFD, FD_CLOEXEC);
  bool becomes_daemon = !handover && !options.no_daemon;
  if (becomes_daemon) ready = Daemonize(options);
  // An inherited socket is nobody's to remove before the journal is ours: two may have been asked
  // to take over.
  std::optional<Journal> journal;
  if (handover) journal = OpenJournal(options, &handover);
  Presence presence(options);
  if (!journal) journal = OpenJournal(options, &handover);
  presence.ShowPid(handover.has_value());
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto on_ready = [&ready, becomes_daemon] {
    if (ready) (void)!::write(ready.Get(), "R", 1);
    ready.Reset();
    if (!becomes_daemon) return;
    ReplaceStream(STDOUT_FILENO);
    ReplaceStream(STDERR_FILENO);
  };
  return Keeper(options, presence.GetListener(), std::move(*journal), std::move(handover), on_ready)
      .Run();
}

int Main(int argc, char** argv) {
  std::string problem;
  bool wants_version = false;
  std::optional<Options> options = ParseOptions(argc, argv, &problem, &wants_version);
  if (!options && !problem.empty()) return Refuse(argv[0], problem);
  if (!options) {
    ::fputs(wants_version ? VersionText().c_str() : Usage(argv[0]).c_str(), stdout);
    return 0;
  }
  EnsureStandardStreams();
  BlockSignals();
  ::prctl(PR_SET_NAME, "supervisord");
  try {
    return RunKeeper(*options);
  } catch (const StartError& error) {
    return Refuse(argv[0], error.what());
  } catch (const SysError& error) {
    return Refuse(argv[0], error.syscall() + ": " + ErrnoName(error.err()) + " " + error.detail());
  }
}

}  // namespace

}  // namespace slapos::keeper

int main(int argc, char** argv) { return slapos::keeper::Main(argc, argv); }
