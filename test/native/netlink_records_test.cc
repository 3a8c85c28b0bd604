// What goes out for an operation, and what comes out of a dump: the encoder's messages are read
// back by the decoder, which must also survive anything else.
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <random>

#include "core/netlink/dad.h"
#include "core/netlink/decode.h"
#include "core/netlink/encode.h"
#include "native/check.h"

using namespace slapos::netlink;

namespace {

uint32_t FindIndex(const std::string& dev) {
  if (dev == "slaptap0") return 5;
  if (dev == "br0") return 2;
  throw slapos::SysError(ENODEV, "test", dev);
}

struct Encoded {
  explicit Encoded(const Operation& operation) : bytes(EncodeOperation(operation, FindIndex)) {
    MessageReader reader(bytes);
    message = *reader.Next();
  }
  std::vector<uint8_t> bytes;
  Message message;
};

Operation Of(OperationKind kind, const std::string& dev) {
  Operation operation;
  operation.kind = kind;
  operation.dev = dev;
  return operation;
}

Operation AddrOf(OperationKind kind, const std::string& address, uint8_t prefix_length) {
  Operation operation = Of(kind, "slaptap0");
  operation.address = address;
  operation.prefix_length = prefix_length;
  return operation;
}

Operation RouteOf(OperationKind kind, int family, const std::string& destination,
                  uint8_t prefix_length) {
  Operation operation = AddrOf(kind, destination, prefix_length);
  operation.family = family;
  operation.table = RT_TABLE_MAIN;
  operation.type = RTN_UNICAST;
  operation.protocol = 83;
  return operation;
}

}  // namespace

