// Messages and packets between keeper and controller.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

#include "core/channel/message.h"
#include "core/channel/packet.h"
#include "core/channel/packet_link.h"
#include "native/check.h"

using namespace slapos;

namespace {

int CountFds() {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace

TEST(a_message_reads_as_it_was_written) {
  Message message("spawn");
  message.Add("id", 7).Add("arg", "a=b").Add("arg", "").Add("env", "X=\n y");
  Message read = Message::Decode(message.Encode());
  CHECK_EQ(read.verb(), "spawn");
  CHECK_EQ(read.List("arg").size(), 2u);
  CHECK_EQ(read.List("arg")[0], "a=b");
  CHECK_EQ(read.List("arg")[1], "");
  CHECK_EQ(read.Text("env"), "X=\n y");
  int64_t id = 0;
  CHECK(read.Number("id", &id));
  CHECK_EQ(id, 7);
}

TEST(what_is_no_field_is_ignored) {
  Message read = Message::Decode(std::string_view("verb\0nothing\0=x\0k=v\0unfinished=", 30));
  CHECK_EQ(read.verb(), "verb");
  CHECK_EQ(read.Text("k"), "v");
  CHECK(read.Find("unfinished") == nullptr);
  CHECK(read.Find("") == nullptr);
  CHECK_EQ(Message::Decode("").verb(), "");
}

TEST(a_number_is_decimal_and_whole) {
  int64_t value = 0;
  CHECK(ParseInteger("-12", &value));
  CHECK_EQ(value, -12);
  for (const char* text : {"", " 1", "1 ", "+1", "0x1", "1.0", "99999999999999999999"}) {
    CHECK(!ParseInteger(text, &value));
  }
}

TEST(packets_keep_their_borders_and_carry_descriptors) {
  PacketPair pair = OpenPacketPair();
  int ends[2];
  CHECK_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  CHECK(SendPacket(pair.ours.Get(), "one", {write_end.Get()}) == SendStatus::kSent);
  CHECK(SendPacket(pair.ours.Get(), std::string(kMaxPacketBytes, 'x'), {}) == SendStatus::kSent);
  Packet packet;
  CHECK(ReceivePacket(pair.theirs.Get(), &packet) == ReceiveStatus::kReceived);
  CHECK_EQ(packet.data, "one");
  CHECK(packet.data.capacity() < kMaxPacketBytes / 100);
  CHECK_EQ(packet.fds.size(), 1u);
  CHECK_EQ(::fcntl(packet.fds[0].Get(), F_GETFD), FD_CLOEXEC);
  CHECK_EQ(::write(packet.fds[0].Get(), "z", 1), 1);
  char byte = 0;
  CHECK_EQ(::read(read_end.Get(), &byte, 1), 1);
  CHECK(ReceivePacket(pair.theirs.Get(), &packet) == ReceiveStatus::kReceived);
  CHECK_EQ(packet.data.size(), kMaxPacketBytes);
  CHECK(packet.fds.empty());
  CHECK(ReceivePacket(pair.theirs.Get(), &packet) == ReceiveStatus::kNothing);
  pair.ours.Reset();
  CHECK(ReceivePacket(pair.theirs.Get(), &packet) == ReceiveStatus::kClosed);
  CHECK(SendPacket(pair.theirs.Get(), "late", {}) == SendStatus::kClosed);
}

TEST(too_much_for_a_packet_is_refused) {
  PacketPair pair = OpenPacketPair();
  CHECK_THROWS(EMSGSIZE, SendPacket(pair.ours.Get(), std::string(kMaxPacketBytes + 1, 'x'), {}));
  CHECK_THROWS(EMSGSIZE, SendPacket(pair.ours.Get(), "x", std::vector<int>(kMaxPacketFds + 1, 0)));
}

TEST(a_packet_that_is_too_large_is_dropped_whole) {
  PacketPair pair = OpenPacketPair();
  std::string large(kMaxPacketBytes + 10, 'x');
  CHECK_EQ(::send(pair.ours.Get(), large.data(), large.size(), 0),
           static_cast<ssize_t>(large.size()));
  Packet packet;
  CHECK(ReceivePacket(pair.theirs.Get(), &packet) == ReceiveStatus::kReceived);
  CHECK_EQ(packet.data, "");
}

TEST(a_link_loses_nothing_while_the_peer_is_busy) {
  int before = CountFds();
  {
    PacketPair pair = OpenPacketPair();
    PacketLink link(
        std::move(pair.ours), [](Packet) {}, [] {});
    constexpr int kCount = 500;
    for (int index = 0; index < kCount; index++) {
      link.Send(std::to_string(index) + std::string(60000, '.'), {STDERR_FILENO});
    }
    for (int index = 0; index < kCount;) {
      Packet packet;
      ReceiveStatus status = ReceivePacket(pair.theirs.Get(), &packet);
      if (status == ReceiveStatus::kNothing) {
        ::usleep(100);
        continue;
      }
      CHECK(status == ReceiveStatus::kReceived);
      CHECK_EQ(packet.data.substr(0, packet.data.find('.')), std::to_string(index));
      CHECK_EQ(packet.fds.size(), 1u);
      index++;
    }
  }
  CHECK_EQ(CountFds(), before);
}

TEST(a_link_tells_once_that_the_peer_is_gone) {
  PacketPair pair = OpenPacketPair();
  std::atomic<int> closed = 0;
  std::atomic<int> heard = 0;
  PacketLink link(
      std::move(pair.ours), [&heard](Packet) { heard++; }, [&closed] { closed++; });
  CHECK(SendPacket(pair.theirs.Get(), "bye", {}) == SendStatus::kSent);
  pair.theirs.Reset();
  for (int round = 0; round < 1000 && closed == 0; round++) ::usleep(1000);
  CHECK_EQ(heard.load(), 1);
  CHECK_EQ(closed.load(), 1);
  CHECK_THROWS(ENOTCONN, link.Send("x", {}));
}
