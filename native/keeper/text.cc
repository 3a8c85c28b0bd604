#include "keeper/text.h"

#include <string.h>
#include <time.h>

#include <cstdio>

#include "core/sys/sys_error.h"

namespace slapos::keeper {

namespace {

int64_t ReadClock(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

int64_t WallClockMs() { return ReadClock(CLOCK_REALTIME); }
int64_t MonotonicMs() { return ReadClock(CLOCK_MONOTONIC); }

std::string LogLine(const char* level, const std::string& text) {
  int64_t now = WallClockMs();
  time_t seconds = now / 1000;
  tm local = {};
  ::localtime_r(&seconds, &local);
  char stamp[64];
  size_t length = ::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
  ::snprintf(stamp + length, sizeof stamp - length, ",%03d ", static_cast<int>(now % 1000));
  return stamp + std::string(level) + " " + text + "\n";
}

std::string EndText(int status, int signal) {
  if (signal == 0) return "exit status " + std::to_string(status);
  const char* name = ::sigabbrev_np(signal);
  return "signal " + (name != nullptr ? "SIG" + std::string(name) : std::to_string(signal));
}

std::string StepText(const SpawnRequest& request, const StepFailure& failure) {
  std::string why = ErrnoName(failure.err);
  switch (failure.step) {
    case SpawnStep::kGroups:
    case SpawnStep::kGid:
    case SpawnStep::kUid:
      return "supervisor: couldn't setuid to " + std::to_string(request.credentials->uid) + ": " +
             StepName(failure.step) + " " + why;
    case SpawnStep::kDirectory:
      return "supervisor: couldn't chdir to " + request.cwd + ": " + why;
    case SpawnStep::kExec:
      return "supervisor: couldn't exec " + request.file + ": " + why;
    default:
      return "supervisor: couldn't set up the process (" + std::string(StepName(failure.step)) +
             "): " + why;
  }
}

}  // namespace slapos::keeper
