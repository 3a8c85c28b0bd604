#pragma once

namespace slapos {

// Takes an open-file-description lock on the whole file (F_OFD_SETLK, fcntl_locking(2), Linux
// 3.15): it belongs to the descriptor, not to the process, and ends with its last copy. False when
// somebody else holds it; throws SysError.
bool TryLock(int fd, bool exclusive);

}  // namespace slapos
