#pragma once

#include <optional>
#include <vector>

#include "core/netlink/message.h"
#include "core/netlink/records.h"

namespace slapos::netlink {

// Decoders of the kinds of records. They take any bytes: what is too short, or of a family
// that we do not handle, gives nothing.
std::optional<Link> DecodeLink(Bytes payload);
std::optional<Address> DecodeAddress(Bytes payload);
std::optional<Neighbour> DecodeNeighbour(Bytes payload);
// Appends one record, or one for each next hop of a multipath route.
void DecodeRoute(Bytes payload, std::vector<Route>& routes);

// Adds what one message of a dump says to the record list that it belongs to.
void DecodeInto(const Message& message, Dump& dump);

}  // namespace slapos::netlink
