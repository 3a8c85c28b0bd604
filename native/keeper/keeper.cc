#include "keeper/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/confine/confinement.h"
#include "keeper/become.h"
#include "keeper/ended.h"
#include "keeper/free_memory.h"
#include "keeper/text.h"

namespace slapos::keeper {

namespace {

constexpr int64_t kFirstPauseMs = 100;
// A controller that stayed up this long starts over with the shortest pause.
constexpr int64_t kStableMs = 10000;
constexpr unsigned kMaxCrashesWhileStopping = 3;
constexpr int64_t kTermGraceMs = 10000;
constexpr int64_t kKillGraceMs = 5000;
// For a controller that closed its channel, or that should have ended.
constexpr int64_t kControllerGraceMs = 5000;
constexpr int64_t kSpawnPollMs = 5;

const int kHandled[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR2, SIGCHLD};

// What services can be confined with here.
void AddAbilities(const Cgroups& cgroups, Message* welcome) {
  const ConfinementAbilities& abilities = ProbeConfinement();
  welcome->Add("landlock", abilities.landlock)
      .Add("mounts", abilities.mounts ? 1 : 0)
      .Add("seccomp", abilities.seccomp ? 1 : 0)
      .Add("cgroup", cgroups.Base());
  for (const std::string& name : cgroups.Controllers()) welcome->Add("controller", name);
}

std::string RenderLimit(const rlimit& limit) {
  auto render = [](rlim_t value) {
    return value == RLIM_INFINITY ? std::string("-1") : std::to_string(value);
  };
  return render(limit.rlim_cur) + ":" + render(limit.rlim_max);
}

bool IsStop(int number) { return number == SIGTERM || number == SIGINT || number == SIGQUIT; }

}  // namespace

Keeper::Keeper(const Options& options, Listener* listener, Journal journal,
               std::optional<Handover> handover, std::function<void()> on_ready)
    : options_(options),
      listener_(listener),
      on_ready_(std::move(on_ready)),
      channel_(
          loop_,
          [this](const Message& message, std::vector<UniqueFd> fds) {
            OnMessage(message, std::move(fds));
          },
          [this] { OnChannelClosed(); }),
      controller_(
          loop_, spawner_, options, [this](const std::string& text) { Write(text); },
          [this](int status, int signal) { OnControllerEnd(status, signal); }),
      cgroups_(loop_, options.journal, [this](const std::string& text) { Say("WARN", text); }),
      services_(
          loop_, spawner_, std::move(journal), options.asks_kernel,
          [this](const Message& message, const std::vector<int>& fds) { Report(message, fds); },
          [this](const std::string& text) { Say("CRIT", text); }),
      has_been_ready_(handover.has_value()),
      handover_(std::move(handover)),
      program_(ReadOwnProgram()) {}

int Keeper::Run() {
  OpenSignals();
  Handover handover = handover_ ? std::move(*handover_) : Handover();
  handover_.reset();
  controller_.SetStarts(handover.controller_starts);
  unheard_signals_ = handover.signals;
  is_stopping_ = std::any_of(unheard_signals_.begin(), unheard_signals_.end(), IsStop);
  services_.UseCgroups(&cgroups_);
  services_.Adopt(std::move(handover));
  StartController();
  SweepOrphans();
  while (!is_finished_) {
    loop_.RunOnce();
    if (is_ending_) TryFinish();
  }
  return exit_status_;
}

// The mask is set in main, before any thread exists.
void Keeper::OpenSignals() {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (int number : kHandled) ::sigaddset(&handled, number);
  signals_.Reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) ThrowErrno("signalfd");
  loop_.Watch(signals_.Get(), EPOLLIN, [this](uint32_t) { ReadSignals(); });
}

void Keeper::ReadSignals() {
  signalfd_siginfo info;
  while (::read(signals_.Get(), &info, sizeof info) == sizeof info) {
    int number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) {
      SweepOrphans();
    } else {
      OnSignal(number);
    }
  }
}

