// The netlink codec: building messages, walking them, and verdicts with extended acknowledgements.
#include <linux/rtnetlink.h>

#include <climits>
#include <random>

#include "core/netlink/message.h"
#include "native/check.h"

using namespace slapos::netlink;

namespace {

std::vector<uint8_t> SampleLink() {
  ifinfomsg header = {};
  header.ifi_index = 7;
  MessageWriter writer(RTM_NEWLINK, NLM_F_REQUEST, header);
  writer.AddText(IFLA_IFNAME, "slaptap0");
  size_t info = writer.Begin(IFLA_LINKINFO);
  writer.AddText(IFLA_INFO_KIND, "tun");
  writer.End(info);
  writer.AddU32(IFLA_GROUP, 0x51a9);
  return writer.Take();
}

// A NLMSG_ERROR datagram with extended acknowledgement text, as the kernel builds it.
std::vector<uint8_t> SampleError(uint16_t flags, size_t echoed_bytes) {
  nlmsgerr error = {};
  error.error = -EEXIST;
  error.msg.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + echoed_bytes);
  std::vector<uint8_t> fixed(sizeof(error) + ((flags & NLM_F_CAPPED) ? 0 : echoed_bytes));
  std::memcpy(fixed.data(), &error, sizeof(error));
  nlmsghdr header = {};
  header.nlmsg_type = NLMSG_ERROR;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = 42;
  std::vector<uint8_t> bytes(sizeof(header));
  std::memcpy(bytes.data(), &header, sizeof(header));
  bytes.insert(bytes.end(), fixed.begin(), fixed.end());
  const char text[] = "address already assigned";
  nlattr attribute = {static_cast<uint16_t>(NLA_HDRLEN + sizeof(text)), NLMSGERR_ATTR_MSG};
  const auto* head = reinterpret_cast<const uint8_t*>(&attribute);
  bytes.insert(bytes.end(), head, head + sizeof(attribute));
  bytes.insert(bytes.end(), text, text + sizeof(text));
  uint32_t length = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes;
}

Message OnlyMessage(const std::vector<uint8_t>& bytes) {
  MessageReader reader(bytes);
  auto message = reader.Next();
  CHECK(message.has_value());
  return *message;
}

}  // namespace

TEST(a_written_message_reads_back) {
  auto bytes = SampleLink();
  CHECK_EQ(bytes.size() % NLMSG_ALIGNTO, 0u);
  Message message = OnlyMessage(bytes);
  CHECK_EQ(message.header.nlmsg_len, bytes.size());
  CHECK_EQ(message.header.nlmsg_type, RTM_NEWLINK);
  CHECK_EQ(ReadStruct<ifinfomsg>(message.payload)->ifi_index, 7);
  AttributeReader reader = AttributesAfter(message.payload, sizeof(ifinfomsg));
  auto name = reader.Next();
  CHECK_EQ(name->type, IFLA_IFNAME);
  CHECK_EQ(name->Text(), "slaptap0");
  auto info = reader.Next();
  CHECK_EQ(info->type, IFLA_LINKINFO);
  AttributeReader nested(info->payload);
  CHECK_EQ(nested.Next()->Text(), "tun");
  CHECK(!nested.Next().has_value());
  CHECK_EQ(reader.Next()->U32(), 0x51a9u);
  CHECK(!reader.Next().has_value());
}

TEST(several_messages_in_one_datagram_are_walked_in_order) {
  std::vector<uint8_t> datagram;
  for (uint32_t sequence : {1u, 2u, 3u}) {
    auto message = SampleLink();
    SetSequence(message, sequence, sequence == 3 ? NLM_F_ACK : 0);
    datagram.insert(datagram.end(), message.begin(), message.end());
  }
  MessageReader reader(datagram);
  for (uint32_t sequence : {1u, 2u, 3u}) {
    auto message = reader.Next();
    CHECK_EQ(message->header.nlmsg_seq, sequence);
    CHECK_EQ((message->header.nlmsg_flags & NLM_F_ACK) != 0, sequence == 3);
  }
  CHECK(!reader.Next().has_value());
}

