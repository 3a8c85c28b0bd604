// The floor for the kernel work of `node format`: the same operations in the same order, from a
// plain C loop that knows them all beforehand. Each line of the file is one:
//   tap|tun NAME UID
//   link NAME GROUP                                     up, and the group
//   address DEV ADDRESS PREFIX FLAGS                    IFA_F_* bits
//   route DEV DESTINATION PREFIX GATEWAY|- TABLE TYPE
// The order is that of the plan, which is the quickest known: devices, one message for up and
// group, the taps' own IPv6 before the bridge's, routes last. Run in a fresh network namespace.
//   format-floor FILE      prints {"devicesMs":…,"networkMs":…,"cpuMs":…,"dumpMs":…}
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

enum {
  BATCH_BYTES = 64 << 10,
  REPLY_BYTES = 64 << 10,
  MESSAGE_BYTES = 256,
  PROTOCOL = 83,
  LINE_BYTES = 512,
  PAUSE_US = 100000,
};

enum kind { DEVICE, LINK, ADDRESS, ROUTE };

struct operation {
  enum kind kind;
  char dev[IFNAMSIZ];
  short device_flags;
  uint32_t number;  // owner, group or address flags
  uint8_t family, prefix_length, table, type, has_gateway;
  uint8_t address[16], gateway[16];
};

static int netlink_fd;
static char batch[BATCH_BYTES];
static char reply[REPLY_BYTES];
static size_t used;
static struct nlmsghdr* last;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static double clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }

// Reading the file: nothing of it is timed.

static uint8_t parse_ip(const char* text, uint8_t* bytes) {
  uint8_t family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
  if (inet_pton(family, text, bytes) != 1) die(text);
  return family;
}

static struct operation parse(const char* line) {
  struct operation one = {0};
  char address[64], gateway[64];
  if (sscanf(line, "address %15s %63s %hhu %u", one.dev, address, &one.prefix_length,
             &one.number) == 4) {
    one.kind = ADDRESS;
    one.family = parse_ip(address, one.address);
  } else if (sscanf(line, "route %15s %63s %hhu %63s %hhu %hhu", one.dev, address,
                    &one.prefix_length, gateway, &one.table, &one.type) == 6) {
    one.kind = ROUTE;
    one.family = parse_ip(address, one.address);
    one.has_gateway = strcmp(gateway, "-") != 0;
    if (one.has_gateway) parse_ip(gateway, one.gateway);
  } else if (sscanf(line, "link %15s %u", one.dev, &one.number) == 2) {
    one.kind = LINK;
  } else if (sscanf(line, "tap %15s %u", one.dev, &one.number) == 2) {
    one.kind = DEVICE;
    one.device_flags = IFF_TAP;
  } else if (sscanf(line, "tun %15s %u", one.dev, &one.number) == 2) {
    one.kind = DEVICE;
    one.device_flags = IFF_TUN;
  } else {
    fprintf(stderr, "not an operation: %s", line);
    exit(1);
  }
  return one;
}

static size_t read_operations(const char* path, struct operation** all) {
  FILE* file = fopen(path, "re");
  if (file == NULL) die(path);
  size_t count = 0, room = 0;
  char line[LINE_BYTES];
  while (fgets(line, sizeof line, file) != NULL) {
    if (count == room) *all = realloc(*all, (room = 2 * room + 1024) * sizeof **all);
    if (*all == NULL) die("realloc");
    (*all)[count++] = parse(line);
  }
  fclose(file);
  return count;
}

// Netlink messages, as many as fit into one send; only the last of them asks for an answer.

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
  if (used + MESSAGE_BYTES > sizeof batch) flush_batch();
  last = (struct nlmsghdr*)(batch + used);
  memset(last, 0, MESSAGE_BYTES);
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

static void create_device(const struct operation* one) {
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) die("/dev/net/tun");
  struct ifreq request = {.ifr_flags = (short)(one->device_flags | IFF_NO_PI)};
  memcpy(request.ifr_name, one->dev, IFNAMSIZ);
  if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETOWNER, (unsigned long)one->number) ||
      ioctl(fd, TUNSETPERSIST, 1ul)) {
    die(one->dev);
  }
  close(fd);
}

