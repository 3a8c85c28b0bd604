#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace slapos::netlink {

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
  uint8_t scope = 0;   // RT_SCOPE_*
  uint32_t flags = 0;  // IFA_F_*
};

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
};

struct Dump {
  std::vector<Link> links;
  std::vector<Address> addresses;
  std::vector<Route> routes;
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

  // Routes.
  std::string gateway;
  uint32_t table = 0;
  uint8_t type = 0;
  uint32_t metric = 0;
  uint8_t protocol = 0;
};

}  // namespace slapos::netlink
