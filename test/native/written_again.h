#pragma once

// Records of a dump as the operations that would make the same thing again: what is decoded must
// come out of the encoder as it was.

#include <optional>
#include <string>
#include <tuple>

#include "core/netlink/decode.h"
#include "core/netlink/encode.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

inline Operation AgainOf(const Address& address) {
  Operation operation;
  operation.kind = OperationKind::kAddrAdd;
  operation.dev = "dev";
  operation.address = address.address;
  operation.prefix_length = address.prefix_length;
  operation.scope = address.scope;
  operation.flags = address.flags;
  operation.peer = address.peer;
  operation.broadcast = address.broadcast;
  operation.label = address.label;
  operation.metric = address.metric;
  operation.preferred_seconds = address.preferred_seconds;
  operation.valid_seconds = address.valid_seconds;
  return operation;
}

inline Operation AgainOf(const Route& route) {
  Operation operation;
  operation.kind = OperationKind::kRouteAppend;
  operation.dev = "dev";
  operation.family = route.family;
  operation.address = route.destination;
  operation.prefix_length = route.prefix_length;
  operation.gateway = route.gateway;
  operation.preferred_source = route.preferred_source;
  operation.table = route.table;
  operation.type = route.type;
  operation.metric = route.priority;
  operation.protocol = route.protocol;
  operation.scope = route.scope;
  operation.tos = route.tos;
  operation.flags = route.flags;
  operation.attributes = route.attributes;
  return operation;
}

// Everything of a record but its lifetime, which goes out in another form than it comes in.
inline auto FactsOf(const Address& address) {
  return std::tuple(address.ifindex, address.family, address.address, address.prefix_length,
                    address.scope, address.flags, address.peer, address.broadcast, address.label,
                    address.metric, address.preferred_seconds, address.valid_seconds);
}

inline auto FactsOf(const Route& route) {
  return std::tuple(route.family, route.destination, route.prefix_length, route.gateway,
                    route.ifindex, route.table, route.protocol, route.type, route.priority,
                    route.scope, route.tos, route.flags, route.preferred_source, route.attributes);
}

// The message that makes the record again; nothing when the encoder refuses it as no such thing can
// exist.
template <typename Record>
std::optional<std::vector<uint8_t>> WriteAgain(const Record& record) {
  try {
    return EncodeOperation(
        AgainOf(record), [&](const std::string&) { return static_cast<uint32_t>(record.ifindex); });
  } catch (const SysError&) {
    return std::nullopt;
  }
}

inline bool ReadsBack(const Address& address) {
  auto bytes = WriteAgain(address);
  if (!bytes) return true;
  MessageReader reader(*bytes);
  auto again = DecodeAddress(reader.Next()->payload);
  return again && FactsOf(*again) == FactsOf(address);
}

inline bool ReadsBack(const Route& route) {
  auto bytes = WriteAgain(route);
  if (!bytes) return true;
  MessageReader reader(*bytes);
  std::vector<Route> again;
  DecodeRoute(reader.Next()->payload, again);
  return again.size() == 1 && FactsOf(again.front()) == FactsOf(route);
}

}  // namespace slapos::netlink
