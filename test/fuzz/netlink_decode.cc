// Fuzz target: whatever the kernel, or somebody in its place, sends must be decoded without a
// crash, a read beyond the end or a walk that does not end. What is decoded and can be written
// again must come back the same.
#include <cstddef>
#include <cstdint>

#include "core/netlink/decode.h"
#include "native/written_again.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos::netlink;
  Dump dump;
  MessageReader reader(Bytes(data, size));
  while (auto message = reader.Next()) {
    DecodeInto(*message, dump);
    DecodeVerdict(*message);
    // Also as if it were of another type: the decoders may not rely on the header.
    DecodeLink(message->payload);
    DecodeAddress(message->payload);
    DecodeNeighbour(message->payload);
    DecodeRoute(message->payload, dump.routes);
  }
  for (const Address& address : dump.addresses) {
    if (!ReadsBack(address)) __builtin_trap();
  }
  for (const Route& route : dump.routes) {
    if (route.obstacle == RouteObstacle::kNone && !ReadsBack(route)) __builtin_trap();
  }
  return 0;
}
