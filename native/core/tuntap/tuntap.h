#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sys/sys_error.h"

namespace slapos::tuntap {

struct Device {
  std::string name;
  bool is_tap = true;
  int64_t owner = -1;  // uid that may open the device, -1 for root only (recorded as uid 0)
};

using Outcomes = std::vector<std::optional<SysError>>;

// Makes each device exist, persistent and owned as asked, without packet information header (as
// `ip tuntap add` does). One outcome for each. A device that somebody has open gives EBUSY, a
// device of another kind under that name EINVAL. Throws SysError when /dev/net/tun cannot be
// opened.
Outcomes Create(const std::vector<Device>& devices);

// Makes each device non-persistent, so that it vanishes; ENODEV for one that does not exist.
// Takes about 20 ms each: the kernel waits for an RCU grace period.
Outcomes Delete(const std::vector<Device>& devices);

}  // namespace slapos::tuntap
