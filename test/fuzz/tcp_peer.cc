// Fuzz target: whatever stands in an answer of sock_diag, only one about the very connection that
// was asked for, with an owner, may give a uid.
#include "core/socket/tcp_peer.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/sys/sys_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos;
  TcpEnds ends;
  ends.local = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, htons(5000)};
  ends.remote = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, htons(40000)};
  try {
    PeerAnswer answer = DecodePeerAnswer({data, size}, ends, 1);
    if (answer.kind != PeerAnswer::Kind::kOwned) return 0;
  } catch (const SysError&) {
    return 0;
  }
  inet_diag_msg answer;
  if (size < NLMSG_HDRLEN + sizeof(answer)) __builtin_trap();
  ::memcpy(&answer, data + NLMSG_HDRLEN, sizeof(answer));
  bool is_asked =
      answer.id.idiag_sport == ends.remote.port && answer.id.idiag_dport == ends.local.port;
  if (!is_asked || answer.idiag_inode == 0) __builtin_trap();
  return 0;
}
