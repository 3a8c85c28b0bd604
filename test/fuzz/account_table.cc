// Fuzz target: the account files of a machine, whatever stands in them, and changes of them. Lines
// that nobody touches keep every byte, and what was written reads back as the same.
//
// Input: passwd, group, shadow, gshadow and a change, between form feeds. Lines of a change:
//   +u NAME UID GID HOME | +g NAME GID | -u NAME | -g NAME | =u NAME GID HOME | !u NAME | +m GROUP
//   USER
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "core/account/edit.h"
#include "core/sys/sys_error.h"

namespace {

using namespace slapos;
using namespace slapos::account;

std::vector<std::string> SplitAt(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

Transaction DecodeChange(const std::string& text) {
  Transaction change;
  for (const std::string& line : SplitAt(text, '\n')) {
    std::vector<std::string> words = SplitAt(line, ' ');
    words.resize(5);
    auto number = [&](size_t index) {
      return static_cast<uint32_t>(std::strtoul(words[index].c_str(), nullptr, 10));
    };
    if (words[0] == "+u")
      change.add_users.push_back({words[1], number(2), number(3), "", words[4], "/bin/false"});
    if (words[0] == "+g") change.add_groups.push_back({words[1], number(2)});
    if (words[0] == "-u") change.remove_users.push_back(words[1]);
    if (words[0] == "-g") change.remove_groups.push_back(words[1]);
    if (words[0] == "=u") change.change_users.push_back({words[1], number(2), words[3], {}});
    if (words[0] == "!u") change.lock_users.push_back(words[1]);
    if (words[0] == "+m") change.add_members.push_back({words[1], words[2]});
  }
  return change;
}

void Require(bool holds) {
  if (!holds) std::abort();
}

// A file reads back as it was written, and every line that is no entry is still there, in order.
void CheckWritten(const Table& table, size_t field_count, const std::string& before) {
  std::string text = table.Text();
  Require(Table("again", field_count, text).Text() == text);
  std::vector<std::string> lines = SplitAt(text, '\n');
  size_t at = 0;
  for (const std::string& line : SplitAt(before, '\n')) {
    if (!Table("line", field_count, line).Entries().empty()) continue;
    while (at < lines.size() && lines[at] != line) at++;
    Require(at < lines.size());
    at++;
  }
}

void CheckAdded(const Tables& tables, const Transaction& change) {
  Table passwd("passwd", 7, tables.passwd.Text());
  Table group("group", 4, tables.group.Text());
  for (const User& user : change.add_users) {
    Require(passwd.Get(user.name)[2] == std::to_string(user.uid));
  }
  for (const Group& added : change.add_groups) {
    Require(group.Get(added.name)[2] == std::to_string(added.gid));
  }
  for (const Member& member : change.add_members) Require(group.Has(member.group));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> parts = SplitAt(text, '\f');
  parts.resize(5);
  Tables tables = {Table("passwd", 7, parts[0]), Table("group", 4, parts[1]), std::nullopt,
                   std::nullopt};
  if (!parts[2].empty()) tables.shadow.emplace("shadow", 9, parts[2]);
  if (!parts[3].empty()) tables.gshadow.emplace("gshadow", 4, parts[3]);
  Transaction change = DecodeChange(parts[4]);
  try {
    Edit(tables, change, 20000);
  } catch (const SysError&) {
    return 0;
  }
  CheckWritten(tables.passwd, 7, parts[0]);
  CheckWritten(tables.group, 4, parts[1]);
  if (tables.shadow) CheckWritten(*tables.shadow, 9, parts[2]);
  if (tables.gshadow) CheckWritten(*tables.gshadow, 4, parts[3]);
  CheckAdded(tables, change);
  return 0;
}