void Keeper::OnSignal(int number) {
  if (IsStop(number)) is_stopping_ = true;
  // A stop that nobody can carry out any more, or an impatient second one.
  if (is_stopping_ && !controller_.IsRunning()) return BeginEnd();
  if (channel_.IsOpen() && has_said_hello_) {
    channel_.Send(Message("forward").Add("signal", number));
  } else {
    unheard_signals_.push_back(number);
  }
}

// Services and the controller have pidfds; what is left are orphans that came to us as subreaper.
void Keeper::SweepOrphans() {
  for (;;) {
    pid_t pid = PeekAnyEnded();
    if (pid == 0) return;
    if (services_.Collect(pid) || controller_.Collect(pid)) continue;
    // It may be a service whose start is being reported this moment: look again then.
    if (services_.IsSpawning() || controller_.IsStarting()) {
      loop_.After(kFirstPauseMs, [this] { SweepOrphans(); });
      return;
    }
    siginfo_t info = {};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) != 0) return;
    bool exited = info.si_code == CLD_EXITED;
    Report(Message("reaped")
               .Add("pid", pid)
               .Add("status", exited ? info.si_status : -1)
               .Add("signal", exited ? 0 : info.si_status),
           {});
  }
}

void Keeper::StartController() {
  if (is_ending_) return;
  has_said_hello_ = false;
  started_ms_ = MonotonicMs();
  try {
    controller_.Start(channel_, listener_ != nullptr ? listener_->Fd() : -1);
  } catch (const SysError& error) {
    // Services must not lose their parent for want of a descriptor.
    if (!has_been_ready_) throw;
    LengthenPause(false);
    Say("CRIT", "cannot start a controller: " + error.syscall() + ": " + ErrnoName(error.err()) +
                    "; trying again in " + std::to_string(pause_ms_) + " ms");
    loop_.After(pause_ms_, [this] { StartController(); });
  }
}

void Keeper::LengthenPause(bool was_stable) {
  pause_ms_ = was_stable || pause_ms_ == 0 ? kFirstPauseMs : pause_ms_ * 2;
  pause_ms_ = std::min(pause_ms_, options_.longest_pause_ms);
}

void Keeper::OnMessage(const Message& message, std::vector<UniqueFd> fds) {
  const std::string& verb = message.verb();
  if (verb == "hello") return Greet();
  if (!has_said_hello_) return;
  if (verb == "ready") return OnReady();
  if (verb == "spawn" && !is_ending_) return services_.Spawn(message, std::move(fds));
  if (verb == "signal") return services_.Signal(message);
  if (verb == "store") return services_.Store(message);
  if (verb == "upgrade") return BeginUpgrade(message);
  if (verb == "limit") return cgroups_.Renew(message);
  if (verb == "forget") return cgroups_.Forget(message.Text("group"), message.Flag("kill"));
  if (verb == "stopped") return BeginEnd();
}

void Keeper::Greet() {
  has_said_hello_ = true;
  Message welcome("welcome");
  welcome.Add("protocol", 1)
      .Add("keeper", ::getpid())
      .Add("boot", ReadBootId())
      .Add("starts", controller_.Starts())
      .Add("ready", has_been_ready_ ? 1 : 0)
      .Add("stopping", is_stopping_ ? 1 : 0)
      .Add("version", SLAPOS_VERSION)
      .Add("program", program_)
      .Add("files", RenderLimit(services_.FilesLimit()));
  for (const std::string& word : options_.words) welcome.Add("word", word);
  AddAbilities(cgroups_, &welcome);
  channel_.Send(welcome);
  services_.Announce();
  channel_.Send(Message("synced"));
  for (int number : unheard_signals_) channel_.Send(Message("forward").Add("signal", number));
  unheard_signals_.clear();
}

void Keeper::OnReady() {
  has_been_ready_ = true;
  if (!has_told_ready_) on_ready_();
  has_told_ready_ = true;
  ReturnFreeMemory();
}

// A controller without channel is of no use, and a second one must not run beside it.
void Keeper::OnChannelClosed() {
  has_said_hello_ = false;
  unsigned run = controller_.Starts();
  loop_.After(kControllerGraceMs, [this, run] {
    if (controller_.Starts() == run) controller_.Signal(SIGKILL);
  });
}

