// What the kernel told about addresses, routes, bridges and neighbours and is to take again.
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <random>

#include "native/check.h"
#include "native/written_again.h"

using namespace slapos::netlink;

namespace {

std::vector<uint8_t> Encoded(const Operation& operation) {
  return EncodeOperation(operation, [](const std::string&) { return 5u; });
}

Operation RouteOf(int family, const std::string& destination, uint8_t prefix_length) {
  Operation operation;
  operation.kind = OperationKind::kRouteAppend;
  operation.family = family;
  operation.address = destination;
  operation.prefix_length = prefix_length;
  return operation;
}

}  // namespace

TEST(an_address_is_written_again_with_all_that_it_has) {
  Address address;
  address.ifindex = 5;
  address.family = 4;
  address.address = "192.0.2.2";
  address.prefix_length = 24;
  address.scope = RT_SCOPE_SITE;
  address.flags = IFA_F_NOPREFIXROUTE;
  address.broadcast = "192.0.2.255";
  address.label = "eth0:web";
  address.metric = 100;
  address.preferred_seconds = 1800;
  address.valid_seconds = 3600;
  CHECK(ReadsBack(address));
  auto bytes = WriteAgain(address);
  MessageReader reader(*bytes);
  auto again = DecodeAddress(reader.Next()->payload);
  CHECK_EQ(again->broadcast, "192.0.2.255");
  CHECK_EQ(again->label, "eth0:web");
  CHECK_EQ(again->valid_seconds, 3600u);
  CHECK_EQ(again->preferred_seconds, 1800u);
  CHECK_EQ(again->metric, 100u);
  CHECK_EQ(static_cast<int>(again->scope), RT_SCOPE_SITE);
  address.peer = "198.51.100.7";
  address.prefix_length = 32;
  CHECK(ReadsBack(address));
  CHECK(WriteAgain(address).has_value());
  address.label = "sixteen-chars-xx";
  CHECK(!WriteAgain(address).has_value());
}

TEST(a_route_is_written_again_with_all_that_it_has) {
  Route route;
  route.ifindex = 2;
  route.family = 4;
  route.gateway = "192.0.2.1";
  route.preferred_source = "192.0.2.2";
  route.table = 1000;
  route.type = RTN_UNICAST;
  route.protocol = RTPROT_STATIC;
  route.priority = 100;
  route.scope = RT_SCOPE_SITE;
  route.tos = 8;
  route.flags = RTNH_F_ONLINK;
  MessageWriter metrics(RTM_NEWROUTE, 0, rtmsg{});
  size_t nested = metrics.Begin(RTA_METRICS);
  metrics.AddU32(RTAX_MTU, 1400);
  metrics.AddText(RTAX_CC_ALGO, "cubic");
  metrics.End(nested);
  auto bytes = metrics.Take();
  route.attributes.assign(bytes.begin() + NLMSG_HDRLEN + sizeof(rtmsg), bytes.end());
  CHECK(ReadsBack(route));
  CHECK(WriteAgain(route).has_value());
  route.gateway = "fe80::1";
  CHECK(ReadsBack(route));
  CHECK(WriteAgain(route).has_value());
}

TEST(attributes_that_no_dump_carries_are_refused) {
  Operation operation = RouteOf(4, "10.0.0.0", 8);
  CHECK_EQ(ReadStruct<nlmsghdr>(Encoded(operation))->nlmsg_flags,
           NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND);
  MessageWriter writer(RTM_NEWROUTE, 0, rtmsg{});
  writer.AddU32(RTA_OIF, 1);
  auto bytes = writer.Take();
  operation.attributes.assign(bytes.begin() + NLMSG_HDRLEN + sizeof(rtmsg), bytes.end());
  CHECK_THROWS(EINVAL, Encoded(operation));
}

