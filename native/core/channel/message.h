#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slapos {

// A message between keeper and controller: a verb and `key=value` fields, each word ended by a NUL
// (docs/keeper-protocol.md). A key may stand several times.
class Message {
 public:
  explicit Message(std::string verb) : verb_(std::move(verb)) {}

  // Words without `=` are ignored; an unfinished last word too.
  static Message Decode(std::string_view packet);
  std::string Encode() const;

  Message& Add(std::string key, std::string value);
  Message& Add(std::string key, int64_t value);

  const std::string& verb() const { return verb_; }
  // The first value of a key; nullptr when there is none.
  const std::string* Find(std::string_view key) const;
  // The first value of a key, or the empty string.
  std::string Text(std::string_view key) const;
  std::vector<std::string> List(std::string_view key) const;
  bool Flag(std::string_view key) const { return Text(key) == "1"; }
  // False when the key is missing or not a decimal number.
  bool Number(std::string_view key, int64_t* value) const;

 private:
  std::string verb_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Decimal with an optional minus; false for anything else, overflow included.
bool ParseInteger(std::string_view text, int64_t* value);

}  // namespace slapos
