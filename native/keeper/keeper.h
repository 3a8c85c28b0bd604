#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/spawn/spawner.h"
#include "core/sys/unique_fd.h"
#include "keeper/cgroups.h"
#include "keeper/channel.h"
#include "keeper/controller_process.h"
#include "keeper/event_loop.h"
#include "keeper/handover.h"
#include "keeper/listener.h"
#include "keeper/options.h"
#include "keeper/services.h"

namespace slapos::keeper {

// The parent of all services. docs/keeper-protocol.md has the messages and the rules.
//
// Invariants: there is at most one controller; services never depend on it; nothing is said to a
// controller before it said hello; once `is_ending_` is set only the end of services, of the
// controller and the deadlines matter; another program takes over only while neither a controller
// nor a start is under way.
class Keeper {
 public:
  // `on_ready` is called once, when the first controller is ready.
  Keeper(const Options& options, Listener* listener, Journal journal,
         std::optional<Handover> handover, std::function<void()> on_ready);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Runs until the supervisor ends. Returns the exit status.
  int Run();

 private:
  void OpenSignals();
  void ReadSignals();
  void OnSignal(int number);
  void SweepOrphans();

  void StartController();
  void LengthenPause(bool was_stable);
  void OnMessage(const Message& message, std::vector<UniqueFd> fds);
  void Greet();
  void OnReady();
  void OnChannelClosed();
  void OnControllerEnd(int status, int signal);
  void ScheduleRestart(int status, int signal);

  void BeginUpgrade(const Message& message);
  void Upgrade();
  void BeginEnd();
  void TryFinish();
  void Report(const Message& message, const std::vector<int>& fds);
  void Say(const char* level, const std::string& text);
  void Write(const std::string& text);

  const Options& options_;
  Listener* listener_;
  std::function<void()> on_ready_;
  EventLoop loop_;
  Spawner spawner_;
  Channel channel_;
  ControllerProcess controller_;
  Cgroups cgroups_;
  Services services_;
  UniqueFd signals_;
  std::vector<int> unheard_signals_;
  int64_t started_ms_ = 0;
  int64_t pause_ms_ = 0;
  bool has_said_hello_ = false;
  bool has_been_ready_ = false;
  bool has_told_ready_ = false;
  std::optional<Handover> handover_;  // until it is taken up
  std::string program_;               // our own
  // What this process is to become: program and words; empty when nothing.
  std::vector<std::string> next_program_;
  bool is_stopping_ = false;
  unsigned crashes_while_stopping_ = 0;
  bool is_ending_ = false;
  bool is_finished_ = false;
  int exit_status_ = 0;
};

}  // namespace slapos::keeper
