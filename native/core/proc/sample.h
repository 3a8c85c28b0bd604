#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace slapos {

// Facts about one process, as they cross to JavaScript: `src/host/proc.ts` has the same offsets.
// Counters are doubles, exact up to 2^53. Times are in clock ticks (sysconf(_SC_CLK_TCK)).
struct ProcessRecord {
  uint32_t pid;
  uint32_t ppid;
  uint32_t uid;  // real user id
  uint32_t threads;
  double start_ticks;  // since boot
  double utime_ticks;
  double stime_ticks;
  double cutime_ticks;  // of children waited for
  double cstime_ticks;
  double blkio_delay_ticks;
  double rss_bytes;
  double read_bytes;
  double write_bytes;
  double rchar;
  double wchar;
  double syscr;
  double syscw;
  double cgroup_id;  // in the cgroup v2 hierarchy; 0 where the kernel does not tell
  uint8_t state;     // the letter of proc_pid_stat(5)
  uint8_t has_io;    // 1 when /proc/PID/io could be read
  char comm[16];     // bytes, not terminated when full
  uint8_t padding[6];
};
static_assert(sizeof(ProcessRecord) == 152);

// Samples every process of `proc_root`, or only those whose real user is one of `uids`. A process
// that vanishes meanwhile is left out. Throws SysError when the folder itself cannot be read.
std::vector<ProcessRecord> SampleProcesses(const std::string& proc_root,
                                           const std::vector<uid_t>* uids);

// Parsers of the text of one kernel file; false when it is not what the kernel writes.
bool ParseStat(const char* text, ProcessRecord* record);
bool ParseStatm(const char* text, double page_bytes, ProcessRecord* record);
bool ParseIo(const char* text, ProcessRecord* record);
bool ParseStatusUid(const char* text, uint32_t* uid);

}  // namespace slapos
