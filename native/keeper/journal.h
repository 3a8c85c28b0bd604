#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/sys/unique_fd.h"

namespace slapos::keeper {

// A process that was started, by name; (pid, start) is its identity.
struct ChildRecord {
  std::string name;
  pid_t pid = -1;
  uint64_t start = 0;
  int64_t time_ms = 0;
};

// How a process ended.
struct ExitRecord {
  uint64_t serial = 0;
  ChildRecord child;  // time_ms: when it ended
  int status = -1;
  int signal = 0;
  bool core = false;
  bool lost = false;
};

// What a keeper must not forget: the processes that live, the ends that no controller knows of, and
// the controller's notes.
struct JournalState {
  std::string boot_id;
  std::map<pid_t, ChildRecord> children;
  std::vector<ExitRecord> exits;  // by rising serial
  std::map<std::string, std::string> notes;
  uint64_t last_serial = 0;
};

// One line of the journal, without its end, applied to a state; a line that makes no sense is
// ignored. Everything that stands before a `boot` line of another boot is forgotten.
void ApplyLine(const std::string& line, JournalState* state);

std::string RenderChild(const ChildRecord& child);
std::string RenderExit(const ExitRecord& exit);
std::string RenderAck(uint64_t serial);
std::string RenderNote(const std::string& key, const std::string& value);

// The append-only file (docs/keeper-protocol.md). It is locked as long as it is open, so that two
// keepers never share one.
class Journal {
 public:
  // Opens or creates; throws StartError when it is locked or cannot be opened.
  static Journal Open(const std::string& path);

  // What the file says, for this boot.
  JournalState Read(const std::string& boot_id);

  // Appends a line. Returns errno, 0 on success.
  int Append(const std::string& line);

  // Whether the file has outgrown what it must hold.
  bool IsOversized() const;
  // Rewrites the file with what `state` holds. Returns errno, 0 on success.
  int Compact(const JournalState& state);
  // Removes the file: nothing is left to remember.
  void Remove();

 private:
  Journal(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
  size_t size_ = 0;
  size_t needed_ = 0;
};

// The id of this boot, or "unknown" without procfs.
std::string ReadBootId();

}  // namespace slapos::keeper
