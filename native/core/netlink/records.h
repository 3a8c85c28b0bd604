#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace slapos::netlink {

// Lifetime of what does not expire (INFINITY_LIFE_TIME).
constexpr uint32_t kForever = UINT32_MAX;

// One network interface, as RTM_NEWLINK describes it (rtnetlink(7)).
struct Link {
  int32_t ifindex = 0;
  std::string name;
  uint32_t flags = 0;  // IFF_*
  bool has_carrier = false;
  uint32_t master = 0;  // ifindex of the bridge or bond, 0 for none
  std::string kind;     // IFLA_INFO_KIND, empty for a physical device
  std::string mac;      // hardware address as aa:bb:…, of whatever length
  uint32_t mtu = 0;
  uint32_t group = 0;
  // Bridges with the spanning tree protocol on: how long a new port forwards nothing, 0 without.
  uint32_t port_delay_ms = 0;
  std::string tun_mode;    // "tap", "tun" or empty
  int64_t tun_owner = -1;  // uid, -1 for none: then every user may open it
  bool is_tun_persistent = false;
};

// One address, as RTM_NEWADDR describes it.
struct Address {
  int32_t ifindex = 0;
  int family = 0;  // 4 or 6
  std::string address;
  uint8_t prefix_length = 0;
  uint8_t scope = 0;      // RT_SCOPE_*
  uint32_t flags = 0;     // IFA_F_*
  std::string peer;       // of a point-to-point address, else empty
  std::string broadcast;  // IPv4, empty for none
  std::string label;      // IPv4: the device's name, which may have `:text` behind it
  uint32_t metric = 0;    // of the route that comes with the address, 0 for the usual one
  uint32_t preferred_seconds = kForever;
  uint32_t valid_seconds = kForever;
};

// Why a route cannot be written again from its record.
enum class RouteObstacle { kNone, kMultipath, kNexthopObject, kEncapsulation, kSource };

// One route, as RTM_NEWROUTE describes it; a multipath route gives one record for each hop.
struct Route {
  int family = 0;           // 4 or 6
  std::string destination;  // empty for the default route
  uint8_t prefix_length = 0;
  std::string gateway;
  int32_t ifindex = 0;    // output interface, 0 when there is none
  uint32_t table = 0;     // RT_TABLE_*
  uint8_t protocol = 0;   // RTPROT_*
  uint8_t type = 0;       // RTN_*
  uint32_t priority = 0;  // metric
  uint8_t scope = 0;      // RT_SCOPE_*
  uint8_t tos = 0;
  uint32_t flags = 0;            // RTNH_F_*
  std::string preferred_source;  // empty for none
  uint32_t expires_seconds = 0;  // IPv6, 0 for never
  // Attributes that are carried but not looked into (RTA_METRICS, RTA_FLOW, RTA_PREF), as they
  // came.
  std::vector<uint8_t> attributes;
  RouteObstacle obstacle = RouteObstacle::kNone;
};

// What the kernel knows of a host on the link, as RTM_NEWNEIGH describes it.
struct Neighbour {
  int32_t ifindex = 0;
  std::string address;
  uint16_t state = 0;  // NUD_*
};

struct Dump {
  std::vector<Link> links;
  std::vector<Address> addresses;
  std::vector<Route> routes;
  std::vector<Neighbour> neighbours;
};

enum class OperationKind {
  kLinkAdd,
  kLinkSet,
  kLinkDel,
  kLinkDelGroup,
  kAddrAdd,
  kAddrReplace,
  kAddrDel,
  kRouteAdd,
  kRouteAppend,  // beside one to the same destination over another device
  kRouteReplace,
  kRouteDel,
};

// One change of the network. Which fields count depends on the kind.
struct Operation {
  OperationKind kind = OperationKind::kLinkAdd;
  std::string dev;

  // Links. `set_*` tell which of them the operation carries.
  std::string link_kind;  // kLinkAdd: "bridge"
  std::string mac;        // empty: leave to the kernel
  bool set_up = false;
  bool is_up = false;
  bool set_master = false;
  std::string master;  // name, empty to leave the bridge
  bool set_group = false;
  uint32_t group = 0;

  // Addresses and route destinations. For a route without destination, the default route.
  int family = 0;  // routes: 4 or 6; for addresses it follows from the text
  std::string address;
  uint8_t prefix_length = 0;
  bool is_nodad = false;
  bool is_no_prefix_route = false;
  uint32_t flags = 0;            // addresses: more IFA_F_*; routes: RTNH_F_*
  std::optional<uint8_t> scope;  // RT_SCOPE_*, else what fits
  std::string peer;
  std::string broadcast;
  std::string label;
  uint32_t preferred_seconds = kForever;
  uint32_t valid_seconds = kForever;

  // Routes. `metric` also counts for addresses: that of the route that comes with them.
  std::string gateway;
  std::string preferred_source;
  uint8_t tos = 0;
  uint32_t expires_seconds = 0;
  std::vector<uint8_t> attributes;
  uint32_t table = 0;
  uint8_t type = 0;
  uint32_t metric = 0;
  uint8_t protocol = 0;
};

}  // namespace slapos::netlink
