// proc_pid_stat(5), proc_pid_statm(5), proc_pid_io(5), proc_pid_status(5).
#include <cstdlib>
#include <cstring>

#include "core/proc/sample.h"

namespace slapos {

namespace {

// Reads the next decimal number; false at the end of the text.
bool NextNumber(const char** at, double* value) {
  const char* text = *at;
  while (*text == ' ' || *text == '\t') text++;
  bool is_negative = *text == '-';
  if (is_negative) text++;
  if (*text < '0' || *text > '9') return false;
  uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; text++)
    number = number * 10 + static_cast<uint64_t>(*text - '0');
  *value = is_negative ? -static_cast<double>(number) : static_cast<double>(number);
  *at = text;
  return true;
}

// A double beyond the range of an integer must not be cast to it.
bool FitWord(double value, uint32_t* word) {
  if (value < 0 || value > 4294967295.0) return false;
  *word = static_cast<uint32_t>(value);
  return true;
}

// The value of a `name: N` line.
bool NamedNumber(const char* text, const char* name, double* value) {
  size_t length = ::strlen(name);
  for (const char* line = text; line != nullptr && *line != '\0';) {
    if (::strncmp(line, name, length) == 0) {
      const char* at = line + length;
      return NextNumber(&at, value);
    }
    line = ::strchr(line, '\n');
    if (line != nullptr) line++;
  }
  return false;
}

void CopyComm(const char* from, const char* to, ProcessRecord* record) {
  size_t length = static_cast<size_t>(to - from);
  if (length > sizeof record->comm) length = sizeof record->comm;
  ::memcpy(record->comm, from, length);
}

}  // namespace

// comm may hold spaces and parentheses: it ends at the last one of the line.
bool ParseStat(const char* text, ProcessRecord* record) {
  const char* open = ::strchr(text, '(');
  const char* close = ::strrchr(text, ')');
  if (open == nullptr || close == nullptr || close < open || close[1] != ' ') return false;
  double pid;
  const char* start = text;
  if (!NextNumber(&start, &pid)) return false;
  CopyComm(open + 1, close, record);
  if (!FitWord(pid, &record->pid)) return false;
  record->state = static_cast<uint8_t>(close[2]);
  if (close[2] == '\0') return false;
  const char* at = close + 3;
  double field[43] = {};  // index = number of the field in the manual page, from 4 on
  for (int index = 4; index <= 42; index++) {
    if (!NextNumber(&at, &field[index])) return false;
  }
  if (!FitWord(field[4], &record->ppid) || !FitWord(field[20], &record->threads)) return false;
  record->utime_ticks = field[14];
  record->stime_ticks = field[15];
  record->cutime_ticks = field[16];
  record->cstime_ticks = field[17];
  record->start_ticks = field[22];
  record->blkio_delay_ticks = field[42];
  return true;
}

// The second number; field 24 of stat is not exact since Linux 6.2.
bool ParseStatm(const char* text, double page_bytes, ProcessRecord* record) {
  double size;
  double resident;
  const char* at = text;
  if (!NextNumber(&at, &size) || !NextNumber(&at, &resident)) return false;
  record->rss_bytes = resident * page_bytes;
  return true;
}

bool ParseIo(const char* text, ProcessRecord* record) {
  bool is_complete =
      NamedNumber(text, "rchar:", &record->rchar) && NamedNumber(text, "wchar:", &record->wchar) &&
      NamedNumber(text, "syscr:", &record->syscr) && NamedNumber(text, "syscw:", &record->syscw) &&
      NamedNumber(text, "read_bytes:", &record->read_bytes) &&
      NamedNumber(text, "write_bytes:", &record->write_bytes);
  record->has_io = is_complete ? 1 : 0;
  return is_complete;
}

bool ParseStatusUid(const char* text, uint32_t* uid) {
  double value;
  return NamedNumber(text, "Uid:", &value) && FitWord(value, uid);
}

}  // namespace slapos
