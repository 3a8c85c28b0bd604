#include "keeper/controller_process.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "core/spawn/process_signal.h"
#include "keeper/ended.h"
#include "keeper/text.h"

extern char** environ;

namespace slapos::keeper {

namespace {

constexpr int kChannelFd = 3;
constexpr int kListenFd = 4;
constexpr int kCannotStart = 127;

UniqueFd Copy(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) ThrowErrno("fcntl", "descriptor of the controller");
  return copy;
}

}  // namespace

ControllerProcess::ControllerProcess(EventLoop& loop, Spawner& spawner, const Options& options,
                                     OnOutput on_output, OnEnd on_end)
    : loop_(loop),
      spawner_(spawner),
      options_(options),
      on_output_(std::move(on_output)),
      on_end_(std::move(on_end)) {}

void ControllerProcess::Start(Channel& channel, int listen_fd) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) ThrowErrno("pipe2");
  UniqueFd output(pipe_ends[0]);
  UniqueFd error_output(pipe_ends[1]);
  ::fcntl(output.Get(), F_SETFL, O_NONBLOCK);
  PacketPair pair = OpenPacketPair();
  UniqueFd listen = listen_fd >= 0 ? Copy(listen_fd) : UniqueFd();
  SpawnRequest request =
      BuildRequest(std::move(pair.theirs), std::move(listen), std::move(error_output));
  channel.Open(std::move(pair.ours));
  output_ = std::move(output);
  loop_.Watch(output_.Get(), EPOLLIN, [this](uint32_t) { ReadOutput(); });
  is_starting_ = true;
  starts_++;
  spawner_.Submit(std::move(request), [this](const SpawnRequest&, SpawnResult result) {
    auto shared = std::make_shared<SpawnResult>(std::move(result));
    loop_.Post([this, shared] { Started(std::move(*shared)); });
  });
}

SpawnRequest ControllerProcess::BuildRequest(UniqueFd channel, UniqueFd listen,
                                             UniqueFd error_output) const {
  SpawnRequest request;
  request.file = options_.node;
  request.args = {options_.node,          options_.controller, "--configuration",
                  options_.configuration, "--keeper-fd",       std::to_string(kChannelFd)};
  if (listen) request.args.insert(request.args.end(), {"--listen-fd", std::to_string(kListenFd)});
  if (options_.no_daemon) request.args.push_back("--nodaemon");
  request.args.insert(request.args.end(), options_.controller_args.begin(),
                      options_.controller_args.end());
  for (char** variable = environ; *variable != nullptr; variable++) {
    request.env.push_back(*variable);
  }
  if (options_.no_daemon) request.stdio[1] = Copy(STDOUT_FILENO);
  request.stdio[2] = std::move(error_output);
  request.extra.push_back(std::move(channel));
  if (listen) request.extra.push_back(std::move(listen));
  return request;
}

void ControllerProcess::Started(SpawnResult result) {
  is_starting_ = false;
  if (auto* error = std::get_if<SysError>(&result)) {
    on_output_("Cannot start the controller: " + error->syscall() + ": " + ErrnoName(error->err()) +
               "\n");
    End(kCannotStart, 0);
    return;
  }
  auto& child = std::get<SpawnedChild>(result);
  if (child.failure) {
    on_output_("Cannot start the controller " + options_.node + ": " +
               StepName(child.failure->step) + ": " + ErrnoName(child.failure->err) + "\n");
  }
  pid_ = child.pid;
  pidfd_ = std::move(child.pidfd);
  loop_.Watch(pidfd_.Get(), EPOLLIN, [this](uint32_t) { Collect(pid_); });
}

bool ControllerProcess::Collect(pid_t pid) {
  if (!pidfd_ || pid != pid_) return false;
  ProcessEnd end;
  if (!ReapByPidfd(pidfd_.Get(), false, &end)) return true;
  loop_.Forget(pidfd_.Get());
  pidfd_.Reset();
  ReadOutput();
  End(end.status, end.signal);
  return true;
}

void ControllerProcess::ReadOutput() {
  char buffer[4096];
  while (output_) {
    ssize_t length = ::read(output_.Get(), buffer, sizeof buffer);
    if (length > 0) {
      on_output_(std::string(buffer, static_cast<size_t>(length)));
    } else if (length < 0 && errno == EAGAIN) {
      return;
    } else {
      loop_.Forget(output_.Get());
      output_.Reset();
    }
  }
}

void ControllerProcess::End(int status, int signal) {
  if (output_) {
    // A process that it started may hold the other end for ever.
    loop_.Forget(output_.Get());
    output_.Reset();
  }
  on_end_(status, signal);
}

void ControllerProcess::Signal(int number) {
  if (pidfd_) SendSignal(pidfd_.Get(), pid_, number, false);
}

}  // namespace slapos::keeper
