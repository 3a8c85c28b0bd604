#pragma once

#include <string>
#include <vector>

#include "core/channel/message.h"
#include "core/spawn/spawn_request.h"
#include "keeper/services.h"

namespace slapos::keeper {

// A `spawn` message as a request, and the descriptors to keep. False when a field is missing or
// wrong; `*problem` says which.
bool DecodeSpawn(const Message& message, std::vector<UniqueFd> fds, SpawnRequest* request,
                 std::vector<Kept>* kept, std::string* problem);

}  // namespace slapos::keeper
