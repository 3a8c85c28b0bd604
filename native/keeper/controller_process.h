#pragma once

#include <functional>
#include <string>

#include "core/spawn/spawner.h"
#include "keeper/channel.h"
#include "keeper/event_loop.h"
#include "keeper/options.h"

namespace slapos::keeper {

// One run after another of the Node process that decides. This class starts it, reads what it
// writes on standard error, and tells its end; when to start the next is decided elsewhere.
class ControllerProcess {
 public:
  using OnOutput = std::function<void(const std::string&)>;
  // Exit status, or -1 and a signal; called once per Start.
  using OnEnd = std::function<void(int status, int signal)>;

  ControllerProcess(EventLoop& loop, Spawner& spawner, const Options& options, OnOutput on_output,
                    OnEnd on_end);
  ControllerProcess(const ControllerProcess&) = delete;
  ControllerProcess& operator=(const ControllerProcess&) = delete;

  // Starts the process; `channel` gets our end. `listen_fd` is -1 where there is no socket.
  void Start(Channel& channel, int listen_fd);
  bool IsRunning() const { return is_starting_ || static_cast<bool>(pidfd_); }
  // True while a process may exist whose pid is not known yet.
  bool IsStarting() const { return is_starting_; }
  // Collects the process if this is its pid.
  bool Collect(pid_t pid);
  void Signal(int number);
  pid_t Pid() const { return pid_; }
  unsigned Starts() const { return starts_; }
  // How many a keeper before has started.
  void SetStarts(unsigned starts) { starts_ = starts; }

 private:
  SpawnRequest BuildRequest(UniqueFd channel, UniqueFd listen, UniqueFd error_output) const;
  void Started(SpawnResult result);
  void ReadOutput();
  void End(int status, int signal);

  EventLoop& loop_;
  Spawner& spawner_;
  const Options& options_;
  OnOutput on_output_;
  OnEnd on_end_;
  UniqueFd pidfd_;
  UniqueFd output_;
  pid_t pid_ = -1;
  bool is_starting_ = false;
  unsigned starts_ = 0;
};

}  // namespace slapos::keeper
