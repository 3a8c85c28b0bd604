#pragma once

#include <cstdint>
#include <string>

#include "core/spawn/spawn_request.h"

namespace slapos::keeper {

// Milliseconds since 1970.
int64_t WallClockMs();
// Milliseconds of a clock that never jumps; for deadlines.
int64_t MonotonicMs();

// A line of the main log: `2026-11-20 23:34:14,285 WARN text`, local time.
std::string LogLine(const char* level, const std::string& text);

// `exit status 3` or `signal SIGKILL`.
std::string EndText(int status, int signal);

// The line that a service's log gets when the new process could not reach exec, as supervisord
// writes it.
std::string StepText(const SpawnRequest& request, const StepFailure& failure);

}  // namespace slapos::keeper