TEST(every_truncation_ends_the_walk_without_reading_beyond) {
  auto bytes = SampleLink();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of exactly this size lets the sanitizer see any read beyond it.
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<long>(size));
    MessageReader messages(cut);
    CHECK(!messages.Next().has_value());
    AttributeReader attributes = AttributesAfter(cut, NLMSG_HDRLEN + sizeof(ifinfomsg));
    while (attributes.Next()) continue;
  }
}

TEST(a_length_of_zero_or_beyond_the_end_ends_the_walk) {
  for (uint16_t length : {0, 3, 9, 0xffff}) {
    std::vector<uint8_t> bytes(8, 0);
    std::memcpy(bytes.data(), &length, sizeof(length));
    AttributeReader reader(bytes);
    CHECK(!reader.Next().has_value());
  }
}

TEST(the_walk_of_random_bytes_always_ends) {
  std::mt19937 random(83);
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> bytes(random() % 96);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 24);
    MessageReader messages(bytes);
    while (auto message = messages.Next()) {
      DecodeVerdict(*message);
      AttributeReader attributes = AttributesAfter(message->payload, random() % 20);
      while (auto attribute = attributes.Next()) attribute->Text();
    }
  }
}

TEST(text_without_a_final_nul_stops_at_the_end_of_the_payload) {
  const uint8_t raw[] = {'l', 'o'};
  Attribute attribute{IFLA_IFNAME, raw};
  CHECK_EQ(attribute.Text(), "lo");
  CHECK_EQ(Attribute{}.Text(), "");
}

TEST(short_integers_give_the_fallback) {
  const uint8_t raw[] = {1, 2, 3};
  Attribute attribute{IFLA_GROUP, raw};
  CHECK_EQ(attribute.U32(9), 9u);
  CHECK_EQ(attribute.U8(), 1);
}

TEST(extended_acknowledgement_text_is_found_behind_a_capped_request) {
  auto verdict = DecodeVerdict(OnlyMessage(SampleError(NLM_F_CAPPED | NLM_F_ACK_TLVS, 40)));
  CHECK_EQ(verdict->sequence, 42u);
  CHECK_EQ(verdict->err, EEXIST);
  CHECK_EQ(verdict->extack, "address already assigned");
}

TEST(extended_acknowledgement_text_is_found_behind_an_echoed_request) {
  auto verdict = DecodeVerdict(OnlyMessage(SampleError(NLM_F_ACK_TLVS, 40)));
  CHECK_EQ(verdict->extack, "address already assigned");
}

TEST(an_error_without_attributes_has_no_text) {
  auto verdict = DecodeVerdict(OnlyMessage(SampleError(NLM_F_CAPPED, 40)));
  CHECK_EQ(verdict->err, EEXIST);
  CHECK_EQ(verdict->extack, "");
}

TEST(an_echoed_length_that_lies_gives_no_text) {
  auto bytes = SampleError(NLM_F_ACK_TLVS, 40);
  uint32_t lie = 0xfffffff0;
  std::memcpy(bytes.data() + NLMSG_HDRLEN + offsetof(nlmsgerr, msg), &lie, sizeof(lie));
  CHECK_EQ(DecodeVerdict(OnlyMessage(bytes))->extack, "");
}

TEST(an_error_number_without_opposite_is_a_protocol_error) {
  auto bytes = SampleError(NLM_F_CAPPED, 40);
  int lowest = INT_MIN;
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &lowest, sizeof(lowest));
  CHECK_EQ(DecodeVerdict(OnlyMessage(bytes))->err, EPROTO);
}

TEST(a_verdict_that_is_too_short_is_none) {
  nlmsghdr header = {};
  header.nlmsg_type = NLMSG_ERROR;
  CHECK(!DecodeVerdict({header, {}}).has_value());
  header.nlmsg_type = NLMSG_DONE;
  CHECK_EQ(DecodeVerdict({header, {}})->err, 0);
}