void Keeper::OnControllerEnd(int status, int signal) {
  channel_.Close();
  has_said_hello_ = false;
  if (is_ending_) return;
  if (!next_program_.empty()) return Upgrade();
  if (!has_been_ready_) {
    exit_status_ = signal != 0 ? 1 : std::max(status, 1);
    if (signal != 0) Write("The controller ended at once: " + EndText(status, signal) + "\n");
    return BeginEnd();
  }
  if (is_stopping_ && (status == 0 || ++crashes_while_stopping_ >= kMaxCrashesWhileStopping)) {
    return BeginEnd();
  }
  ScheduleRestart(status, signal);
}

void Keeper::ScheduleRestart(int status, int signal) {
  LengthenPause(MonotonicMs() - started_ms_ >= kStableMs);
  Say("WARN", "controller (pid " + std::to_string(controller_.Pid()) +
                  ") ended: " + EndText(status, signal) + "; starting another in " +
                  std::to_string(pause_ms_) + " ms");
  loop_.After(pause_ms_, [this] { StartController(); });
}

// The controller, which has the answer, ends by itself; then this process becomes the other
// program.
void Keeper::BeginUpgrade(const Message& message) {
  std::string program = message.Text("program");
  Message answer("upgrading");
  answer.Add("id", message.Text("id"));
  int err = is_stopping_ ? EBUSY : CheckProgram(program);
  if (err != 0) {
    channel_.Send(answer.Add("errno", err).Add("code", ErrnoName(err)));
    return;
  }
  next_program_ = {program};
  for (const std::string& word : message.List("word")) next_program_.push_back(word);
  channel_.Send(answer);
  unsigned run = controller_.Starts();
  loop_.After(kControllerGraceMs, [this, run] {
    if (controller_.Starts() == run) controller_.Signal(SIGKILL);
  });
}

// execve(2) keeps the pid, the children and the descriptors that are not close-on-exec.
void Keeper::Upgrade() {
  if (is_ending_) return;
  if (services_.IsSpawning()) {
    loop_.After(kSpawnPollMs, [this] { Upgrade(); });
    return;
  }
  std::vector<std::string> words = std::move(next_program_);
  next_program_.clear();
  Handover handover;
  int err = services_.HandOver(&handover);
  if (err == 0) {
    handover.controller_starts = controller_.Starts();
    handover.signals = unheard_signals_;
    Say("INFO", "becoming " + words[0]);
    err = Become(std::move(words), handover, listener_ != nullptr ? listener_->Fd() : -1,
                 options_.no_daemon);
    services_.TakeBack(std::move(handover));
  }
  Say("CRIT", std::string("cannot become another program: ") + ::strerror(err));
  StartController();
}

// From here on: end what is left, then leave.
void Keeper::BeginEnd() {
  if (is_ending_) return;
  is_ending_ = true;
  services_.SignalAll(SIGTERM);
  // A stopped process must run to be ended.
  services_.SignalAll(SIGCONT);
  loop_.After(kTermGraceMs, [this] { services_.SignalAll(SIGKILL); });
  loop_.After(kTermGraceMs + kKillGraceMs, [this] { is_finished_ = true; });
  loop_.After(kControllerGraceMs, [this] { controller_.Signal(SIGKILL); });
}

void Keeper::TryFinish() {
  if (services_.IsEmpty() && !controller_.IsRunning()) is_finished_ = true;
  if (!is_finished_) return;
  cgroups_.Clear();
  if (services_.IsEmpty()) services_.RemoveJournal();
}

void Keeper::Report(const Message& message, const std::vector<int>& fds) {
  if (has_said_hello_) channel_.Send(message, fds);
}

void Keeper::Say(const char* level, const std::string& text) { Write(LogLine(level, text)); }

// To the launcher's standard error as long as it listens, then to the main log.
void Keeper::Write(const std::string& text) {
  if (!has_been_ready_ || options_.no_daemon) {
    (void)!::write(STDERR_FILENO, text.data(), text.size());
  }
  if (!has_been_ready_) return;
  // Opened each time, so that the controller may rotate the file.
  UniqueFd log(::open(options_.log_file.c_str(),
                      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (log) (void)!::write(log.Get(), text.data(), text.size());
}

}  // namespace slapos::keeper
