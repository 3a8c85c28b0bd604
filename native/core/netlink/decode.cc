#include "core/netlink/decode.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <climits>
#include <utility>

namespace slapos::netlink {

namespace {

int FamilyNumber(uint8_t family) {
  if (family == AF_INET) return 4;
  return family == AF_INET6 ? 6 : 0;
}

// Text of an address of the family given by its width; empty when it has another width.
std::string AddressText(Bytes bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes.size() == sizeof(in_addr)) ::inet_ntop(AF_INET, bytes.data(), text, sizeof(text));
  if (bytes.size() == sizeof(in6_addr)) ::inet_ntop(AF_INET6, bytes.data(), text, sizeof(text));
  return text;
}

std::string HardwareText(Bytes bytes) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

void DecodeTunData(Bytes data, Link& link) {
  AttributeReader reader(data);
  while (auto attribute = reader.Next()) {
    switch (attribute->type) {
      case IFLA_TUN_OWNER:
        link.tun_owner = attribute->U32();
        break;
      case IFLA_TUN_TYPE:
        link.tun_mode = attribute->U8() == IFF_TAP ? "tap" : "tun";
        break;
      case IFLA_TUN_PERSIST:
        link.is_tun_persistent = attribute->U8() != 0;
        break;
      default:
        break;
    }
  }
}

// Listening and learning, one forward delay each (in clock ticks), come before forwarding.
void DecodeBridgeData(Bytes data, Link& link) {
  constexpr uint64_t kMsPerTick = 10;
  uint64_t delay = 0;
  bool has_stp = false;
  AttributeReader reader(data);
  while (auto attribute = reader.Next()) {
    if (attribute->type == IFLA_BR_FORWARD_DELAY) delay = attribute->U32();
    if (attribute->type == IFLA_BR_STP_STATE) has_stp = attribute->U32() != 0;
  }
  if (!has_stp) return;
  link.port_delay_ms = static_cast<uint32_t>(std::min<uint64_t>(2 * kMsPerTick * delay, INT32_MAX));
}

void DecodeLinkInfo(Bytes info, Link& link) {
  Bytes data;
  AttributeReader reader(info);
  while (auto attribute = reader.Next()) {
    if (attribute->type == IFLA_INFO_KIND) link.kind = attribute->Text();
    if (attribute->type == IFLA_INFO_DATA) data = attribute->payload;
  }
  if (link.kind == "tun") DecodeTunData(data, link);
  if (link.kind == "bridge") DecodeBridgeData(data, link);
}

void DecodeLinkAttribute(const Attribute& attribute, Link& link) {
  switch (attribute.type) {
    case IFLA_IFNAME:
      link.name = attribute.Text();
      break;
    case IFLA_CARRIER:
      link.has_carrier = attribute.U8() != 0;
      break;
    case IFLA_MASTER:
      link.master = attribute.U32();
      break;
    case IFLA_ADDRESS:
      link.mac = HardwareText(attribute.payload);
      break;
    case IFLA_MTU:
      link.mtu = attribute.U32();
      break;
    case IFLA_GROUP:
      link.group = attribute.U32();
      break;
    case IFLA_LINKINFO:
      DecodeLinkInfo(attribute.payload, link);
      break;
    default:
      break;
  }
}

// RTA_VIA: a gateway of another family (struct rtvia: family, then the address).
std::string ViaText(Bytes payload) {
  if (payload.size() <= sizeof(uint16_t)) return "";
  return AddressText(payload.subspan(sizeof(uint16_t)));
}

void DecodeHopAttribute(const Attribute& attribute, Route& route) {
  if (attribute.type == RTA_GATEWAY) route.gateway = AddressText(attribute.payload);
  if (attribute.type == RTA_VIA) route.gateway = ViaText(attribute.payload);
}

// The attribute with its header, as it came, padded.
void KeepAttribute(const Attribute& attribute, std::vector<uint8_t>& kept) {
  nlattr header = {static_cast<uint16_t>(NLA_HDRLEN + attribute.payload.size()), attribute.type};
  const auto* raw = reinterpret_cast<const uint8_t*>(&header);
  kept.insert(kept.end(), raw, raw + sizeof(header));
  kept.insert(kept.end(), attribute.payload.begin(), attribute.payload.end());
  kept.resize(NLA_ALIGN(kept.size()));
}

// Seconds until the route goes, from a clock of 100 ticks; what is gone already has one second.
uint32_t ExpirySeconds(Bytes payload) {
  constexpr int32_t kTicksPerSecond = 100;
  auto cache = ReadStruct<rta_cacheinfo>(payload);
  if (!cache || cache->rta_expires == 0) return 0;
  return static_cast<uint32_t>(std::max(1, cache->rta_expires / kTicksPerSecond));
}

void DecodeHops(Bytes hops, const Route& common, std::vector<Route>& routes) {
  while (auto hop = ReadStruct<rtnexthop>(hops)) {
    if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > hops.size()) return;
    Route route = common;
    route.ifindex = hop->rtnh_ifindex;
    route.flags = hop->rtnh_flags;
    AttributeReader reader(hops.subspan(sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop)));
    while (auto attribute = reader.Next()) DecodeHopAttribute(*attribute, route);
    routes.push_back(std::move(route));
    hops = hops.subspan(std::min<size_t>(hops.size(), RTNH_ALIGN(hop->rtnh_len)));
  }
}

