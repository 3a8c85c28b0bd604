#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/spawn/spawn_request.h"
#include "core/sys/unique_fd.h"

namespace slapos::keeper {

// A process that was started, by name; (pid, start) is its identity.
struct ChildRecord {
  std::string name;
  pid_t pid = -1;
  uint64_t start = 0;
  int64_t time_ms = 0;
  std::string tag;  // a word of the controller that tells one start of a name from another
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

// A text as one word of a line: blanks, controls and anything beyond ASCII percent-encoded.
std::string EscapeWord(const std::string& text);
std::string UnescapeWord(const std::string& text);
std::vector<std::string> SplitWords(const std::string& line);

// What a file holds, wherever its offset is.
std::string ReadWholeFile(int fd);

// One line of the journal, without its end, applied to a state; a line that makes no sense is
// ignored. Everything that stands before a `boot` line of another boot is forgotten.
void ApplyLine(const std::string& line, JournalState* state);

std::string RenderChild(const ChildRecord& child);
// The line of a process that writes it itself, around its pid and start time.
BirthRecord PlanBirth(int fd, const ChildRecord& child);
std::string RenderExit(const ExitRecord& exit);
// Every end up to this one is known to a controller.
std::string RenderAck(uint64_t serial);
// This end is.
std::string RenderHeard(uint64_t serial);
std::string RenderNote(const std::string& key, const std::string& value);

// The append-only file (docs/keeper-protocol.md). It is locked as long as it is open, so that two
// keepers never share one.
class Journal {
 public:
  // Opens or creates. Waits up to `patience_ms` for another to let go: the lock of a keeper that
  // was killed lasts until a process that it was cloning has written its line. Throws StartError
  // when it stays locked or cannot be opened.
  static Journal Open(const std::string& path, int64_t patience_ms = 0);

  // What the file says, for this boot.
  JournalState Read(const std::string& boot_id);

  // Takes over a journal that is open and locked already.
  static Journal Take(UniqueFd fd, const std::string& path) { return {std::move(fd), path}; }

  // Appends lines, in one piece. Returns errno, 0 on success.
  int Append(const std::vector<std::string>& lines);
  int Fd() const { return fd_.Get(); }
  // Somebody else has appended so many bytes.
  void Grow(size_t bytes) { size_ += bytes; }

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
  bool is_torn_ = false;  // the file does not end with a line
};

// The id of this boot, or "unknown" without procfs.
std::string ReadBootId();

}  // namespace slapos::keeper
