#pragma once

#include <optional>
#include <vector>

#include "core/netlink/records.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

// Applies operations in order, many to a datagram of at most 64 KB, and gives one outcome for each:
// nothing for success. An operation that fails does not stop those behind it. A device that an
// earlier operation of the list creates may be used by a later one.
// Throws SysError when the kernel cannot be talked to at all.
std::vector<std::optional<SysError>> Apply(const std::vector<Operation>& operations);

}  // namespace slapos::netlink