TEST(a_bridge_is_created_exclusively_with_its_address) {
  Operation operation = Of(OperationKind::kLinkAdd, "br0");
  operation.link_kind = "bridge";
  operation.mac = "02:00:00:0a:fF:01";
  Encoded encoded(operation);
  CHECK_EQ(encoded.message.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  auto link = DecodeLink(encoded.message.payload);
  CHECK_EQ(link->name, "br0");
  CHECK_EQ(link->kind, "bridge");
  CHECK_EQ(link->mac, "02:00:00:0a:ff:01");
}

TEST(one_message_sets_master_group_and_up) {
  Operation operation = Of(OperationKind::kLinkSet, "slaptap0");
  operation.set_up = operation.is_up = operation.set_master = operation.set_group = true;
  operation.master = "br0";
  operation.group = 0x51a9;
  Encoded encoded(operation);
  auto header = ReadStruct<ifinfomsg>(encoded.message.payload);
  CHECK_EQ(header->ifi_change, static_cast<unsigned>(IFF_UP));
  auto link = DecodeLink(encoded.message.payload);
  CHECK_EQ(link->ifindex, 5);
  CHECK_EQ(link->flags, static_cast<uint32_t>(IFF_UP));
  CHECK_EQ(link->master, 2u);
  CHECK_EQ(link->group, 0x51a9u);
}

TEST(what_is_not_set_is_left_alone) {
  Encoded encoded(Of(OperationKind::kLinkSet, "slaptap0"));
  CHECK_EQ(ReadStruct<ifinfomsg>(encoded.message.payload)->ifi_change, 0u);
  AttributeReader reader = AttributesAfter(encoded.message.payload, sizeof(ifinfomsg));
  CHECK(!reader.Next().has_value());
}

TEST(links_are_deleted_by_index_or_by_group_but_never_the_default_group) {
  Operation by_group;
  by_group.kind = OperationKind::kLinkDelGroup;
  by_group.group = 0x51a9;
  CHECK_EQ(DecodeLink(Encoded(by_group).message.payload)->group, 0x51a9u);
  CHECK_EQ(DecodeLink(Encoded(Of(OperationKind::kLinkDel, "br0")).message.payload)->ifindex, 2);
  by_group.group = 0;
  CHECK_THROWS(EINVAL, Encoded{by_group});
}

TEST(addresses_of_both_families_round_trip) {
  struct {
    const char* address;
    uint8_t prefix_length;
    int family;
  } const samples[] = {{"10.0.3.7", 32, 4},
                       {"2001:db8:aaaa:8001:ffff:ffff:ffff:ffff", 64, 6},
                       {"::1", 128, 6},
                       {"0.0.0.0", 0, 4}};
  for (const auto& sample : samples) {
    Operation operation = AddrOf(OperationKind::kAddrAdd, sample.address, sample.prefix_length);
    operation.is_nodad = operation.is_no_prefix_route = true;
    auto address = DecodeAddress(Encoded(operation).message.payload);
    CHECK_EQ(address->address, sample.address);
    CHECK_EQ(address->family, sample.family);
    CHECK_EQ(address->prefix_length, sample.prefix_length);
    CHECK_EQ(address->ifindex, 5);
    CHECK_EQ(address->flags, static_cast<uint32_t>(IFA_F_NODAD | IFA_F_NOPREFIXROUTE));
  }
}

TEST(adding_excludes_and_replacing_replaces) {
  auto flags = [](OperationKind kind) {
    return Encoded(AddrOf(kind, "10.0.0.1", 32)).message.header.nlmsg_flags;
  };
  CHECK_EQ(flags(OperationKind::kAddrAdd), NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  CHECK_EQ(flags(OperationKind::kAddrReplace), NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
  CHECK_EQ(flags(OperationKind::kAddrDel), NLM_F_REQUEST);
}

TEST(routes_round_trip) {
  Operation operation = RouteOf(OperationKind::kRouteAdd, 6, "2001:db8:aaaa:8001::", 64);
  operation.gateway = "2001:db8:aaaa:8001::1";
  operation.table = 1000;
  operation.metric = 17;
  std::vector<Route> routes;
  DecodeRoute(Encoded(operation).message.payload, routes);
  CHECK_EQ(routes.size(), 1u);
  const Route& route = routes.front();
  CHECK_EQ(route.family, 6);
  CHECK_EQ(route.destination, "2001:db8:aaaa:8001::");
  CHECK_EQ(route.prefix_length, 64);
  CHECK_EQ(route.gateway, "2001:db8:aaaa:8001::1");
  CHECK_EQ(route.ifindex, 5);
  CHECK_EQ(route.table, 1000u);
  CHECK_EQ(route.protocol, 83);
  CHECK_EQ(route.type, RTN_UNICAST);
  CHECK_EQ(route.priority, 17u);
}

TEST(ipv4_routes_get_the_scope_that_fits) {
  auto scope = [](Operation operation) {
    return ReadStruct<rtmsg>(Encoded(operation).message.payload)->rtm_scope;
  };
  Operation direct = RouteOf(OperationKind::kRouteAdd, 4, "10.8.0.2", 32);
  CHECK_EQ(scope(direct), RT_SCOPE_LINK);
  Operation through = direct;
  through.gateway = "10.8.0.1";
  CHECK_EQ(scope(through), RT_SCOPE_UNIVERSE);
  Operation local = direct;
  local.type = RTN_LOCAL;
  CHECK_EQ(scope(local), RT_SCOPE_HOST);
  Operation removed = direct;
  removed.kind = OperationKind::kRouteDel;
  CHECK_EQ(scope(removed), RT_SCOPE_NOWHERE);
}

TEST(a_default_route_has_no_destination) {
  std::vector<Route> routes;
  DecodeRoute(Encoded(RouteOf(OperationKind::kRouteAdd, 4, "", 0)).message.payload, routes);
  CHECK_EQ(routes.front().destination, "");
  CHECK_EQ(routes.front().prefix_length, 0);
}

TEST(nonsense_is_refused_before_it_is_sent) {
  using Kind = OperationKind;
  CHECK_THROWS(EINVAL, Encoded(AddrOf(Kind::kAddrAdd, "10.0.0.256", 32)));
  CHECK_THROWS(EINVAL, Encoded(AddrOf(Kind::kAddrAdd, "", 32)));
  CHECK_THROWS(EINVAL, Encoded(AddrOf(Kind::kAddrAdd, "10.0.0.1", 33)));
  CHECK_THROWS(EINVAL, Encoded(AddrOf(Kind::kAddrAdd, "2001:db8::1", 129)));
  CHECK_THROWS(EINVAL, Encoded(RouteOf(Kind::kRouteAdd, 4, "2001:db8::", 32)));
  CHECK_THROWS(EINVAL, Encoded(RouteOf(Kind::kRouteAdd, 6, "", 64)));
  CHECK_THROWS(ENODEV, Encoded(Of(Kind::kLinkSet, "nosuchdev")));
  for (const char* name : {"", "sixteen-chars-xx", "a/b", "tap%d", "a b", ".", "..", "a:1"}) {
    Operation operation = Of(Kind::kLinkAdd, name);
    operation.link_kind = "bridge";
    CHECK_THROWS(EINVAL, Encoded{operation});
  }
  for (const char* mac :
       {"02:00:00:00:00", "02:00:00:00:00:0g", "02:00:00:00:00:001", "020000000000"}) {
    Operation operation = Of(Kind::kLinkAdd, "br0");
    operation.link_kind = "bridge";
    operation.mac = mac;
    CHECK_THROWS(EINVAL, Encoded{operation});
  }
}

TEST(tun_data_tells_mode_owner_and_persistence) {
  MessageWriter writer(RTM_NEWLINK, 0, ifinfomsg{});
  size_t info = writer.Begin(IFLA_LINKINFO);
  writer.AddText(IFLA_INFO_KIND, "tun");
  size_t data = writer.Begin(IFLA_INFO_DATA);
  uint8_t type = IFF_TAP;
  uint8_t persist = 1;
  writer.AddU32(IFLA_TUN_OWNER, 4000000000u);
  writer.Add(IFLA_TUN_TYPE, &type, 1);
  writer.Add(IFLA_TUN_PERSIST, &persist, 1);
  writer.End(data);
  writer.End(info);
  auto bytes = writer.Take();
  MessageReader reader(bytes);
  auto link = DecodeLink(reader.Next()->payload);
  CHECK_EQ(link->tun_mode, "tap");
  CHECK_EQ(link->tun_owner, 4000000000);
  CHECK(link->is_tun_persistent);
}

TEST(a_multipath_route_gives_one_record_for_each_hop) {
  rtmsg header = {};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 24;
  MessageWriter writer(RTM_NEWROUTE, 0, header);
  size_t hops = writer.Begin(RTA_MULTIPATH);
  writer.End(hops);
  auto bytes = writer.Take();
  rtnexthop hop = {sizeof(rtnexthop), 0, 0, 0};
  for (int ifindex : {3, 4}) {
    hop.rtnh_ifindex = ifindex;
    const auto* raw = reinterpret_cast<const uint8_t*>(&hop);
    bytes.insert(bytes.end(), raw, raw + sizeof(hop));
  }
  // The attribute, the last of the message, grows by the two hops.
  auto length = static_cast<uint16_t>(NLA_HDRLEN + 2 * sizeof(hop));
  std::memcpy(bytes.data() + NLMSG_HDRLEN + sizeof(rtmsg), &length, sizeof(length));
  std::vector<Route> routes;
  DecodeRoute(Bytes(bytes).subspan(NLMSG_HDRLEN), routes);
  CHECK_EQ(routes.size(), 2u);
  CHECK_EQ(routes[0].ifindex, 3);
  CHECK_EQ(routes[1].ifindex, 4);
}

TEST(records_of_other_families_and_cut_headers_are_left_out) {
  ifaddrmsg header = {};
  header.ifa_family = AF_UNIX;
  auto bytes = MessageWriter(RTM_NEWADDR, 0, header).Take();
  CHECK(!DecodeAddress(Bytes(bytes).subspan(NLMSG_HDRLEN)).has_value());
  CHECK(!DecodeLink(Bytes(bytes).first(3)).has_value());
  std::vector<Route> routes;
  DecodeRoute(Bytes(bytes).first(3), routes);
  CHECK(routes.empty());
}

TEST(decoders_survive_truncated_and_changed_messages) {
  std::mt19937 random(83);
  Operation link = Of(OperationKind::kLinkAdd, "br0");
  link.link_kind = "tun";
  for (const auto& original :
       {Encoded(link).bytes, Encoded(AddrOf(OperationKind::kAddrAdd, "2001:db8::1", 64)).bytes,
        Encoded(RouteOf(OperationKind::kRouteAdd, 6, "2001:db8::", 64)).bytes}) {
    for (int round = 0; round < 5000; ++round) {
      std::vector<uint8_t> bytes(
          original.begin(), original.begin() + static_cast<long>(random() % (original.size() + 1)));
      for (int flip = 0; flip < 3 && !bytes.empty(); ++flip) {
        bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
      }
      Dump dump;
      MessageReader reader(bytes);
      while (auto message = reader.Next()) DecodeInto(*message, dump);
    }
  }
}

TEST(duplicate_detection_states_follow_the_flags) {
  CHECK(DadStateOf(IFA_F_PERMANENT) == DadState::kUsable);
  CHECK(DadStateOf(IFA_F_PERMANENT | IFA_F_TENTATIVE) == DadState::kTentative);
  CHECK(DadStateOf(IFA_F_TENTATIVE | IFA_F_DADFAILED) == DadState::kDadFailed);
}
