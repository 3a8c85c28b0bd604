#pragma once

#include <linux/limits.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/spawn/spawn_request.h"

namespace slapos {

// A SpawnRequest laid out for the child, which shares our memory and must not allocate. Built
// before the clone; the child writes only `step` and `err`.
class ChildPlan {
 public:
  // `slots` are the low descriptors that hold fds 0, 1, 2… of the child, each above its target;
  // `first_hidden` is the first descriptor number above them.
  // `confinement` is that of the request, made ready; its ruleset lies in `ruleset_slot`, or -1.
  ChildPlan(const SpawnRequest& request, std::vector<int> slots, unsigned first_hidden,
            bool shares_descriptors, const PreparedConfinement& confinement, int ruleset_slot);

  // Runs the checklist of docs/design and execs. Returns only on failure, with the facts recorded.
  // Async-signal-safe.
  void RunInChild();

  StepFailure Failure() const { return {step_, err_}; }
  bool HasFailed() const { return err_ != 0; }
  uint64_t Start() const { return start_; }
  bool IsRecorded() const { return is_recorded_; }

 private:
  bool Fail(SpawnStep step);
  void RecordBirth();
  bool HideDescriptors();
  bool ResetSignals();
  bool EnterGroup();
  bool EnterMounts();
  bool PlaceStdio();
  bool ApplyLimits();
  bool TakeIds();
  bool Enter();
  bool Confine();

  const SpawnRequest& request_;
  std::vector<const char*> argv_;
  std::vector<const char*> envp_;
  std::vector<int> slots_;
  unsigned first_hidden_;
  bool shares_descriptors_;
  const sock_fprog* filter_;
  int ruleset_slot_;
  // SAFETY: written by the child in shared memory; volatile because the compiler cannot see it.
  volatile SpawnStep step_ = SpawnStep::kNone;
  volatile int err_ = 0;
  volatile uint64_t start_ = 0;
  volatile bool is_recorded_ = false;
};

}  // namespace slapos
