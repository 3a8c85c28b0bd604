// Who is at the other end of a TCP connection: real connections over loopback, and answers of the
// kernel that must not be believed.
#include "core/socket/tcp_peer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "core/sys/unique_fd.h"
#include "native/check.h"

using namespace slapos;

namespace {

constexpr uint32_t kSequence = 7;

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  sockaddr* Get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address AddressOf(int family, const char* text, uint16_t port = 0) {
  Address address;
  address.storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto* name = reinterpret_cast<sockaddr_in*>(&address.storage);
    ::inet_pton(family, text, &name->sin_addr);
    name->sin_port = htons(port);
    address.size = sizeof(*name);
  } else {
    auto* name = reinterpret_cast<sockaddr_in6*>(&address.storage);
    ::inet_pton(family, text, &name->sin6_addr);
    name->sin6_port = htons(port);
    address.size = sizeof(*name);
  }
  return address;
}

UniqueFd NewSocket(int family) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw test::Skip{"no sockets of family " + std::to_string(family)};
  return socket;
}

struct Listener {
  UniqueFd socket;
  uint16_t port = 0;
};

Listener Listen(int family, const char* host) {
  Listener listener{NewSocket(family)};
  Address address = AddressOf(family, host);
  if (::bind(listener.socket.Get(), address.Get(), address.size) != 0) {
    throw test::Skip{std::string("no address ") + host};
  }
  CHECK_EQ(::listen(listener.socket.Get(), 8), 0);
  CHECK_EQ(::getsockname(listener.socket.Get(), address.Get(), &address.size), 0);
  listener.port = ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
  return listener;
}

UniqueFd Connect(int family, const char* host, uint16_t port) {
  UniqueFd client = NewSocket(family);
  Address address = AddressOf(family, host, port);
  CHECK_EQ(::connect(client.Get(), address.Get(), address.size), 0);
  return client;
}

UniqueFd Accept(const Listener& listener) {
  UniqueFd accepted(::accept4(listener.socket.Get(), nullptr, nullptr, SOCK_CLOEXEC));
  CHECK(static_cast<bool>(accepted));
  return accepted;
}

void CheckOwnUid(int family, const char* host, int client_family, const char* client_host) {
  Listener listener = Listen(family, host);
  UniqueFd client = Connect(client_family, client_host, listener.port);
  UniqueFd accepted = Accept(listener);
  std::optional<uid_t> uid = ReadTcpPeerUid(accepted.Get());
  CHECK(uid.has_value());
  CHECK_EQ(*uid, ::geteuid());
}

// An answer about the connection between 127.0.0.1:5000, which is ours, and 127.0.0.1:40000.
inet_diag_msg SampleAnswer() {
  inet_diag_msg answer = {};
  answer.idiag_family = AF_INET;
  answer.idiag_state = TCP_ESTABLISHED;
  answer.id.idiag_src[0] = answer.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
  answer.id.idiag_sport = htons(40000);
  answer.id.idiag_dport = htons(5000);
  answer.idiag_uid = 1234;
  answer.idiag_inode = 99;
  return answer;
}

TcpEnds SampleEnds() {
  TcpEnds ends;
  ends.local = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, htons(5000)};
  ends.remote = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}, htons(40000)};
  return ends;
}

std::vector<uint8_t> Encoded(const inet_diag_msg& answer) {
  std::vector<uint8_t> bytes = netlink::MessageWriter(SOCK_DIAG_BY_FAMILY, 0, answer).Take();
  netlink::SetSequence(bytes, kSequence, 0);
  return bytes;
}

PeerAnswer Decode(const inet_diag_msg& answer) {
  return DecodePeerAnswer(Encoded(answer), SampleEnds(), kSequence);
}

bool IsUnsure(const inet_diag_msg& answer) {
  return Decode(answer).kind == PeerAnswer::Kind::kUnsure;
}

bool IsAbsent(const PeerAnswer& answer) { return answer.kind == PeerAnswer::Kind::kAbsent; }

uid_t OwnerOf(const PeerAnswer& answer) {
  CHECK(answer.kind == PeerAnswer::Kind::kOwned);
  return answer.uid;
}