// Devices of neighbouring operations are mostly the same.
static unsigned index_of(const char* dev) {
  static char known[IFNAMSIZ];
  static unsigned index;
  if (strcmp(dev, known) == 0) return index;
  struct ifreq request = {0};
  memcpy(request.ifr_name, dev, IFNAMSIZ);
  if (ioctl(netlink_fd, SIOCGIFINDEX, &request)) die(dev);
  memcpy(known, dev, IFNAMSIZ);
  return index = (unsigned)request.ifr_ifindex;
}

static void set_up(const struct operation* one) {
  struct ifinfomsg* link = begin(RTM_NEWLINK, 0, sizeof *link);
  link->ifi_index = (int)index_of(one->dev);
  link->ifi_flags = link->ifi_change = IFF_UP;
  attribute(IFLA_GROUP, &one->number, sizeof one->number);
  end();
}

static void add_address(const struct operation* one) {
  size_t size = one->family == AF_INET ? 4 : 16;
  struct ifaddrmsg* address = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
  address->ifa_family = one->family;
  address->ifa_prefixlen = one->prefix_length;
  address->ifa_index = index_of(one->dev);
  attribute(IFA_LOCAL, one->address, size);
  attribute(IFA_ADDRESS, one->address, size);
  if (one->number != 0) attribute(IFA_FLAGS, &one->number, sizeof one->number);
  end();
}

static void add_route(const struct operation* one) {
  size_t size = one->family == AF_INET ? 4 : 16;
  uint32_t index = index_of(one->dev);
  struct rtmsg* route = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *route);
  route->rtm_family = one->family;
  route->rtm_dst_len = one->prefix_length;
  route->rtm_table = one->table;
  route->rtm_type = one->type;
  route->rtm_protocol = PROTOCOL;
  if (one->family == AF_INET && !one->has_gateway) route->rtm_scope = RT_SCOPE_LINK;
  attribute(RTA_DST, one->address, size);
  if (one->has_gateway) attribute(RTA_GATEWAY, one->gateway, size);
  attribute(RTA_OIF, &index, sizeof index);
  end();
}

static void take(const struct operation* one) {
  if (one->kind == DEVICE) create_device(one);
  if (one->kind == LINK) set_up(one);
  if (one->kind == ADDRESS) add_address(one);
  if (one->kind == ROUTE) add_route(one);
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

int main(int argc, char** argv) {
  struct operation* all = NULL;
  size_t count = argc == 2 ? read_operations(argv[1], &all) : 0;
  if (count == 0) {
    fprintf(stderr, "usage: format-floor FILE\n");
    return 2;
  }
  netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int one = 1;
  setsockopt(netlink_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one);
  setsockopt(netlink_fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  double start = now_ms(), start_cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
  size_t at = 0;
  for (; at < count && all[at].kind == DEVICE; at++) take(&all[at]);
  double created = now_ms();
  for (; at < count; at++) take(&all[at]);
  flush_batch();
  double applied = now_ms(), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
  // The kernel looks at the carriers of new links for a moment, under the lock that dumps take.
  usleep(PAUSE_US);
  double rested = now_ms();
  dump(RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, RTEXT_FILTER_SKIP_STATS);
  dump(RTM_GETADDR, sizeof(struct ifaddrmsg), AF_UNSPEC, 0);
  dump(RTM_GETROUTE, sizeof(struct rtmsg), AF_INET, 0);
  dump(RTM_GETROUTE, sizeof(struct rtmsg), AF_INET6, 0);
  double dumped = now_ms();
  printf("{\"devicesMs\":%.3f,\"networkMs\":%.3f,\"cpuMs\":%.3f,\"dumpMs\":%.3f}\n",
         created - start, applied - created, cpu, dumped - rested);
  free(all);
  return 0;
}
