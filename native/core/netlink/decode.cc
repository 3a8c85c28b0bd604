#include "core/netlink/decode.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

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

void DecodeLinkInfo(Bytes info, Link& link) {
  Bytes data;
  AttributeReader reader(info);
  while (auto attribute = reader.Next()) {
    if (attribute->type == IFLA_INFO_KIND) link.kind = attribute->Text();
    if (attribute->type == IFLA_INFO_DATA) data = attribute->payload;
  }
  if (link.kind == "tun") DecodeTunData(data, link);
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

void DecodeHops(Bytes hops, const Route& common, std::vector<Route>& routes) {
  while (auto hop = ReadStruct<rtnexthop>(hops)) {
    if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > hops.size()) return;
    Route route = common;
    route.ifindex = hop->rtnh_ifindex;
    AttributeReader reader(hops.subspan(sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop)));
    while (auto attribute = reader.Next()) DecodeHopAttribute(*attribute, route);
    routes.push_back(std::move(route));
    hops = hops.subspan(std::min<size_t>(hops.size(), RTNH_ALIGN(hop->rtnh_len)));
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
    default:
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
  std::string peer;
  AttributeReader reader = AttributesAfter(payload, sizeof(ifaddrmsg));
  while (auto attribute = reader.Next()) {
    // On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL ours; IPv6 often has only one.
    if (attribute->type == IFA_LOCAL) result.address = AddressText(attribute->payload);
    if (attribute->type == IFA_ADDRESS) peer = AddressText(attribute->payload);
    if (attribute->type == IFA_FLAGS) result.flags = attribute->U32(result.flags);
  }
  if (result.address.empty()) result.address = std::move(peer);
  if (result.address.empty()) return std::nullopt;
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
    default:
      break;
  }
}

}  // namespace slapos::netlink
