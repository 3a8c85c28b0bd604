// The floor for the kernel work of `node format`: the same system calls as ours, from a plain C
// loop that knows everything beforehand. For N partitions with taps (routed mode): N persistent
// taps, one message for up and group, an IPv6 address on each tap, an IPv4 and an IPv6 address on a
// bridge, two routes through each tap and a local range. Run in a fresh network namespace.
//   format-floor N      prints {"tapsMs":…,"networkMs":…,"dumpMs":…}
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_BYTES = 64 << 10, REPLY_BYTES = 64 << 10, GROUP = 0x51a9, OWNER = 30000 };

static int netlink_fd;
static char batch[BATCH_BYTES];
static char reply[REPLY_BYTES];
static size_t used;
static struct nlmsghdr* last;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void flush_batch(void) {
  if (used == 0) return;
  last->nlmsg_flags |= NLM_F_ACK;
  if (send(netlink_fd, batch, used, 0) < 0) die("send");
  ssize_t size = recv(netlink_fd, reply, sizeof reply, 0);
  if (size < 0) die("recv");
  const struct nlmsgerr* verdict = NLMSG_DATA((struct nlmsghdr*)reply);
  if (verdict->error != 0) {
    errno = -verdict->error;
    die("netlink");
  }
  used = 0;
}

static void* begin(uint16_t type, uint16_t flags, size_t fixed) {
  if (used + 256 > sizeof batch) flush_batch();
  last = (struct nlmsghdr*)(batch + used);
  memset(last, 0, 256);
  last->nlmsg_type = type;
  last->nlmsg_flags = NLM_F_REQUEST | flags;
  last->nlmsg_len = NLMSG_LENGTH(fixed);
  return NLMSG_DATA(last);
}

static void attribute(uint16_t type, const void* data, size_t size) {
  struct rtattr* attr = (struct rtattr*)((char*)last + NLMSG_ALIGN(last->nlmsg_len));
  attr->rta_type = type;
  attr->rta_len = (unsigned short)RTA_LENGTH(size);
  memcpy(RTA_DATA(attr), data, size);
  last->nlmsg_len = NLMSG_ALIGN(last->nlmsg_len) + RTA_ALIGN(attr->rta_len);
}

static void end(void) { used += NLMSG_ALIGN(last->nlmsg_len); }

static void tap_name(char name[IFNAMSIZ], int i) {
  snprintf(name, IFNAMSIZ, "slaptap%hd", (short)i);
}

static void create_tap(int i) {
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  tap_name(request.ifr_name, i);
  if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETOWNER, (unsigned long)(OWNER + i)) ||
      ioctl(fd, TUNSETPERSIST, 1ul)) {
    die("tap");
  }
  close(fd);
}

static void set_up(unsigned index, uint32_t group) {
  struct ifinfomsg* link = begin(RTM_NEWLINK, 0, sizeof *link);
  link->ifi_index = (int)index;
  link->ifi_flags = link->ifi_change = IFF_UP;
  attribute(IFLA_GROUP, &group, sizeof group);
  end();
}

static void add_bridge(void) {
  struct ifinfomsg* link = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
  (void)link;
  attribute(IFLA_IFNAME, "slapbr0", 8);
  char info[12] = {11, 0, IFLA_INFO_KIND, 0, 'b', 'r', 'i', 'd', 'g', 'e', 0};
  attribute(IFLA_LINKINFO, info, sizeof info);
  end();
  flush_batch();
}

static void add_address(unsigned index, uint8_t family, const void* bytes, uint8_t prefix_length,
                        uint32_t flags) {
  size_t size = family == AF_INET ? 4 : 16;
  struct ifaddrmsg* address = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
  address->ifa_family = family;
  address->ifa_prefixlen = prefix_length;
  address->ifa_index = index;
  attribute(IFA_LOCAL, bytes, size);
  attribute(IFA_ADDRESS, bytes, size);
  if (flags != 0) attribute(IFA_FLAGS, &flags, sizeof flags);
  end();
}

static void add_route(unsigned index, const struct in6_addr* to, uint8_t prefix_length,
                      const struct in6_addr* gateway, uint8_t table, uint8_t type) {
  struct rtmsg* route = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *route);
  route->rtm_family = AF_INET6;
  route->rtm_dst_len = prefix_length;
  route->rtm_table = table;
  route->rtm_type = type;
  route->rtm_protocol = 83;
  attribute(RTA_DST, to, sizeof *to);
  if (gateway != NULL) attribute(RTA_GATEWAY, gateway, sizeof *gateway);
  attribute(RTA_OIF, &index, sizeof index);
  end();
}

