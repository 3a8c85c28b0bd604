#pragma once

#include <malloc.h>

namespace slapos::keeper {

// Reading or rewriting the journal, and telling a controller of thousands of services, take as much
// memory again as they do; the C library keeps it for the next time (malloc_trim(3)).
inline void ReturnFreeMemory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace slapos::keeper
