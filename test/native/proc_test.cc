// Parsers of the text of /proc; the reader is compared with it in test/integration/proc.test.ts.
#include <unistd.h>

#include <cstring>

#include "core/proc/sample.h"
#include "native/check.h"

using namespace slapos;

namespace {

std::string StatText(const std::string& comm, int fields) {
  std::string text = "77 (" + comm + ") S";
  for (int field = 4; field < 4 + fields; field++) text += " " + std::to_string(field * 10);
  return text + "\n";
}

}  // namespace

TEST(stat_is_read_behind_any_name) {
  for (const char* comm : {"sh", "a b", "a) R 1 (b", ")", ""}) {
    ProcessRecord record = {};
    CHECK(ParseStat(StatText(comm, 49).c_str(), &record));
    CHECK_EQ(record.pid, 77u);
    CHECK_EQ(std::string(record.comm), comm);
    CHECK_EQ(record.ppid, 40u);
    CHECK_EQ(record.start_ticks, 220.0);
    CHECK_EQ(record.blkio_delay_ticks, 420.0);
  }
}

TEST(a_long_name_fills_its_field) {
  ProcessRecord record = {};
  CHECK(ParseStat(StatText(std::string(64, 'x'), 49).c_str(), &record));
  CHECK_EQ(std::string(record.comm, sizeof record.comm), std::string(16, 'x'));
}

TEST(what_the_kernel_never_writes_is_refused) {
  ProcessRecord record = {};
  for (const char* text : {"", "1", "1 (x", "1 x) S 1", "1 (x)", "1 (x) ", "x (x) S 1 2 3"}) {
    CHECK(!ParseStat(text, &record));
  }
  CHECK(!ParseStat(StatText("x", 10).c_str(), &record));
  CHECK(!ParseStatm("12\n", 4096, &record));
  CHECK(!ParseIo("rchar: 1\nwchar: 2\n", &record));
  uint32_t uid;
  CHECK(!ParseStatusUid("Name: x\nGid: 1\n", &uid));
}

TEST(values_above_32_bits_survive) {
  ProcessRecord record = {};
  CHECK(ParseStatm("9 4503599627370496 0", 1, &record));
  CHECK_EQ(record.rss_bytes, 4503599627370496.0);
}

TEST(we_are_in_our_own_sample) {
  uid_t own = ::getuid();
  std::vector<uid_t> uids = {own};
  bool is_found = false;
  for (const ProcessRecord& record : SampleProcesses("/proc", &uids)) {
    is_found |= record.pid == static_cast<uint32_t>(::getpid()) && record.uid == own;
  }
  CHECK(is_found);
  CHECK_THROWS(ENOENT, SampleProcesses("/proc/none", nullptr));
}