TEST(lifetimes_of_ipv6_routes_are_seconds) {
  rtmsg header = {};
  header.rtm_family = AF_INET6;
  for (auto [ticks, seconds] : {std::pair{0, 0u}, {180'000, 1800u}, {50, 1u}, {-300, 1u}}) {
    MessageWriter writer(RTM_NEWROUTE, 0, header);
    rta_cacheinfo cache = {};
    cache.rta_expires = ticks;
    writer.Add(RTA_CACHEINFO, &cache, sizeof(cache));
    auto bytes = writer.Take();
    std::vector<Route> routes;
    DecodeRoute(Bytes(bytes).subspan(NLMSG_HDRLEN), routes);
    CHECK_EQ(routes.front().expires_seconds, seconds);
  }
  Operation operation = RouteOf(6, "2001:db8::", 64);
  operation.expires_seconds = 1800;
  auto encoded = Encoded(operation);
  AttributeReader reader = AttributesAfter(Bytes(encoded).subspan(NLMSG_HDRLEN), sizeof(rtmsg));
  uint32_t expires = 0;
  while (auto attribute = reader.Next()) {
    if (attribute->type == RTA_EXPIRES) expires = attribute->U32();
  }
  CHECK_EQ(expires, 1800u);
}

TEST(what_keeps_a_route_from_being_written_again_is_told) {
  auto obstacle = [](uint16_t type, uint8_t source_length) {
    rtmsg header = {};
    header.rtm_family = AF_INET6;
    header.rtm_src_len = source_length;
    MessageWriter writer(RTM_NEWROUTE, 0, header);
    writer.AddU32(type, 7);
    auto bytes = writer.Take();
    std::vector<Route> routes;
    DecodeRoute(Bytes(bytes).subspan(NLMSG_HDRLEN), routes);
    return routes.empty() ? RouteObstacle::kMultipath : routes.front().obstacle;
  };
  CHECK(obstacle(RTA_OIF, 0) == RouteObstacle::kNone);
  CHECK(obstacle(RTA_NH_ID, 0) == RouteObstacle::kNexthopObject);
  CHECK(obstacle(RTA_ENCAP, 0) == RouteObstacle::kEncapsulation);
  CHECK(obstacle(RTA_MULTIPATH, 0) == RouteObstacle::kMultipath);
  CHECK(obstacle(RTA_OIF, 64) == RouteObstacle::kSource);
}

TEST(random_records_come_back_as_they_were) {
  std::mt19937 random(84);
  auto address_text = [&](int family) {
    char text[64];
    uint8_t bytes[16];
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    ::inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
    return std::string(text);
  };
  for (int round = 0; round < 5000; ++round) {
    int family = random() % 2 ? 4 : 6;
    Address address;
    address.ifindex = static_cast<int32_t>(random() % 1000 + 1);
    address.family = family;
    address.address = address_text(family);
    address.prefix_length = static_cast<uint8_t>(random() % (family == 4 ? 33 : 129));
    address.scope = static_cast<uint8_t>(random());
    address.flags = static_cast<uint32_t>(random());
    if (random() % 2) address.peer = address_text(family);
    if (random() % 2) address.broadcast = address_text(family);
    if (random() % 2) address.label = "eth0:" + std::to_string(random() % 1000);
    address.metric = random() % 3;
    if (random() % 2) address.valid_seconds = static_cast<uint32_t>(random());
    CHECK(WriteAgain(address).has_value());
    CHECK(ReadsBack(address));
    Route route;
    route.ifindex = address.ifindex;
    route.family = family;
    route.prefix_length = address.prefix_length;
    if (route.prefix_length != 0) route.destination = address_text(family);
    if (random() % 2) route.gateway = address_text(random() % 2 ? 6 : family);
    if (random() % 2) route.preferred_source = address_text(family);
    route.table = random() % 2 ? 254 : static_cast<uint32_t>(random());
    route.protocol = static_cast<uint8_t>(random());
    route.type = static_cast<uint8_t>(random());
    route.priority = static_cast<uint32_t>(random() % 3000);
    route.scope = static_cast<uint8_t>(random());
    route.tos = static_cast<uint8_t>(random());
    route.flags = static_cast<uint32_t>(random());
    CHECK(WriteAgain(route).has_value());
    CHECK(ReadsBack(route));
  }
}

TEST(a_bridge_that_runs_stp_tells_how_long_a_port_waits) {
  auto delay = [](uint32_t state) {
    MessageWriter writer(RTM_NEWLINK, 0, ifinfomsg{});
    size_t info = writer.Begin(IFLA_LINKINFO);
    writer.AddText(IFLA_INFO_KIND, "bridge");
    size_t data = writer.Begin(IFLA_INFO_DATA);
    writer.AddU32(IFLA_BR_FORWARD_DELAY, 1500);
    writer.AddU32(IFLA_BR_STP_STATE, state);
    writer.End(data);
    writer.End(info);
    auto bytes = writer.Take();
    return DecodeLink(Bytes(bytes).subspan(NLMSG_HDRLEN))->port_delay_ms;
  };
  CHECK_EQ(delay(0), 0u);
  CHECK_EQ(delay(1), 30'000u);
}

TEST(neighbours_are_asked_for_forgotten_and_read) {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    auto bytes = EncodeNeighbour(RTM_NEWNEIGH, 5, text);
    MessageReader reader(bytes);
    Message message = *reader.Next();
    CHECK_EQ(message.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
    CHECK_EQ(static_cast<int>(ReadStruct<ndmsg>(message.payload)->ndm_flags), NTF_USE);
    auto neighbour = DecodeNeighbour(message.payload);
    CHECK_EQ(neighbour->address, text);
    CHECK_EQ(neighbour->ifindex, 5);
    auto forgotten = EncodeNeighbour(RTM_DELNEIGH, 5, text);
    CHECK_EQ(static_cast<int>(ReadStruct<ndmsg>(Bytes(forgotten).subspan(NLMSG_HDRLEN))->ndm_flags),
             0);
  }
  CHECK_THROWS(EINVAL, EncodeNeighbour(RTM_NEWNEIGH, 5, "gateway"));
  ndmsg header = {};
  header.ndm_family = AF_BRIDGE;
  auto bytes = MessageWriter(RTM_NEWNEIGH, 0, header).Take();
  CHECK(!DecodeNeighbour(Bytes(bytes).subspan(NLMSG_HDRLEN)).has_value());
}
