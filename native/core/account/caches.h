#pragma once

namespace slapos::account {

// Tells the name service caches of the host to forget users and groups: `nscd -i passwd`,
// `nscd -i group` and `sss_cache -UG`, each when it is installed. Failures mean that no such daemon
// runs and are ignored; a tool that hangs is killed after two seconds.
void FlushNameCaches();

}  // namespace slapos::account
