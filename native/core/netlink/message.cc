#include "core/netlink/message.h"

#include <algorithm>
#include <cerrno>
#include <climits>

namespace slapos::netlink {

namespace {

constexpr size_t kAlign = NLMSG_ALIGNTO;

size_t Aligned(size_t size) { return (size + kAlign - 1) & ~(kAlign - 1); }

// NLMSG_ERROR holds errno and the request: its header alone when NLM_F_CAPPED says so.
Bytes ExtackAttributes(const Message& message) {
  if (message.header.nlmsg_type == NLMSG_DONE) {
    return message.payload.subspan(std::min(message.payload.size(), sizeof(int)));
  }
  auto error = ReadStruct<nlmsgerr>(message.payload);
  if (!error) return {};
  size_t skip = sizeof(nlmsgerr);
  if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > NLMSG_HDRLEN) {
    skip += Aligned(error->msg.nlmsg_len - NLMSG_HDRLEN);
  }
  return message.payload.subspan(std::min(message.payload.size(), skip));
}

// Errors are negative; the lowest integer has no opposite and is no errno.
int ErrnoOf(int number) {
  if (number >= 0) return 0;
  return number == INT_MIN ? EPROTO : -number;
}

std::string ExtackText(const Message& message) {
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  AttributeReader reader(ExtackAttributes(message));
  while (auto attribute = reader.Next()) {
    if (attribute->type == NLMSGERR_ATTR_MSG) return attribute->Text();
  }
  return "";
}

}  // namespace

std::string Attribute::Text() const {
  const char* start = reinterpret_cast<const char*>(payload.data());
  return std::string(start, payload.empty() ? 0 : ::strnlen(start, payload.size()));
}

std::optional<Attribute> AttributeReader::Next() {
  auto header = ReadStruct<nlattr>(rest_);
  if (!header || header->nla_len < NLA_HDRLEN || header->nla_len > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  Attribute result;
  result.type = header->nla_type & NLA_TYPE_MASK;
  result.payload = rest_.subspan(NLA_HDRLEN, header->nla_len - NLA_HDRLEN);
  rest_ = rest_.subspan(std::min(rest_.size(), Aligned(header->nla_len)));
  return result;
}

std::optional<Message> MessageReader::Next() {
  auto header = ReadStruct<nlmsghdr>(rest_);
  if (!header || header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  Message result{*header, rest_.subspan(NLMSG_HDRLEN, header->nlmsg_len - NLMSG_HDRLEN)};
  rest_ = rest_.subspan(std::min(rest_.size(), Aligned(header->nlmsg_len)));
  return result;
}

AttributeReader AttributesAfter(Bytes payload, size_t header_size) {
  return AttributeReader(payload.subspan(std::min(payload.size(), Aligned(header_size))));
}

void MessageWriter::Start(uint16_t type, uint16_t flags, const void* fixed, size_t size) {
  nlmsghdr header = {};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  bytes_.resize(sizeof(header));
  std::memcpy(bytes_.data(), &header, sizeof(header));
  const auto* data = static_cast<const uint8_t*>(fixed);
  bytes_.insert(bytes_.end(), data, data + size);
  Pad();
}

void MessageWriter::Add(uint16_t type, const void* data, size_t size) {
  size_t mark = Begin(type);
  const auto* bytes = static_cast<const uint8_t*>(data);
  bytes_.insert(bytes_.end(), bytes, bytes + size);
  End(mark);
}

void MessageWriter::AddText(uint16_t type, std::string_view text) {
  std::string terminated(text);
  Add(type, terminated.c_str(), terminated.size() + 1);
}

size_t MessageWriter::Begin(uint16_t type) {
  size_t mark = bytes_.size();
  nlattr header = {0, type};
  bytes_.resize(mark + sizeof(header));
  std::memcpy(bytes_.data() + mark, &header, sizeof(header));
  return mark;
}

void MessageWriter::End(size_t mark) {
  auto length = static_cast<uint16_t>(bytes_.size() - mark);
  std::memcpy(bytes_.data() + mark + offsetof(nlattr, nla_len), &length, sizeof(length));
  Pad();
}

std::vector<uint8_t> MessageWriter::Take() {
  auto length = static_cast<uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  return std::move(bytes_);
}

void MessageWriter::Pad() { bytes_.resize(Aligned(bytes_.size())); }

void SetSequence(std::span<uint8_t> message, uint32_t sequence, uint16_t add_flags) {
  nlmsghdr header;
  std::memcpy(&header, message.data(), sizeof(header));
  header.nlmsg_seq = sequence;
  header.nlmsg_flags |= add_flags;
  std::memcpy(message.data(), &header, sizeof(header));
}

std::optional<Verdict> DecodeVerdict(const Message& message) {
  auto number = ReadStruct<int>(message.payload);
  // NLMSG_DONE of an old kernel may come without a number: success.
  if (!number && message.header.nlmsg_type != NLMSG_DONE) return std::nullopt;
  Verdict result;
  result.sequence = message.header.nlmsg_seq;
  result.err = ErrnoOf(number.value_or(0));
  result.extack = ExtackText(message);
  return result;
}

}  // namespace slapos::netlink
