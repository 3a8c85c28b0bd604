#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace slapos::netlink {

using Bytes = std::span<const uint8_t>;

// Copies a fixed structure out of bytes that need not be aligned; nothing when they are too few.
template <typename Struct>
std::optional<Struct> ReadStruct(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  if (bytes.size() < sizeof(Struct)) return std::nullopt;
  Struct value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// One attribute of a message: type without its flag bits, and payload.
struct Attribute {
  uint16_t type = 0;
  Bytes payload;

  // Integers of exactly this width or wider; `fallback` when the payload is too short.
  uint8_t U8(uint8_t fallback = 0) const { return ReadStruct<uint8_t>(payload).value_or(fallback); }
  uint32_t U32(uint32_t fallback = 0) const {
    return ReadStruct<uint32_t>(payload).value_or(fallback);
  }
  // Text up to the first NUL or the end of the payload.
  std::string Text() const;
};

// Walks attributes one after the other; stops at the end or at the first that does not fit.
class AttributeReader {
 public:
  explicit AttributeReader(Bytes bytes) : rest_(bytes) {}
  std::optional<Attribute> Next();

 private:
  Bytes rest_;
};

// One message of a datagram: header and everything behind it, padding excluded.
struct Message {
  nlmsghdr header = {};
  Bytes payload;
};

// Walks the messages of a datagram; stops at the end or at the first that does not fit.
class MessageReader {
 public:
  explicit MessageReader(Bytes bytes) : rest_(bytes) {}
  std::optional<Message> Next();

 private:
  Bytes rest_;
};

// Attributes behind a fixed structure of `header_size` bytes (its padding is skipped).
AttributeReader AttributesAfter(Bytes payload, size_t header_size);

// Builds one message: header, fixed structure, attributes; lengths and padding are kept right.
class MessageWriter {
 public:
  template <typename Struct>
  MessageWriter(uint16_t type, uint16_t flags, const Struct& fixed) {
    static_assert(std::is_trivially_copyable_v<Struct>);
    Start(type, flags, &fixed, sizeof(fixed));
  }

  void Add(uint16_t type, const void* data, size_t size);
  void AddU32(uint16_t type, uint32_t value) { Add(type, &value, sizeof(value)); }
  void AddText(uint16_t type, std::string_view text);
  // Opens a nested attribute; everything added until End belongs to it.
  size_t Begin(uint16_t type);
  void End(size_t mark);

  // The message, ready but for its sequence number (see SetSequence).
  std::vector<uint8_t> Take();

 private:
  void Start(uint16_t type, uint16_t flags, const void* fixed, size_t size);
  void Pad();
  std::vector<uint8_t> bytes_;
};

// Writes sequence number and additional flags into the header of a finished message.
void SetSequence(std::span<uint8_t> message, uint32_t sequence, uint16_t add_flags);

// Verdict of the kernel on one request: NLMSG_ERROR (also with errno 0, the plain acknowledgement)
// or NLMSG_DONE with its extended acknowledgement text.
struct Verdict {
  uint32_t sequence = 0;
  int err = 0;  // positive errno, 0 for success
  std::string extack;
};

// Nothing when the message is too short to be a verdict.
std::optional<Verdict> DecodeVerdict(const Message& message);

}  // namespace slapos::netlink
