#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/channel/message.h"
#include "core/sys/unique_fd.h"
#include "keeper/event_loop.h"

namespace slapos::keeper {

// The cgroups of services, `<base>/<group>/<program>`, where we may make any: they tell what a
// partition uses, limit it, and name every process that a service left behind. Everything works
// without them, by process groups.
//
// Invariants: processes are killed only below the base, which is ours alone; nothing is killed
// unless a stop was asked for, so that what a service leaves behind at its natural end lives on.
class Cgroups {
 public:
  using Complain = std::function<void(const std::string&)>;

  // `owner` tells this supervisor from another one on the machine: a path.
  Cgroups(EventLoop& loop, const std::string& owner, Complain complain);
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  // Empty when there are none.
  const std::string& Base() const { return base_; }
  const std::vector<std::string>& Controllers() const { return controllers_; }

  // The cgroup in which a process is to start, with the limits of its group as the request has
  // them; empty when it goes without. `name` is `group:program`.
  UniqueFd Open(const std::string& name, const Message& request);

  // The limits of a group whose processes an earlier keeper started.
  void Renew(const Message& request);

  // SIGKILL to everything that the process has started.
  void Kill(const std::string& name);
  // The process, of which a stop was asked, has ended: what it left gets `grace_ms` to end as well.
  void Sweep(const std::string& name, int64_t grace_ms);
  // The group is no more. With `kills` what is left of it is ended.
  void Forget(const std::string& group, bool kills);
  // Everything is to end: kills and removes what there is. Waits up to a second.
  void Clear();

 private:
  struct Group {
    std::map<std::string, std::string> limits;  // as last written, by file
  };

  void ChooseBase(const std::string& owner);
  bool OpenGroup(const std::string& group, const Message& request);
  void Limit(const std::string& group, const char* file, const std::string& value);
  void RemoveLater(const std::string& group, int attempts);
  std::string FolderOf(const std::string& name) const;
  void Fail(const std::string& folder, int err);

  EventLoop& loop_;
  Complain complain_;
  std::string base_;
  bool is_delegated_ = false;
  std::vector<std::string> controllers_;
  std::map<std::string, Group> groups_;
  // Processes whose leftovers are to be killed, with the number of the deadline.
  std::map<std::string, unsigned> sweeps_;
  unsigned last_sweep_ = 0;
  bool has_failed_ = false;
};

}  // namespace slapos::keeper
