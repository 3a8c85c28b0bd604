#include "core/netlink/dump.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/netlink/decode.h"
#include "core/netlink/encode.h"
#include "core/sys/sys_error.h"

namespace slapos::netlink {

namespace {

// A thousand new addresses keep the kernel changing its tables for some hundred milliseconds.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kLongestPause{50};

enum class Progress { kMore, kDone, kInterrupted };

// Takes in one datagram of an answer. `is_interrupted` remembers the flag, which any message may
// carry, until the end of the dump.
Progress TakeDatagram(Bytes datagram, uint32_t sequence, const char* what, Dump& dump,
                      bool& is_interrupted) {
  MessageReader reader(datagram);
  while (auto message = reader.Next()) {
    if (message->header.nlmsg_seq != sequence) continue;
    if (message->header.nlmsg_flags & NLM_F_DUMP_INTR) is_interrupted = true;
    uint16_t type = message->header.nlmsg_type;
    if (type == NLMSG_ERROR || type == NLMSG_DONE) {
      auto verdict = DecodeVerdict(*message);
      if (!verdict) throw SysError(EBADMSG, "netlink dump", what);
      if (verdict->err != 0) throw SysError(verdict->err, "netlink dump", what, verdict->extack);
      return is_interrupted ? Progress::kInterrupted : Progress::kDone;
    }
    DecodeInto(*message, dump);
  }
  return Progress::kMore;
}

Progress TryDump(Socket& socket, std::vector<uint8_t> request, const char* what, Dump& dump) {
  uint32_t sequence = socket.NextSequence();
  SetSequence(request, sequence, 0);
  socket.Send(request);
  bool is_interrupted = false;
  Progress progress = Progress::kMore;
  while (progress == Progress::kMore) {
    progress = TakeDatagram(socket.Receive(), sequence, what, dump, is_interrupted);
  }
  return progress;
}

// Appends the records of one complete dump to `dump`.
void DumpPart(Socket& socket, const std::vector<uint8_t>& request, const char* what, Dump& dump) {
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (std::chrono::milliseconds pause{0}; std::chrono::steady_clock::now() < deadline;
       pause = std::min(2 * pause + std::chrono::milliseconds{1}, kLongestPause)) {
    std::this_thread::sleep_for(pause);
    Dump part;
    if (TryDump(socket, request, what, part) != Progress::kDone) continue;
    auto append = [](auto& target, auto& source) {
      if (target.empty()) std::swap(target, source);
      for (auto& record : source) target.push_back(std::move(record));
    };
    append(dump.links, part.links);
    append(dump.addresses, part.addresses);
    append(dump.routes, part.routes);
    append(dump.neighbours, part.neighbours);
    return;
  }
  throw SysError(EAGAIN, "netlink dump", std::string(what) + " keep changing while they are read");
}

// What the kernel keeps for itself about each address and device: most of the routes of a host with
// many partitions, and nothing that anybody may change.
bool IsOwnOfKernel(const Route& route) {
  return route.table == RT_TABLE_LOCAL && route.protocol == RTPROT_KERNEL;
}

void DumpRoutes(Socket& socket, Dump& dump) {
  for (auto [family, number] : {std::pair{AF_INET, 4}, std::pair{AF_INET6, 6}}) {
    Dump part;
    DumpPart(socket, EncodeRouteDump(family), number == 4 ? "IPv4 routes" : "IPv6 routes", part);
    for (Route& route : part.routes) {
      // A kernel without IPv6 answers with the routes of every family that it has.
      bool is_asked_for = route.family == number && !IsOwnOfKernel(route);
      if (is_asked_for) dump.routes.push_back(std::move(route));
    }
  }
}

}  // namespace

Dump ReadDump(const DumpRequest& request) {
  Socket socket;
  Dump dump;
  if (request.links) DumpPart(socket, EncodeLinkDump(), "links", dump);
  if (request.addresses) DumpPart(socket, EncodeAddressDump(AF_UNSPEC), "addresses", dump);
  if (request.routes) DumpRoutes(socket, dump);
  return dump;
}

Dump ReadIpv6Addresses(Socket& socket) {
  Dump dump;
  DumpPart(socket, EncodeAddressDump(AF_INET6), "IPv6 addresses", dump);
  return dump;
}

Dump ReadNeighbours(Socket& socket, int32_t ifindex) {
  Dump dump;
  DumpPart(socket, EncodeNeighbourDump(ifindex), "neighbours", dump);
  return dump;
}

}  // namespace slapos::netlink
