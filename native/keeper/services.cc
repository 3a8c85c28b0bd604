#include "keeper/services.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/spawn/process_signal.h"
#include "keeper/ended.h"
#include "keeper/free_memory.h"
#include "keeper/spawn_message.h"
#include "keeper/text.h"

namespace slapos::keeper {

namespace {

constexpr int64_t kForeignRetryMs = 20;
constexpr int kForeignAttempts = 50;

Message ProcessMessage(const char* verb, const ChildRecord& record) {
  Message message(verb);
  message.Add("name", record.name)
      .Add("pid", record.pid)
      .Add("start", static_cast<int64_t>(record.start))
      .Add("time", record.time_ms);
  if (!record.tag.empty()) message.Add("tag", record.tag);
  return message;
}

Message ExitMessage(const ExitRecord& exit) {
  Message message = ProcessMessage("exit", exit.child);
  message.Add("serial", static_cast<int64_t>(exit.serial))
      .Add("status", exit.status)
      .Add("signal", exit.signal);
  if (exit.core) message.Add("core", 1);
  if (exit.lost) message.Add("lost", 1);
  return message;
}

void AddFailure(Message* answer, const char* step, int err, const std::string& text) {
  answer->Add("step", step).Add("errno", err).Add("code", ErrnoName(err)).Add("text", text);
}

// In the foreground we may have a terminal, into whose input a process of its session can push
// characters (ioctl_tty(2), TIOCSTI): commands for the shell of whoever started us.
bool HasTerminal() {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  return static_cast<bool>(terminal);
}

// What supervisord's child writes before it exits with 127, so that the service's log has it. Never
// waits for a pipe that nobody reads.
void WriteToLog(const SpawnRequest& request, const std::string& text) {
  int fd = request.stdio[2].Get();
  pollfd writable = {fd, POLLOUT, 0};
  if (fd < 0 || ::poll(&writable, 1, 0) <= 0) return;
  std::string lines = text + "\nsupervisor: child process was not spawned\n";
  (void)!::write(fd, lines.data(), lines.size());
}

}  // namespace

Services::Services(EventLoop& loop, Spawner& spawner, Journal journal, bool asks_kernel,
                   Report report, Complain complain)
    : loop_(loop),
      spawner_(spawner),
      journal_(std::move(journal)),
      asks_kernel_(asks_kernel),
      report_(std::move(report)),
      complain_(std::move(complain)),
      boot_id_(ReadBootId()),
      has_terminal_(HasTerminal()) {
  ::getrlimit(RLIMIT_NOFILE, &files_limit_);
  rlimit raised = {files_limit_.rlim_max, files_limit_.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
}

void Services::Adopt(Handover handover) {
  if (handover.files) files_limit_ = *handover.files;
  std::map<std::pair<pid_t, uint64_t>, InheritedService> inherited;
  for (InheritedService& each : handover.services) {
    inherited[{each.pid, each.start}] = std::move(each);
  }
  JournalState state = journal_.Read(boot_id_);
  exits_ = std::move(state.exits);
  notes_ = std::move(state.notes);
  last_serial_ = state.last_serial;
  for (auto& [pid, record] : state.children) {
    Service service{record, UniqueFd(), true, {}};
    auto found = inherited.find({pid, record.start});
    if (found == inherited.end()) {
      service.pidfd = OpenProcess(pid, record.start);
    } else {
      service.pidfd = std::move(found->second.pidfd);
      service.is_adopted = !found->second.is_child;
      service.kept = std::move(found->second.kept);
    }
    if (service.pidfd) {
      Insert(std::move(service));
    } else {
      Finish(service, {-1, 0, false}, true);
    }
  }
  int err = journal_.Compact(State());
  if (err != 0) complain_(std::string("cannot rewrite the journal: ") + ::strerror(err));
}

int Services::HandOver(Handover* handover) {
  int err = journal_.Compact(State());
  if (err != 0) return err;
  handover->files = files_limit_;
  handover->journal.Reset(::fcntl(journal_.Fd(), F_DUPFD, 3));
  if (!handover->journal) return errno;
  for (auto& [pid, service] : services_) {
    loop_.Forget(service.pidfd.Get());
    handover->services.push_back({pid, service.record.start, !service.is_adopted,
                                  std::move(service.pidfd), std::move(service.kept)});
  }
  return 0;
}

void Services::TakeBack(Handover handover) {
  for (InheritedService& each : handover.services) {
    Service& service = services_.at(each.pid);
    service.pidfd = std::move(each.pidfd);
    service.kept = std::move(each.kept);
    pid_t pid = each.pid;
    loop_.Watch(service.pidfd.Get(), EPOLLIN, [this, pid](uint32_t) { OnEnd(pid); });
  }
}

void Services::Spawn(const Message& message, std::vector<UniqueFd> fds) {
  if (journal_.IsOversized() && IsSpawning()) {
    waiting_.push_back({message, std::move(fds)});
  } else {
    Submit(message, std::move(fds));
  }
}

void Services::Submit(const Message& message, std::vector<UniqueFd> fds) {
  SpawnRequest request;
  auto kept = std::make_shared<std::vector<Kept>>();
  std::string problem;
  Message answer("spawned");
  answer.Add("id", message.Text("id"));
  ChildRecord record{message.Text("name"), -1, 0, WallClockMs(), message.Text("tag")};
  if (!DecodeSpawn(message, std::move(fds), &request, kept.get(), &problem)) {
    return Refuse(std::move(answer.Add("name", record.name)), SysError(EINVAL, problem));
  }
  bool limits_files =
      std::any_of(request.limits.begin(), request.limits.end(),
                  [](const auto& limit) { return limit.resource == RLIMIT_NOFILE; });
  if (!limits_files) {
    request.limits.push_back({RLIMIT_NOFILE, files_limit_.rlim_cur, files_limit_.rlim_max});
  }
  if (has_terminal_) request.new_session = true;
  request.birth = PlanBirth(journal_.Fd(), record);
  if (cgroups_ != nullptr) request.cgroup = cgroups_->Open(record.name, message);
  spawns_in_flight_++;
  // On the spawning thread.
  auto done = [this, answer, record, kept](const SpawnRequest& asked, SpawnResult result) {
    ChildRecord started = record;
    std::string text;
    if (auto* child = std::get_if<SpawnedChild>(&result)) {
      started.pid = child->pid;
      started.start = child->start;
      if (child->failure) WriteToLog(asked, text = StepText(asked, *child->failure));
    }
    auto shared = std::make_shared<SpawnResult>(std::move(result));
    loop_.Post([this, answer, started, kept, shared, text] {
      Started(answer, started, std::move(*kept), std::move(*shared), text);
    });
  };
  spawner_.Submit(std::move(request), done);
}

void Services::Started(const Message& answer_base, const ChildRecord& record,
                       std::vector<Kept> kept, SpawnResult result, const std::string& text) {
  spawns_in_flight_--;
  Message answer = answer_base;
  answer.Add("name", record.name);
  if (auto* error = std::get_if<SysError>(&result)) {
    Refuse(std::move(answer), *error);
    return CompactWhenIdle();
  }
  auto& child = std::get<SpawnedChild>(result);
  answer.Add("pid", record.pid)
      .Add("start", static_cast<int64_t>(record.start))
      .Add("time", record.time_ms);
  if (child.failure) AddFailure(&answer, StepName(child.failure->step), child.failure->err, text);
  answer.Add("pidfd", 0);
  report_(answer, {child.pidfd.Get()});
  bool is_recorded = child.is_recorded;
  Insert({record, std::move(child.pidfd), false, std::move(kept)});
  journal_.Grow(RenderChild(record).size());
  // A full disk, most likely; tried again, and told when that fails too.
  if (!is_recorded) Record({RenderChild(record)});
  CompactWhenIdle();
}

void Services::Refuse(Message answer, const SysError& error) {
  Message refusal("refused");
  refusal.Add("id", answer.Text("id")).Add("name", answer.Text("name"));
  AddFailure(&refusal, "clone", error.err(), error.syscall() + ": " + ErrnoName(error.err()));
  report_(refusal, {});
}

void Services::Insert(Service service) {
  pid_t pid = service.record.pid;
  int fd = service.pidfd.Get();
  services_[pid] = std::move(service);
  loop_.Watch(fd, EPOLLIN, [this, pid](uint32_t) { OnEnd(pid); });
}

void Services::OnEnd(pid_t pid) {
  auto found = services_.find(pid);
  if (found == services_.end()) return;
  if (!found->second.is_adopted) {
    Collect(pid);
    return;
  }
  loop_.Forget(found->second.pidfd.Get());
  AwaitForeignEnd(pid, found->second.record.start, kForeignAttempts);
}

// The exit code of somebody else's child is known a little after its end, when it is reaped.
void Services::AwaitForeignEnd(pid_t pid, uint64_t start, int attempts) {
  auto found = services_.find(pid);
  if (found == services_.end() || found->second.record.start != start) return;
  ProcessEnd end = {-1, 0, false};
  Knowledge knowledge =
      asks_kernel_ ? ReadForeignEnd(found->second.pidfd.Get(), &end) : Knowledge::kNever;
  if (knowledge == Knowledge::kNotYet && attempts > 0) {
    loop_.After(kForeignRetryMs,
                [this, pid, start, attempts] { AwaitForeignEnd(pid, start, attempts - 1); });
    return;
  }
  Service service = std::move(found->second);
  services_.erase(found);
  Finish(service, end, knowledge != Knowledge::kKnown);
}

bool Services::Collect(pid_t pid) {
  auto found = services_.find(pid);
  if (found == services_.end()) return false;
  std::optional<ProcessEnd> end = PeekEnd(found->second.pidfd.Get());
  if (!end) return true;
  Service service = std::move(found->second);
  services_.erase(found);
  loop_.Forget(service.pidfd.Get());
  Finish(service, *end, false);
  ReapByPidfd(service.pidfd.Get(), false, &*end);
  return true;
}

void Services::Finish(const Service& service, const ProcessEnd& end, bool lost) {
  if (cgroups_ != nullptr && service.leftovers_ms >= 0) {
    cgroups_->Sweep(service.record.name, service.leftovers_ms);
  }
  ExitRecord exit;
  exit.serial = ++last_serial_;
  exit.child = service.record;
  exit.child.time_ms = WallClockMs();
  exit.status = end.status;
  exit.signal = end.signal;
  exit.core = end.dumped_core;
  exit.lost = lost;
  exits_.push_back(exit);
  Record({RenderExit(exit)});
  report_(ExitMessage(exit), {});
}

void Services::Signal(const Message& request) {
  int64_t pid = 0;
  int64_t start = 0;
  int64_t number = 0;
  request.Number("pid", &pid);
  request.Number("start", &start);
  request.Number("signal", &number);
  Message answer("signalled");
  answer.Add("id", request.Text("id"));
  auto found = services_.find(static_cast<pid_t>(pid));
  bool is_known =
      found != services_.end() && found->second.record.start == static_cast<uint64_t>(start);
  try {
    bool is_sent = is_known && SendSignal(found->second.pidfd.Get(), static_cast<pid_t>(pid),
                                          static_cast<int>(number), request.Flag("group"));
    answer.Add("result", is_sent ? "sent" : "gone");
  } catch (const SysError& error) {
    answer.Add("result", "failed").Add("errno", error.err()).Add("code", ErrnoName(error.err()));
  }
  if (is_known) NoteStop(&found->second, request);
  report_(answer, {});
}

// Processes that left the group of the service are in its cgroup still.
void Services::NoteStop(Service* service, const Message& request) {
  int64_t number = 0;
  request.Number("leftovers", &service->leftovers_ms);
  request.Number("signal", &number);
  if (cgroups_ != nullptr && number == SIGKILL && request.Flag("group"))
    cgroups_->Kill(service->record.name);
}

void Services::Store(const Message& request) {
  std::vector<std::string> keys = request.List("key");
  std::vector<std::string> values = request.List("value");
  std::vector<std::string> lines;
  for (size_t index = 0; index < std::min(keys.size(), values.size()); index++) {
    if (keys[index].empty()) continue;
    if (values[index].empty()) {
      notes_.erase(keys[index]);
    } else {
      notes_[keys[index]] = values[index];
    }
    lines.push_back(RenderNote(keys[index], values[index]));
  }
  // After the notes: what an end led to is known before the end is forgotten.
  for (const std::string& text : request.List("ack")) {
    int64_t serial;
    if (!ParseInteger(text, &serial)) continue;
    auto heard = static_cast<uint64_t>(serial);
    size_t count =
        std::erase_if(exits_, [heard](const auto& exit) { return exit.serial == heard; });
    if (count > 0) lines.push_back(RenderHeard(heard));
  }
  if (!lines.empty()) Record(lines);
}

void Services::Announce() {
  for (const auto& [key, value] : notes_) {
    report_(Message("stored").Add("key", key).Add("value", value), {});
  }
  for (const auto& [pid, service] : services_) {
    Message message = ProcessMessage("child", service.record);
    if (service.is_adopted) message.Add("adopted", 1);
    message.Add("pidfd", 0);
    std::vector<int> fds = {service.pidfd.Get()};
    for (const Kept& kept : service.kept) {
      message.Add("keep", std::to_string(fds.size()) + ":" + kept.label);
      fds.push_back(kept.fd.Get());
    }
    report_(message, fds);
  }
  for (const ExitRecord& exit : exits_) report_(ExitMessage(exit), {});
}

void Services::SignalAll(int number) {
  for (const auto& [pid, service] : services_) {
    try {
      // A service that leads no group, such as one that called setpgid, still gets its own.
      if (!SendSignal(service.pidfd.Get(), pid, number, true)) {
        SendSignal(service.pidfd.Get(), pid, number, false);
      }
    } catch (const SysError&) {
      // Not permitted: nothing more can be done about it here; the deadline of the stop ends it.
    }
  }
}

void Services::Record(const std::vector<std::string>& lines) {
  int err = journal_.Append(lines);
  if (err != 0) complain_(std::string("cannot write the journal: ") + ::strerror(err));
  CompactWhenIdle();
}

void Services::CompactWhenIdle() {
  if (spawns_in_flight_ > 0) return;
  if (journal_.IsOversized()) {
    int err = journal_.Compact(State());
    if (err != 0) complain_(std::string("cannot rewrite the journal: ") + ::strerror(err));
    ReturnFreeMemory();
  }
  std::deque<Waiting> waiting = std::move(waiting_);
  waiting_.clear();
  for (Waiting& each : waiting) Submit(each.request, std::move(each.fds));
}

JournalState Services::State() const {
  JournalState state;
  state.boot_id = boot_id_;
  for (const auto& [pid, service] : services_) state.children[pid] = service.record;
  state.exits = exits_;
  state.notes = notes_;
  state.last_serial = last_serial_;
  return state;
}

}  // namespace slapos::keeper
