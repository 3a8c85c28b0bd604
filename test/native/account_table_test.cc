// Account files as text: what is touched, and that everything else keeps every byte.
#include <random>

#include "core/account/edit.h"
#include "core/account/table.h"
#include "native/check.h"

using slapos::account::Fields;
using slapos::account::JoinList;
using slapos::account::SplitList;
using slapos::account::Table;

namespace {

Table Passwd(const std::string& text) { return Table("passwd", 7, text); }

const Fields kUser = {"slapuser0", "x", "2000", "2000", "", "/srv/slapgrid/slappart0", "/bin/sh"};
const char kUserLine[] = "slapuser0:x:2000:2000::/srv/slapgrid/slappart0:/bin/sh\n";

}  // namespace

TEST(an_untouched_file_keeps_every_byte) {
  for (const char* text :
       {"", "root:x:0:0:root:/root:/bin/sh\n", "broken\n\n# comment\nroot:x:0:0:::\n",
        "+@staff::::::\n", "caf\xc3\xa9:x:1:1:\xff::\n"}) {
    Table table = Passwd(text);
    CHECK_EQ(table.Text(), text);
    CHECK(!table.IsChanged());
  }
}

TEST(a_missing_final_newline_is_added) {
  Table table = Passwd("root:x:0:0:root:/root:/bin/sh");
  table.Put(kUser);
  CHECK_EQ(table.Text(), std::string("root:x:0:0:root:/root:/bin/sh\n") + kUserLine);
}

TEST(new_entries_stand_before_the_first_nis_line) {
  for (const char* nis : {"+\n", "+::::::\n", "-guest\nnobody:x:9:9:::\n"}) {
    Table table = Passwd(std::string("root:x:0:0:::\n") + nis);
    table.Put(kUser);
    CHECK_EQ(table.Text(), std::string("root:x:0:0:::\n") + kUserLine + nis);
  }
}

TEST(an_entry_is_replaced_in_its_place) {
  Table table = Passwd("a:x:1:1:::\nb:x:2:2:::\nc:x:3:3:::\n");
  Fields fields = table.Get("b");
  fields[5] = "/home/b";
  table.Put(fields);
  CHECK_EQ(table.Text(), "a:x:1:1:::\nb:x:2:2::/home/b:\nc:x:3:3:::\n");
  CHECK(table.IsChanged());
}

TEST(putting_the_same_entry_changes_nothing) {
  Table table = Passwd("a:x:1:1:::\n");
  table.Put(table.Get("a"));
  CHECK(!table.IsChanged());
}

TEST(lines_with_a_wrong_number_of_fields_are_no_entries) {
  Table table = Passwd("short:x:1\n:x:1:1:::\nlong:x:1:1::::\nok:x:1:1:::\n");
  CHECK(!table.Has("short"));
  CHECK(!table.Has(""));
  CHECK(!table.Has("long"));
  CHECK(table.Has("ok"));
  CHECK_EQ(table.Entries().size(), 1u);
}

TEST(a_name_on_two_lines_cannot_be_changed_but_can_be_removed) {
  Table table = Passwd("a:x:1:1:::\nb:x:2:2:::\na:x:3:3:::\n");
  CHECK_THROWS(ENOTUNIQ, table.Get("a"));
  CHECK_THROWS(ENOTUNIQ, table.Put({"a", "x", "1", "1", "", "", ""}));
  table.Remove("a");
  CHECK_EQ(table.Text(), "b:x:2:2:::\n");
}

TEST(an_entry_that_is_not_there_is_named_with_its_file) {
  auto error = CHECK_THROWS(ENOENT, Passwd("").Get("nobody"));
  CHECK_EQ(error.detail(), "'nobody' is not in passwd");
}

TEST(removing_and_adding_the_same_name_leaves_one_line) {
  Table table = Passwd("a:x:1:1:::\n");
  table.Remove("a");
  table.Put({"a", "x", "5", "5", "", "", ""});
  CHECK_EQ(table.Text(), "a:x:5:5:::\n");
  CHECK_EQ(table.Get("a")[2], "5");
}

TEST(lists_drop_empty_items) {
  CHECK_EQ(SplitList("").size(), 0u);
  CHECK_EQ(SplitList(",a,,b,").size(), 2u);
  CHECK_EQ(JoinList(SplitList("a,b")), "a,b");
}

TEST(random_files_survive_being_read_and_written) {
  std::mt19937 random(83);
  const std::string alphabet = "ab:+-\n,x\xff";
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (size_t size = random() % 60; size > 0; --size)
      text += alphabet[random() % alphabet.size()];
    Table table = Passwd(text);
    std::string wanted = text.empty() || text.back() == '\n' ? text : text + "\n";
    CHECK_EQ(table.Text(), wanted);
  }
}

TEST(a_machine_that_believes_it_is_1970_makes_no_password_that_has_to_be_changed) {
  for (auto [today, changed] : {std::pair(0, ""), std::pair(-1, ""), std::pair(20000, "20000")}) {
    slapos::account::Tables tables = {Passwd(""), Table("group", 4, ""), Table("shadow", 9, ""),
                                      std::nullopt};
    slapos::account::Transaction transaction;
    transaction.add_groups.push_back({.name = "slapuser0", .gid = 2000});
    transaction.add_users.push_back(
        {.name = "slapuser0", .uid = 2000, .gid = 2000, .home = "/srv/x", .shell = "/bin/sh"});
    Edit(tables, transaction, today);
    CHECK_EQ(tables.shadow->Text(), std::string("slapuser0:!:") + changed + "::::::\n");
  }
}
