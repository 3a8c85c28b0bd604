#include "core/netlink/encode.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cstdio>
#include <cstring>
#include <optional>

#include "core/netlink/message.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

namespace {

using Kind = OperationKind;

constexpr size_t kMacBytes = 6;

struct BinaryAddress {
  uint8_t family = AF_UNSPEC;
  uint8_t bytes[sizeof(in6_addr)] = {};
  size_t Size() const { return family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr); }
};

[[noreturn]] void RefuseField(const Operation& operation, const std::string& what) {
  throw SysError(EINVAL, OperationName(operation.kind), Describe(operation) + ": " + what);
}

std::optional<BinaryAddress> ParseAddress(const std::string& text) {
  BinaryAddress result;
  for (int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, text.c_str(), result.bytes) != 1) continue;
    result.family = static_cast<uint8_t>(family);
    return result;
  }
  return std::nullopt;
}

BinaryAddress AddressField(const Operation& operation, const std::string& text) {
  auto parsed = ParseAddress(text);
  if (!parsed) RefuseField(operation, "'" + text + "' is not an IP address");
  return *parsed;
}

// An interface name as the kernel accepts it (dev_valid_name), and no `%` template.
void CheckName(const Operation& operation, const std::string& name) {
  bool is_bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                name.find_first_of("/:% \t\n\v\f\r") != std::string::npos;
  if (is_bad) RefuseField(operation, "'" + name + "' is not an interface name");
}

void AddMac(const Operation& operation, MessageWriter& writer) {
  if (operation.mac.empty()) return;
  unsigned parts[kMacBytes];
  char end = 0;
  // NOLINTNEXTLINE(cert-err34-c): two digits cannot overflow.
  int count = std::sscanf(operation.mac.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &parts[0], &parts[1],
                          &parts[2], &parts[3], &parts[4], &parts[5], &end);
  constexpr size_t kTextSize = kMacBytes * 3 - 1;
  if (count != static_cast<int>(kMacBytes) || operation.mac.size() != kTextSize) {
    RefuseField(operation, "'" + operation.mac + "' is not a MAC address");
  }
  uint8_t bytes[kMacBytes];
  for (size_t i = 0; i < kMacBytes; ++i) bytes[i] = static_cast<uint8_t>(parts[i]);
  writer.Add(IFLA_ADDRESS, bytes, sizeof(bytes));
}

// A port forwards at once: nobody is to lose the network for thirty seconds because it joins.
void AddBridgeData(MessageWriter& writer) {
  size_t data = writer.Begin(IFLA_INFO_DATA);
  writer.AddU32(IFLA_BR_FORWARD_DELAY, 0);
  writer.AddU32(IFLA_BR_STP_STATE, 0);
  writer.End(data);
}

