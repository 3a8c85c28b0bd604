#pragma once

#include <string>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos {

// Version of landlock(7) that the kernel offers; 0 when it has none or it is not enabled.
int LandlockVersion();

// The oldest version that is of use: the first one refuses every rename between folders.
constexpr int kLeastLandlockVersion = 2;

// A ruleset that allows files to be changed, made, renamed and removed only beneath these folders,
// and devices and process files to be written. Reading stays as it is.
// Throws SysError naming the folder that could not be opened.
UniqueFd MakeWriteRuleset(const std::vector<std::string>& folders);

// Puts the ruleset on the calling process. Async-signal-safe; false with errno set.
bool EnterRuleset(int ruleset);

}  // namespace slapos
