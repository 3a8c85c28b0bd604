#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace slapos::account {

using Fields = std::vector<std::string>;

// One account file as lines of colon-separated fields. Lines that nobody touches keep every byte,
// broken ones and NIS `+`/`-` lines included.
class Table {
 public:
  // `field_count` is what a valid line has: passwd 7, group 4, gshadow 4, shadow 9.
  Table(std::string file, size_t field_count, std::string_view text);

  const std::string& File() const { return file_; }
  bool Has(const std::string& name) const { return positions_.contains(name); }
  // Throws SysError ENOENT when there is no such entry, ENOTUNIQ when it stands on several lines.
  Fields Get(const std::string& name) const;
  // Every valid entry, added ones at the end.
  std::vector<Fields> Entries() const;

  // Adds an entry, before the first NIS line as useradd(8) does, or replaces the one of its name.
  // Throws SysError ENOTUNIQ.
  void Put(const Fields& fields);
  // Removes every line of that name.
  void Remove(const std::string& name);

  bool IsChanged() const { return is_changed_; }
  // The whole file; the last line ends with a newline.
  std::string Text() const;

 private:
  struct Line {
    std::string text;
    bool is_entry = false;
    bool is_nis = false;
    bool is_added = false;
    bool is_removed = false;
  };

  void AddLine(std::string_view text);
  // Position of the only line of that name.
  size_t Position(const std::string& name) const;

  std::string file_;
  size_t field_count_;
  std::vector<Line> lines_;
  std::unordered_map<std::string, std::vector<size_t>> positions_;
  bool is_changed_ = false;
};

Fields SplitLine(std::string_view line);

// `a,b,c` as a list and back; empty items are dropped.
std::vector<std::string> SplitList(std::string_view text);
std::string JoinList(const std::vector<std::string>& items);

}  // namespace slapos::account
