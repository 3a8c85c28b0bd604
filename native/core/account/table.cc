#include "core/account/table.h"

#include <algorithm>
#include <utility>

#include "core/sys/sys_error.h"

namespace slapos::account {

namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (;;) {
    size_t end = text.find(separator, start);
    parts.emplace_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::string Join(const std::vector<std::string>& parts, char separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

}  // namespace

Table::Table(std::string file, size_t field_count, std::string_view text)
    : file_(std::move(file)), field_count_(field_count) {
  while (!text.empty()) {
    size_t end = text.find('\n');
    AddLine(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

Fields Table::Get(const std::string& name) const { return SplitLine(lines_[Position(name)].text); }

std::vector<Fields> Table::Entries() const {
  std::vector<Fields> entries;
  for (const Line& line : lines_) {
    if (line.is_entry && !line.is_removed) entries.push_back(SplitLine(line.text));
  }
  return entries;
}

void Table::Put(const Fields& fields) {
  std::string text = Join(fields, ':');
  if (!Has(fields.front())) {
    AddLine(text);
    lines_.back().is_added = true;
    is_changed_ = true;
    return;
  }
  Line& line = lines_[Position(fields.front())];
  is_changed_ |= line.text != text;
  line.text = std::move(text);
}

void Table::Remove(const std::string& name) {
  auto found = positions_.find(name);
  if (found == positions_.end()) return;
  for (size_t position : found->second) lines_[position].is_removed = true;
  positions_.erase(found);
  is_changed_ = true;
}

std::string Table::Text() const {
  std::string head;
  std::string added;
  std::string tail;
  bool is_behind_nis = false;
  for (const Line& line : lines_) {
    is_behind_nis |= line.is_nis;
    if (line.is_removed) continue;
    std::string& target = line.is_added ? added : is_behind_nis ? tail : head;
    target.append(line.text).push_back('\n');
  }
  return head + added + tail;
}

void Table::AddLine(std::string_view text) {
  Line line{std::string(text)};
  line.is_nis = text.starts_with('+') || text.starts_with('-');
  size_t colons = static_cast<size_t>(std::count(text.begin(), text.end(), ':'));
  line.is_entry = !line.is_nis && colons + 1 == field_count_ && !text.starts_with(':');
  if (line.is_entry) positions_[line.text.substr(0, text.find(':'))].push_back(lines_.size());
  lines_.push_back(std::move(line));
}

size_t Table::Position(const std::string& name) const {
  auto found = positions_.find(name);
  if (found == positions_.end()) {
    throw SysError(ENOENT, "account", "'" + name + "' is not in " + file_);
  }
  if (found->second.size() > 1) {
    throw SysError(ENOTUNIQ, "account", "'" + name + "' stands on several lines of " + file_);
  }
  return found->second.front();
}

Fields SplitLine(std::string_view line) { return Split(line, ':'); }

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items = Split(text, ',');
  std::erase(items, "");
  return items;
}

std::string JoinList(const std::vector<std::string>& items) { return Join(items, ','); }

}  // namespace slapos::account