std::vector<uint8_t> Refusal(int err) {
  nlmsgerr error = {};
  error.error = -err;
  std::vector<uint8_t> bytes = netlink::MessageWriter(NLMSG_ERROR, 0, error).Take();
  netlink::SetSequence(bytes, kSequence, 0);
  return bytes;
}

}  // namespace

TEST(tells_who_connected_over_ipv4) { CheckOwnUid(AF_INET, "127.0.0.1", AF_INET, "127.0.0.1"); }

TEST(tells_who_connected_over_ipv6) { CheckOwnUid(AF_INET6, "::1", AF_INET6, "::1"); }

TEST(tells_who_connected_over_ipv4_to_a_socket_of_ipv6) {
  CheckOwnUid(AF_INET6, "::", AF_INET, "127.0.0.1");
  CheckOwnUid(AF_INET6, "::", AF_INET6, "::ffff:127.0.0.1");
  CheckOwnUid(AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1");
}

TEST(tells_another_user) {
  if (::geteuid() != 0) throw test::Skip{"needs root"};
  Listener listener = Listen(AF_INET, "127.0.0.1");
  int ends[2];
  CHECK_EQ(::pipe(ends), 0);
  pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[1]);
    Address address = AddressOf(AF_INET, "127.0.0.1", listener.port);
    char byte;
    bool is_connected = ::setresuid(54321, 54321, 54321) == 0;
    int client = ::socket(AF_INET, SOCK_STREAM, 0);
    is_connected = is_connected && ::connect(client, address.Get(), address.size) == 0;
    // Until the test has looked.
    ssize_t end = ::read(ends[0], &byte, 1);
    ::_exit(is_connected && end == 0 ? 0 : 1);
  }
  ::close(ends[0]);
  UniqueFd accepted = Accept(listener);
  std::optional<uid_t> uid = ReadTcpPeerUid(accepted.Get());
  ::close(ends[1]);
  int status = 0;
  CHECK_EQ(::waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  CHECK(uid.has_value());
  CHECK_EQ(*uid, 54321u);
}

TEST(knows_a_client_that_has_sent_everything) {
  Listener listener = Listen(AF_INET, "127.0.0.1");
  UniqueFd client = Connect(AF_INET, "127.0.0.1", listener.port);
  UniqueFd accepted = Accept(listener);
  CHECK_EQ(::shutdown(client.Get(), SHUT_WR), 0);
  CHECK(ReadTcpPeerUid(accepted.Get()).has_value());
}

// Such a socket counts as root's for many kernels.
TEST(knows_nobody_behind_a_closed_socket) {
  Listener listener = Listen(AF_INET, "127.0.0.1");
  UniqueFd client = Connect(AF_INET, "127.0.0.1", listener.port);
  CHECK_EQ(::send(client.Get(), "hello", 5, 0), 5);
  UniqueFd accepted = Accept(listener);
  client.Reset();
  CHECK_THROWS(ENOTCONN, ReadTcpPeerUid(accepted.Get()));
}