std::vector<uint8_t> EncodeLinkAdd(const Operation& operation) {
  CheckName(operation, operation.dev);
  MessageWriter writer(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  writer.AddText(IFLA_IFNAME, operation.dev);
  AddMac(operation, writer);
  size_t info = writer.Begin(IFLA_LINKINFO);
  writer.AddText(IFLA_INFO_KIND, operation.link_kind);
  if (operation.link_kind == "bridge") AddBridgeData(writer);
  writer.End(info);
  return writer.Take();
}

std::vector<uint8_t> EncodeLinkSet(const Operation& operation, const FindIndex& find_index) {
  ifinfomsg header = {};
  header.ifi_index = static_cast<int>(find_index(operation.dev));
  if (operation.set_up) {
    header.ifi_change = IFF_UP;
    header.ifi_flags = operation.is_up ? IFF_UP : 0;
  }
  MessageWriter writer(RTM_NEWLINK, NLM_F_REQUEST, header);
  AddMac(operation, writer);
  if (operation.set_group) writer.AddU32(IFLA_GROUP, operation.group);
  if (operation.set_master) {
    writer.AddU32(IFLA_MASTER, operation.master.empty() ? 0 : find_index(operation.master));
  }
  return writer.Take();
}

std::vector<uint8_t> EncodeLinkDel(const Operation& operation, const FindIndex& find_index) {
  ifinfomsg header = {};
  if (operation.kind == Kind::kLinkDel)
    header.ifi_index = static_cast<int>(find_index(operation.dev));
  MessageWriter writer(RTM_DELLINK, NLM_F_REQUEST, header);
  if (operation.kind == Kind::kLinkDelGroup) {
    // Group 0 is the group of every link that nobody put elsewhere.
    if (operation.group == 0) RefuseField(operation, "the default group cannot be deleted");
    writer.AddU32(IFLA_GROUP, operation.group);
  }
  return writer.Take();
}

uint16_t CreateFlags(Kind kind) {
  if (kind == Kind::kAddrReplace || kind == Kind::kRouteReplace) {
    return NLM_F_CREATE | NLM_F_REPLACE;
  }
  if (kind == Kind::kRouteAppend) return NLM_F_CREATE | NLM_F_APPEND;
  return NLM_F_CREATE | NLM_F_EXCL;
}

void CheckPrefixLength(const Operation& operation, uint8_t family) {
  int widest = family == AF_INET ? 32 : 128;
  if (operation.prefix_length > widest) {
    RefuseField(operation, "prefix length " + std::to_string(operation.prefix_length));
  }
}

uint8_t AddressScope(const BinaryAddress& address) {
  bool is_loopback = address.family == AF_INET && address.bytes[0] == 127;
  return is_loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
}

// What an address has beside itself and its length.
void AddAddressFacts(const Operation& operation, const BinaryAddress& address,
                     MessageWriter& writer) {
  uint32_t flags = operation.flags | (operation.is_nodad ? IFA_F_NODAD : 0) |
                   (operation.is_no_prefix_route ? IFA_F_NOPREFIXROUTE : 0);
  if (flags != 0) writer.AddU32(IFA_FLAGS, flags);
  if (!operation.broadcast.empty()) {
    BinaryAddress broadcast = AddressField(operation, operation.broadcast);
    if (broadcast.family != address.family) RefuseField(operation, "a broadcast of another family");
    writer.Add(IFA_BROADCAST, broadcast.bytes, broadcast.Size());
  }
  if (operation.label.size() >= IFNAMSIZ) RefuseField(operation, "label " + operation.label);
  if (!operation.label.empty()) writer.AddText(IFA_LABEL, operation.label);
  if (operation.metric != 0) writer.AddU32(IFA_RT_PRIORITY, operation.metric);
  if (operation.valid_seconds == kForever && operation.preferred_seconds == kForever) return;
  ifa_cacheinfo lifetimes = {operation.preferred_seconds, operation.valid_seconds, 0, 0};
  writer.Add(IFA_CACHEINFO, &lifetimes, sizeof(lifetimes));
}

std::vector<uint8_t> EncodeAddr(const Operation& operation, const FindIndex& find_index) {
  BinaryAddress address = AddressField(operation, operation.address);
  CheckPrefixLength(operation, address.family);
  ifaddrmsg header = {};
  header.ifa_family = address.family;
  header.ifa_prefixlen = operation.prefix_length;
  header.ifa_scope = operation.scope.value_or(AddressScope(address));
  header.ifa_index = find_index(operation.dev);
  bool is_delete = operation.kind == Kind::kAddrDel;
  uint16_t flags = NLM_F_REQUEST | (is_delete ? 0 : CreateFlags(operation.kind));
  MessageWriter writer(is_delete ? RTM_DELADDR : RTM_NEWADDR, flags, header);
  writer.Add(IFA_LOCAL, address.bytes, address.Size());
  BinaryAddress peer = operation.peer.empty() ? address : AddressField(operation, operation.peer);
  if (peer.family != address.family) RefuseField(operation, "a peer of another family");
  writer.Add(IFA_ADDRESS, peer.bytes, peer.Size());
  if (!is_delete) AddAddressFacts(operation, address, writer);
  if (is_delete && operation.flags != 0) writer.AddU32(IFA_FLAGS, operation.flags);
  return writer.Take();
}

// IPv4 wants a scope that fits the route; for a deletion "nowhere" matches any.
uint8_t RouteScope(const Operation& operation) {
  if (operation.scope) return *operation.scope;
  if (operation.family == 6) return RT_SCOPE_UNIVERSE;
  if (operation.kind == Kind::kRouteDel) return RT_SCOPE_NOWHERE;
  if (operation.type == RTN_LOCAL) return RT_SCOPE_HOST;
  return operation.gateway.empty() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

rtmsg RouteHeader(const Operation& operation) {
  rtmsg header = {};
  header.rtm_family = operation.family == 4 ? AF_INET : AF_INET6;
  header.rtm_dst_len = operation.prefix_length;
  header.rtm_table =
      static_cast<uint8_t>(operation.table <= UINT8_MAX ? operation.table : RT_TABLE_COMPAT);
  header.rtm_protocol = operation.protocol;
  header.rtm_type = operation.type;
  header.rtm_scope = RouteScope(operation);
  header.rtm_tos = operation.tos;
  header.rtm_flags = operation.flags;
  return header;
}

void AddRouteAddress(const Operation& operation, const std::string& text, uint16_t type,
                     MessageWriter& writer) {
  if (text.empty()) return;
  BinaryAddress address = AddressField(operation, text);
  if (address.family != (operation.family == 4 ? AF_INET : AF_INET6)) {
    RefuseField(operation, "'" + text + "' is not IPv" + std::to_string(operation.family));
  }
  writer.Add(type, address.bytes, address.Size());
}

// A gateway of the other family than the route's goes into RTA_VIA (struct rtvia).
void AddGateway(const Operation& operation, MessageWriter& writer) {
  if (operation.gateway.empty()) return;
  BinaryAddress gateway = AddressField(operation, operation.gateway);
  if (operation.family == 6 || gateway.family == AF_INET) {
    return AddRouteAddress(operation, operation.gateway, RTA_GATEWAY, writer);
  }
  uint16_t family = gateway.family;
  std::vector<uint8_t> via(sizeof(family) + gateway.Size());
  std::memcpy(via.data(), &family, sizeof(family));
  std::memcpy(via.data() + sizeof(family), gateway.bytes, gateway.Size());
  writer.Add(RTA_VIA, via.data(), via.size());
}

// Attributes that came out of a dump; anything else among the bytes is refused.
void AddCarriedAttributes(const Operation& operation, MessageWriter& writer) {
  AttributeReader reader(operation.attributes);
  while (auto attribute = reader.Next()) {
    bool is_carried = attribute->type == RTA_METRICS || attribute->type == RTA_FLOW ||
                      attribute->type == RTA_PREF;
    if (!is_carried) RefuseField(operation, "attribute " + std::to_string(attribute->type));
    // RTA_METRICS nests; old kernels want no flag on it and new ones take it without.
    writer.Add(attribute->type, attribute->payload.data(), attribute->payload.size());
  }
}

std::vector<uint8_t> EncodeRoute(const Operation& operation, const FindIndex& find_index) {
  rtmsg header = RouteHeader(operation);
  CheckPrefixLength(operation, header.rtm_family);
  if (operation.address.empty() && operation.prefix_length != 0) {
    RefuseField(operation, "a prefix length without destination");
  }
  bool is_delete = operation.kind == Kind::kRouteDel;
  uint16_t flags = NLM_F_REQUEST | (is_delete ? 0 : CreateFlags(operation.kind));
  MessageWriter writer(is_delete ? RTM_DELROUTE : RTM_NEWROUTE, flags, header);
  AddRouteAddress(operation, operation.address, RTA_DST, writer);
  AddGateway(operation, writer);
  AddRouteAddress(operation, operation.preferred_source, RTA_PREFSRC, writer);
  if (!operation.dev.empty()) writer.AddU32(RTA_OIF, find_index(operation.dev));
  if (operation.table > UINT8_MAX) writer.AddU32(RTA_TABLE, operation.table);
  if (operation.metric != 0) writer.AddU32(RTA_PRIORITY, operation.metric);
  if (!is_delete && operation.expires_seconds != 0) {
    writer.AddU32(RTA_EXPIRES, operation.expires_seconds);
  }
  if (!is_delete) AddCarriedAttributes(operation, writer);
  return writer.Take();
}

template <typename Header>
std::vector<uint8_t> EncodeDump(uint16_t type, const Header& header) {
  return MessageWriter(type, NLM_F_REQUEST | NLM_F_DUMP, header).Take();
}

}  // namespace

std::vector<uint8_t> EncodeOperation(const Operation& operation, const FindIndex& find_index) {
  switch (operation.kind) {
    case Kind::kLinkAdd:
      return EncodeLinkAdd(operation);
    case Kind::kLinkSet:
      return EncodeLinkSet(operation, find_index);
    case Kind::kLinkDel:
    case Kind::kLinkDelGroup:
      return EncodeLinkDel(operation, find_index);
    case Kind::kAddrAdd:
    case Kind::kAddrReplace:
    case Kind::kAddrDel:
      return EncodeAddr(operation, find_index);
    default:
      return EncodeRoute(operation, find_index);
  }
}

const char* OperationName(OperationKind kind) {
  static const char* const kNames[] = {"linkAdd",     "linkSet",      "linkDel", "linkDelGroup",
                                       "addrAdd",     "addrReplace",  "addrDel", "routeAdd",
                                       "routeAppend", "routeReplace", "routeDel"};
  return kNames[static_cast<int>(kind)];
}

std::string Describe(const Operation& operation) {
  if (operation.kind == Kind::kLinkDelGroup) return "group " + std::to_string(operation.group);
  if (operation.kind <= Kind::kLinkDel) {
    return operation.master.empty() ? operation.dev : operation.dev + " in " + operation.master;
  }
  std::string text = operation.address.empty() ? "default" : operation.address;
  if (!operation.address.empty()) text += "/" + std::to_string(operation.prefix_length);
  if (!operation.gateway.empty()) text += " via " + operation.gateway;
  return operation.dev.empty() ? text : text + " on " + operation.dev;
}

std::vector<uint8_t> EncodeLinkDump() {
  MessageWriter writer(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, ifinfomsg{});
  writer.AddU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return writer.Take();
}

std::vector<uint8_t> EncodeAddressDump(uint8_t family) {
  ifaddrmsg header = {};
  header.ifa_family = family;
  return EncodeDump(RTM_GETADDR, header);
}

std::vector<uint8_t> EncodeRouteDump(uint8_t family) {
  rtmsg header = {};
  header.rtm_family = family;
  return EncodeDump(RTM_GETROUTE, header);
}

std::vector<uint8_t> EncodeNeighbourDump(int32_t ifindex) {
  MessageWriter writer(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, ndmsg{});
  writer.AddU32(NDA_IFINDEX, static_cast<uint32_t>(ifindex));
  return writer.Take();
}

std::vector<uint8_t> EncodeNeighbour(uint16_t type, int32_t ifindex, const std::string& address) {
  auto parsed = ParseAddress(address);
  if (!parsed) throw SysError(EINVAL, "neighbour", "'" + address + "' is not an IP address");
  bool is_new = type == RTM_NEWNEIGH;
  ndmsg header = {};
  header.ndm_family = parsed->family;
  header.ndm_ifindex = ifindex;
  if (is_new) header.ndm_flags = NTF_USE;
  MessageWriter writer(type, NLM_F_REQUEST | (is_new ? NLM_F_CREATE : 0), header);
  writer.Add(NDA_DST, parsed->bytes, parsed->Size());
  return writer.Take();
}

}  // namespace slapos::netlink