void DecodeRouteObstacle(const Attribute& attribute, Route& route) {
  if (attribute.type == RTA_MULTIPATH) route.obstacle = RouteObstacle::kMultipath;
  if (attribute.type == RTA_NH_ID) route.obstacle = RouteObstacle::kNexthopObject;
  if (attribute.type == RTA_ENCAP) route.obstacle = RouteObstacle::kEncapsulation;
}

void DecodeAddressAttribute(const Attribute& attribute, Address& result) {
  switch (attribute.type) {
    // On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL ours; IPv6 often has only one.
    case IFA_LOCAL:
      result.address = AddressText(attribute.payload);
      break;
    case IFA_ADDRESS:
      result.peer = AddressText(attribute.payload);
      break;
    case IFA_BROADCAST:
      result.broadcast = AddressText(attribute.payload);
      break;
    case IFA_LABEL:
      result.label = attribute.Text();
      break;
    case IFA_FLAGS:
      result.flags = attribute.U32(result.flags);
      break;
    case IFA_RT_PRIORITY:
      result.metric = attribute.U32();
      break;
    case IFA_CACHEINFO:
      if (auto cache = ReadStruct<ifa_cacheinfo>(attribute.payload)) {
        result.preferred_seconds = cache->ifa_prefered;
        result.valid_seconds = cache->ifa_valid;
      }
      break;
    default:
      break;
  }
}

void DecodeRouteAttribute(const Attribute& attribute, Route& route) {
  switch (attribute.type) {
    case RTA_DST:
      route.destination = AddressText(attribute.payload);
      break;
    case RTA_OIF:
      route.ifindex = static_cast<int32_t>(attribute.U32());
      break;
    case RTA_TABLE:
      route.table = attribute.U32();
      break;
    case RTA_PRIORITY:
      route.priority = attribute.U32();
      break;
    case RTA_PREFSRC:
      route.preferred_source = AddressText(attribute.payload);
      break;
    case RTA_CACHEINFO:
      route.expires_seconds = ExpirySeconds(attribute.payload);
      break;
    case RTA_METRICS:
    case RTA_FLOW:
      KeepAttribute(attribute, route.attributes);
      break;
    case RTA_PREF:
      // Every IPv6 route has one; medium (RFC 4191 2.1) is what a route gets without.
      if (attribute.U8() != 0) KeepAttribute(attribute, route.attributes);
      break;
    default:
      DecodeRouteObstacle(attribute, route);
      DecodeHopAttribute(attribute, route);
      break;
  }
}

}  // namespace

