#pragma once

namespace slapos {

// System calls newer than the oldest kernel we promise, each probed once per process.
struct Capabilities {
  bool pidfd = false;        // pidfd_open(2), Linux 5.3
  bool close_range = false;  // close_range(2), Linux 5.9
  bool openat2 = false;      // openat2(2), Linux 5.6; container seccomp profiles may deny it
};

const Capabilities& ProbeCapabilities();

}  // namespace slapos
