#pragma once

struct sock_fprog;

namespace slapos {

// Whether the kernel takes filters of system calls.
bool HasSeccomp();

// The list of system calls that no service needs, as a filter that answers EPERM (clone3: ENOSYS,
// so that the C library falls back to clone, whose flags can be seen). Only calls of the machine's
// own architecture are allowed. With `denies_tracing` a service cannot look into other processes
// either: for kernels where landlock does not keep services apart. Valid for ever.
const sock_fprog& DenyFilter(bool denies_tracing);

// Puts the filter on the calling process, which must have given up new privileges.
// Async-signal-safe; false with errno set.
bool EnterFilter(const sock_fprog& filter);

}  // namespace slapos
