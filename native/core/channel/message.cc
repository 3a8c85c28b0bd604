#include "core/channel/message.h"

#include <charconv>

namespace slapos {

bool ParseInteger(std::string_view text, int64_t* value) {
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && rest == end && !text.empty();
}

Message Message::Decode(std::string_view packet) {
  size_t end = packet.find('\0');
  Message message(std::string(packet.substr(0, end)));
  while (end != std::string_view::npos) {
    packet.remove_prefix(end + 1);
    end = packet.find('\0');
    if (end == std::string_view::npos) break;
    std::string_view word = packet.substr(0, end);
    size_t equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    message.Add(std::string(word.substr(0, equals)), std::string(word.substr(equals + 1)));
  }
  return message;
}

std::string Message::Encode() const {
  std::string packet = verb_ + '\0';
  for (const auto& [key, value] : fields_) {
    packet += key;
    packet += '=';
    packet += value;
    packet += '\0';
  }
  return packet;
}

Message& Message::Add(std::string key, std::string value) {
  fields_.emplace_back(std::move(key), std::move(value));
  return *this;
}

Message& Message::Add(std::string key, int64_t value) {
  return Add(std::move(key), std::to_string(value));
}

const std::string* Message::Find(std::string_view key) const {
  for (const auto& [each, value] : fields_) {
    if (each == key) return &value;
  }
  return nullptr;
}

std::string Message::Text(std::string_view key) const {
  const std::string* value = Find(key);
  return value != nullptr ? *value : std::string();
}

std::vector<std::string> Message::List(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [each, value] : fields_) {
    if (each == key) values.push_back(value);
  }
  return values;
}

bool Message::Number(std::string_view key, int64_t* value) const {
  const std::string* text = Find(key);
  return text != nullptr && ParseInteger(*text, value);
}

}  // namespace slapos