// 2001:db8:aaaa:GROUP::, with the low 64 bits all ones, all zero or 1.
static struct in6_addr in_range(unsigned group, int fill, uint8_t low) {
  struct in6_addr address = {.s6_addr = {0x20, 0x01, 0x0d, 0xb8, 0xaa, 0xaa}};
  address.s6_addr[6] = (uint8_t)(group >> 8);
  address.s6_addr[7] = (uint8_t)group;
  memset(address.s6_addr + 8, fill, 8);
  if (fill == 0) address.s6_addr[15] = low;
  return address;
}

static void add_network(int count, const unsigned* taps, unsigned bridge) {
  for (int i = 0; i < count; i++) set_up(taps[i], GROUP);
  for (int i = 0; i < count; i++) {
    struct in6_addr own = in_range(0x8001u + (unsigned)i, 0xff, 0);
    add_address(taps[i], AF_INET6, &own, 64, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
  }
  for (int i = 0; i < count; i++) {
    uint32_t local = htonl(0x0a000000u + (unsigned)i);
    add_address(bridge, AF_INET, &local, 32, 0);
  }
  for (int i = 0; i < count; i++) {
    struct in6_addr own = in_range(0, 0, 0);
    own.s6_addr[14] = (uint8_t)((i + 2) >> 8);
    own.s6_addr[15] = (uint8_t)(i + 2);
    add_address(bridge, AF_INET6, &own, 48, IFA_F_NODAD);
  }
  for (int i = 0; i < count; i++) {
    struct in6_addr guest = in_range(0x8001u + (unsigned)i, 0, 1);
    struct in6_addr network = in_range(0x8001u + (unsigned)i, 0, 0);
    struct in6_addr range = in_range(0x4001u + (unsigned)i, 0, 0);
    add_route(taps[i], &guest, 128, NULL, RT_TABLE_MAIN, RTN_UNICAST);
    add_route(taps[i], &network, 64, &guest, RT_TABLE_MAIN, RTN_UNICAST);
    add_route(1, &range, 64, NULL, RT_TABLE_LOCAL, RTN_LOCAL);
  }
  set_up(bridge, 0);
  flush_batch();
}

// Reads a whole dump without looking at the records.
static void dump(uint16_t type, size_t fixed, uint8_t family, uint32_t mask) {
  struct rtgenmsg* header = begin(type, NLM_F_DUMP, fixed);
  header->rtgen_family = family;
  if (mask != 0) attribute(IFLA_EXT_MASK, &mask, sizeof mask);
  if (send(netlink_fd, batch, last->nlmsg_len, 0) < 0) die("send");
  for (;;) {
    ssize_t size = recv(netlink_fd, reply, sizeof reply, 0);
    if (size < 0) die("recv");
    struct nlmsghdr* message = (struct nlmsghdr*)reply;
    for (; NLMSG_OK(message, size); message = NLMSG_NEXT(message, size)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) die("dump");
    }
  }
}

// So that the kernel is not busy with the namespace's links while the next program is measured.
static void delete_group(void) {
  uint32_t group = GROUP;
  begin(RTM_DELLINK, 0, sizeof(struct ifinfomsg));
  attribute(IFLA_GROUP, &group, sizeof group);
  end();
  flush_batch();
}

int main(int argc, char** argv) {
  int count = argc > 1 ? atoi(argv[1]) : 100;
  unsigned* taps = calloc((size_t)count, sizeof *taps);
  netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int one = 1;
  setsockopt(netlink_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  setsockopt(netlink_fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  add_bridge();
  double start = now_ms();
  for (int i = 0; i < count; i++) create_tap(i);
  double created = now_ms();
  for (int i = 0; i < count; i++) {
    char name[IFNAMSIZ];
    tap_name(name, i);
    taps[i] = if_nametoindex(name);
  }
  add_network(count, taps, if_nametoindex("slapbr0"));
  double applied = now_ms();
  dump(RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, RTEXT_FILTER_SKIP_STATS);
  dump(RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC, 0);
  dump(RTM_GETROUTE, sizeof(struct rtmsg), AF_INET, 0);
  dump(RTM_GETROUTE, sizeof(struct rtmsg), AF_INET6, 0);
  double dumped = now_ms();
  used = 0;
  delete_group();
  printf("{\"tapsMs\":%.3f,\"networkMs\":%.3f,\"dumpMs\":%.3f}\n", created - start,
         applied - created, dumped - applied);
  return 0;
}