TEST(refuses_a_connection_that_was_reset) {
  Listener listener = Listen(AF_INET, "127.0.0.1");
  UniqueFd client = Connect(AF_INET, "127.0.0.1", listener.port);
  UniqueFd accepted = Accept(listener);
  linger at_once = {1, 0};
  ::setsockopt(client.Get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  client.Reset();
  CHECK_THROWS(ENOTCONN, ReadTcpPeerUid(accepted.Get()));
}

TEST(refuses_what_is_no_tcp_connection) {
  int ends[2];
  CHECK_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  UniqueFd left(ends[0]), right(ends[1]);
  CHECK_THROWS(EAFNOSUPPORT, ReadTcpPeerUid(left.Get()));
  UniqueFd lone = NewSocket(AF_INET);
  CHECK_THROWS(ENOTCONN, ReadTcpPeerUid(lone.Get()));
  CHECK_THROWS(EBADF, ReadTcpPeerUid(-1));
}

TEST(decodes_an_answer) {
  CHECK_EQ(OwnerOf(Decode(SampleAnswer())), 1234u);
  inet_diag_msg mapped = SampleAnswer();
  mapped.idiag_family = AF_INET6;
  for (auto* field : {mapped.id.idiag_src, mapped.id.idiag_dst}) {
    field[3] = field[0];
    field[2] = htonl(0xffff);
    field[0] = 0;
  }
  CHECK_EQ(OwnerOf(Decode(mapped)), 1234u);
}

// The kernel falls back to a socket that listens at the address of a client that is gone.
TEST(does_not_take_a_listening_socket_for_the_client) {
  inet_diag_msg answer = SampleAnswer();
  answer.idiag_state = TCP_LISTEN;
  CHECK(IsAbsent(Decode(answer)));
  answer.id.idiag_dst[0] = 0;
  answer.id.idiag_dport = 0;
  CHECK(IsAbsent(Decode(answer)));
}

TEST(does_not_take_a_socket_that_only_wants_to_connect) {
  for (int state : {TCP_SYN_SENT, TCP_SYN_RECV, TCP_TIME_WAIT, TCP_CLOSE, TCP_LAST_ACK}) {
    inet_diag_msg answer = SampleAnswer();
    answer.idiag_state = static_cast<uint8_t>(state);
    CHECK(IsUnsure(answer));
  }
}

TEST(does_not_believe_the_owner_of_a_socket_without_inode) {
  inet_diag_msg answer = SampleAnswer();
  answer.idiag_uid = 0;
  answer.idiag_inode = 0;
  CHECK(IsUnsure(answer));
}

TEST(does_not_take_another_connection) {
  inet_diag_msg other = SampleAnswer();
  other.id.idiag_sport = htons(40001);
  CHECK(IsUnsure(other));
  other = SampleAnswer();
  other.id.idiag_dst[0] = htonl(INADDR_LOOPBACK + 1);
  CHECK(IsUnsure(other));
  other = SampleAnswer();
  std::swap(other.id.idiag_sport, other.id.idiag_dport);
  CHECK(IsUnsure(other));
}

TEST(tells_a_missing_socket_from_a_refusal) {
  CHECK(IsAbsent(DecodePeerAnswer(Refusal(ENOENT), SampleEnds(), kSequence)));
  CHECK_THROWS(EACCES, DecodePeerAnswer(Refusal(EACCES), SampleEnds(), kSequence));
  CHECK_THROWS(EPROTO, DecodePeerAnswer(Refusal(0), SampleEnds(), kSequence));
}

TEST(refuses_answers_that_are_cut_or_for_others) {
  std::vector<uint8_t> whole = Encoded(SampleAnswer());
  for (size_t size = 0; size < whole.size(); size++) {
    CHECK_THROWS(EPROTO, DecodePeerAnswer({whole.data(), size}, SampleEnds(), kSequence));
  }
  CHECK_THROWS(EPROTO, DecodePeerAnswer(whole, SampleEnds(), kSequence + 1));
}

TEST(asks_from_the_other_end) {
  std::vector<uint8_t> bytes = EncodePeerQuestion(SampleEnds(), kSequence);
  auto message = netlink::MessageReader(bytes).Next();
  CHECK(message.has_value());
  CHECK_EQ(message->header.nlmsg_flags, NLM_F_REQUEST);
  auto request = netlink::ReadStruct<inet_diag_req_v2>(message->payload);
  CHECK(request.has_value());
  CHECK_EQ(static_cast<int>(request->sdiag_family), AF_INET);
  CHECK_EQ(ntohs(request->id.idiag_sport), 40000);
  CHECK_EQ(ntohs(request->id.idiag_dport), 5000);
  CHECK_EQ(request->id.idiag_src[0], htonl(INADDR_LOOPBACK));
}

TEST(survives_any_answer) {
  std::mt19937 random(20261121);
  for (int round = 0; round < 20000; round++) {
    std::vector<uint8_t> bytes = Encoded(SampleAnswer());
    for (int changes = static_cast<int>(random() % 6); changes > 0; changes--) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    try {
      DecodePeerAnswer({bytes.data(), random() % (bytes.size() + 1)}, SampleEnds(), kSequence);
    } catch (const SysError&) {
      // A refusal is as good.
    }
  }
}
