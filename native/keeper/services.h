#pragma once

#include <sys/resource.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/channel/message.h"
#include "core/spawn/process_signal.h"
#include "core/spawn/spawner.h"
#include "keeper/cgroups.h"
#include "keeper/event_loop.h"
#include "keeper/handover.h"
#include "keeper/journal.h"

namespace slapos::keeper {

struct Service {
  ChildRecord record;
  UniqueFd pidfd;
  bool is_adopted = false;  // started by a keeper that died, so not our child
  std::vector<Kept> kept;
  // Once a stop was asked for: how long what it left may live on after it; -1: for ever.
  int64_t leftovers_ms = -1;
};

// The services: starts, signals and reaps them, and keeps the journal.
//
// Invariants: a process writes itself into the journal before it does anything else, and its end is
// there before it is reaped; an end is kept until it is acknowledged; no signal goes to a bare pid;
// the journal is rewritten only while no process is being started, since that one may be writing.
class Services {
 public:
  // Sends a message to the controller, if one is there to hear it.
  using Report = std::function<void(const Message&, const std::vector<int>& fds)>;
  // Tells the operator.
  using Complain = std::function<void(const std::string&)>;

  // Without `asks_kernel` the end of an adopted process is never asked for: as on an old kernel.
  Services(EventLoop& loop, Spawner& spawner, Journal journal, bool asks_kernel, Report report,
           Complain complain);
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // Where services started from now on have cgroups; must outlive this.
  void UseCgroups(Cgroups* cgroups) { cgroups_ = cgroups; }

  // Takes up what the journal says: processes that still live, and ends that nobody saw. Where the
  // keeper before left descriptors, those are used.
  void Adopt(Handover handover);
  // Adds to `handover` what the next program of this process needs besides the journal, which is
  // rewritten first. Returns errno of that, 0 on success; nothing may be starting.
  int HandOver(Handover* handover);
  // After that came to nothing.
  void TakeBack(Handover handover);

  // The requests of the controller.
  void Spawn(const Message& request, std::vector<UniqueFd> fds);
  void Signal(const Message& request);
  void Store(const Message& request);

  // Sends notes, living processes and unacknowledged ends.
  void Announce();

  // Collects a child that has ended; false when it is none of ours.
  bool Collect(pid_t pid);
  // True while a process may exist that is not in the table yet.
  bool IsSpawning() const { return spawns_in_flight_ > 0 || !waiting_.empty(); }

  bool IsEmpty() const { return services_.empty() && !IsSpawning(); }
  void SignalAll(int number);
  void RemoveJournal() { journal_.Remove(); }
  const rlimit& FilesLimit() const { return files_limit_; }

 private:
  void Submit(const Message& message, std::vector<UniqueFd> fds);
  void Started(const Message& answer_base, const ChildRecord& record, std::vector<Kept> kept,
               SpawnResult result, const std::string& text);
  void Refuse(Message answer, const SysError& error);
  void Insert(Service service);
  void AwaitForeignEnd(pid_t pid, uint64_t start, int attempts);
  void OnEnd(pid_t pid);
  void NoteStop(Service* service, const Message& request);
  void Finish(const Service& service, const ProcessEnd& end, bool lost);
  void Record(const std::vector<std::string>& lines);
  void CompactWhenIdle();
  JournalState State() const;

  EventLoop& loop_;
  Spawner& spawner_;
  Journal journal_;
  bool asks_kernel_;
  Report report_;
  Complain complain_;
  std::string boot_id_;
  bool has_terminal_;
  rlimit files_limit_ = {};  // what services get: the limit that the keeper was started with
  std::map<pid_t, Service> services_;
  std::vector<ExitRecord> exits_;
  std::map<std::string, std::string> notes_;
  uint64_t last_serial_ = 0;
  unsigned spawns_in_flight_ = 0;
  // Starts that wait until the journal was rewritten.
  struct Waiting {
    Message request;
    std::vector<UniqueFd> fds;
  };
  std::deque<Waiting> waiting_;
  Cgroups* cgroups_ = nullptr;
};

}  // namespace slapos::keeper