std::optional<Link> DecodeLink(Bytes payload) {
  auto header = ReadStruct<ifinfomsg>(payload);
  if (!header) return std::nullopt;
  Link link;
  link.ifindex = header->ifi_index;
  link.flags = header->ifi_flags;
  AttributeReader reader = AttributesAfter(payload, sizeof(ifinfomsg));
  while (auto attribute = reader.Next()) DecodeLinkAttribute(*attribute, link);
  return link;
}

std::optional<Address> DecodeAddress(Bytes payload) {
  auto header = ReadStruct<ifaddrmsg>(payload);
  if (!header || FamilyNumber(header->ifa_family) == 0) return std::nullopt;
  Address result;
  result.ifindex = static_cast<int32_t>(header->ifa_index);
  result.family = FamilyNumber(header->ifa_family);
  result.prefix_length = header->ifa_prefixlen;
  result.scope = header->ifa_scope;
  result.flags = header->ifa_flags;
  AttributeReader reader = AttributesAfter(payload, sizeof(ifaddrmsg));
  while (auto attribute = reader.Next()) DecodeAddressAttribute(*attribute, result);
  if (result.address.empty()) result.address = result.peer;
  if (result.peer == result.address) result.peer.clear();
  bool is_ipv6 = result.address.find(':') != std::string::npos;
  if (result.address.empty() || is_ipv6 != (result.family == 6)) return std::nullopt;
  return result;
}

void DecodeRoute(Bytes payload, std::vector<Route>& routes) {
  auto header = ReadStruct<rtmsg>(payload);
  if (!header || FamilyNumber(header->rtm_family) == 0) return;
  Route route;
  route.family = FamilyNumber(header->rtm_family);
  route.prefix_length = header->rtm_dst_len;
  route.table = header->rtm_table;
  route.protocol = header->rtm_protocol;
  route.type = header->rtm_type;
  route.scope = header->rtm_scope;
  route.tos = header->rtm_tos;
  route.flags = header->rtm_flags;
  if (header->rtm_src_len != 0) route.obstacle = RouteObstacle::kSource;
  Bytes hops;
  AttributeReader reader = AttributesAfter(payload, sizeof(rtmsg));
  while (auto attribute = reader.Next()) {
    if (attribute->type == RTA_MULTIPATH) hops = attribute->payload;
    DecodeRouteAttribute(*attribute, route);
  }
  if (hops.empty()) {
    routes.push_back(std::move(route));
  } else {
    DecodeHops(hops, route, routes);
  }
}

std::optional<Neighbour> DecodeNeighbour(Bytes payload) {
  auto header = ReadStruct<ndmsg>(payload);
  if (!header || FamilyNumber(header->ndm_family) == 0) return std::nullopt;
  Neighbour result;
  result.ifindex = header->ndm_ifindex;
  result.state = header->ndm_state;
  AttributeReader reader = AttributesAfter(payload, sizeof(ndmsg));
  while (auto attribute = reader.Next()) {
    if (attribute->type == NDA_DST) result.address = AddressText(attribute->payload);
  }
  if (result.address.empty()) return std::nullopt;
  return result;
}

void DecodeInto(const Message& message, Dump& dump) {
  switch (message.header.nlmsg_type) {
    case RTM_NEWLINK:
      if (auto link = DecodeLink(message.payload)) dump.links.push_back(std::move(*link));
      break;
    case RTM_NEWADDR:
      if (auto address = DecodeAddress(message.payload)) {
        dump.addresses.push_back(std::move(*address));
      }
      break;
    case RTM_NEWROUTE:
      DecodeRoute(message.payload, dump.routes);
      break;
    case RTM_NEWNEIGH:
      if (auto neighbour = DecodeNeighbour(message.payload)) {
        dump.neighbours.push_back(std::move(*neighbour));
      }
      break;
    default:
      break;
  }
}

}  // namespace slapos::netlink
