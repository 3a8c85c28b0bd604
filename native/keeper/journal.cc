#include "keeper/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/channel/message.h"
#include "core/file/lock.h"
#include "core/sys/sys_error.h"
#include "keeper/listener.h"

namespace slapos::keeper {

namespace {

constexpr size_t kMaxBytes = 1024 * 1024;
constexpr int kGrowth = 4;
// Ends a line that was cut short, so that it is never taken for a whole one.
constexpr char kTorn = '\x18';

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The numbers of words 1 to `count`, before a name and perhaps a tag; false when one is none.
bool ReadNumbers(const std::vector<std::string>& words, size_t count, int64_t* numbers) {
  if (words.size() < count + 2 || words.size() > count + 3) return false;
  for (size_t index = 0; index < count; index++) {
    if (!ParseInteger(words[index + 1], &numbers[index])) return false;
  }
  return true;
}

// What Linux gives: a number of a process, and ticks since the start of the machine.
bool IsIdentity(int64_t pid, int64_t start) { return pid > 0 && pid <= INT32_MAX && start >= 0; }

std::string TagOf(const std::vector<std::string>& words, size_t index) {
  return words.size() > index ? UnescapeWord(words[index]) : "";
}

std::string RenderTag(const std::string& tag) { return tag.empty() ? "" : " " + EscapeWord(tag); }

void ApplyChild(const std::vector<std::string>& words, JournalState* state) {
  int64_t number[3];
  if (!ReadNumbers(words, 3, number) || !IsIdentity(number[0], number[1])) return;
  auto pid = static_cast<pid_t>(number[0]);
  state->children[pid] = {UnescapeWord(words[4]), pid, static_cast<uint64_t>(number[1]), number[2],
                          TagOf(words, 5)};
}

void ApplyExit(const std::vector<std::string>& words, JournalState* state) {
  int64_t number[8];
  if (!ReadNumbers(words, 8, number)) return;
  if (number[0] < 0 || !IsIdentity(number[1], number[2])) return;
  auto pid = static_cast<pid_t>(number[1]);
  ExitRecord exit;
  exit.serial = static_cast<uint64_t>(number[0]);
  exit.child = {UnescapeWord(words[9]), pid, static_cast<uint64_t>(number[2]), number[7],
                TagOf(words, 10)};
  exit.status = static_cast<int>(number[3]);
  exit.signal = static_cast<int>(number[4]);
  exit.core = number[5] != 0;
  exit.lost = number[6] != 0;
  state->children.erase(pid);
  state->last_serial = std::max(state->last_serial, exit.serial);
  state->exits.push_back(std::move(exit));
}

void ApplyHeard(const std::vector<std::string>& words, JournalState* state) {
  int64_t serial;
  if (words.size() != 2 || !ParseInteger(words[1], &serial) || serial < 0) return;
  auto heard = static_cast<uint64_t>(serial);
  std::erase_if(state->exits, [heard](const auto& exit) { return exit.serial == heard; });
}

void ApplyAck(const std::vector<std::string>& words, JournalState* state) {
  int64_t serial;
  if (words.size() != 2 || !ParseInteger(words[1], &serial) || serial < 0) return;
  auto last = static_cast<uint64_t>(serial);
  if (last > state->last_serial) state->last_serial = last;
  std::erase_if(state->exits, [last](const ExitRecord& exit) { return exit.serial <= last; });
}

int WriteAll(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    ssize_t written = ::write(fd, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    at += static_cast<size_t>(written);
  }
  return 0;
}

UniqueFd OpenFile(const std::string& path, int flags) {
  return UniqueFd(
      ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
}

bool HasName(int fd, const std::string& path) {
  struct stat opened = {};
  struct stat named = {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::string RenderState(const JournalState& state) {
  std::string text = "boot " + state.boot_id + "\n" + RenderAck(state.last_serial) + "\n";
  for (const auto& [key, value] : state.notes) text += RenderNote(key, value) + "\n";
  // Ends first: a process that lives may have the number of one that ended.
  for (const ExitRecord& exit : state.exits) text += RenderExit(exit) + "\n";
  for (const auto& [pid, child] : state.children) text += RenderChild(child) + "\n";
  return text;
}

}  // namespace

std::string EscapeWord(const std::string& text) {
  static const char kHex[] = "0123456789ABCDEF";
  std::string result;
  for (unsigned char c : text) {
    if (c > ' ' && c < 127 && c != '%') {
      result += static_cast<char>(c);
    } else {
      result += '%';
      result += kHex[c >> 4];
      result += kHex[c & 15];
    }
  }
  return result;
}

std::string UnescapeWord(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size(); at++) {
    int high = text[at] == '%' && at + 2 < text.size() ? HexDigit(text[at + 1]) : -1;
    int low = high >= 0 ? HexDigit(text[at + 2]) : -1;
    if (low < 0) {
      result += text[at];
      continue;
    }
    result += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return result;
}

std::vector<std::string> SplitWords(const std::string& line) {
  std::vector<std::string> words;
  size_t start = 0;
  while (start <= line.size()) {
    size_t end = line.find(' ', start);
    if (end == std::string::npos) end = line.size();
    words.push_back(line.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

std::string ReadWholeFile(int fd) {
  std::string content;
  char buffer[64 * 1024];
  for (off_t at = 0;;) {
    ssize_t length = ::pread(fd, buffer, sizeof buffer, at);
    if (length <= 0) return content;
    content.append(buffer, static_cast<size_t>(length));
    at += length;
  }
}

std::string RenderChild(const ChildRecord& child) {
  return "child " + std::to_string(child.pid) + " " + std::to_string(child.start) + " " +
         std::to_string(child.time_ms) + " " + EscapeWord(child.name) + RenderTag(child.tag);
}

BirthRecord PlanBirth(int fd, const ChildRecord& child) {
  std::string suffix = std::to_string(child.time_ms) + " " + EscapeWord(child.name);
  return {fd, std::string(1, kTorn) + "\nchild", suffix + RenderTag(child.tag) + "\n"};
}

std::string RenderExit(const ExitRecord& exit) {
  const int64_t numbers[] = {static_cast<int64_t>(exit.serial),
                             exit.child.pid,
                             static_cast<int64_t>(exit.child.start),
                             exit.status,
                             exit.signal,
                             exit.core,
                             exit.lost,
                             exit.child.time_ms};
  std::string line = "exit";
  for (int64_t number : numbers) line += " " + std::to_string(number);
  return line + " " + EscapeWord(exit.child.name) + RenderTag(exit.child.tag);
}

std::string RenderHeard(uint64_t serial) { return "heard " + std::to_string(serial); }

std::string RenderAck(uint64_t serial) { return "ack " + std::to_string(serial); }

std::string RenderNote(const std::string& key, const std::string& value) {
  if (value.empty()) return "drop " + EscapeWord(key);
  return "store " + EscapeWord(key) + " " + EscapeWord(value);
}

void ApplyLine(const std::string& line, JournalState* state) {
  if (line.empty() || line.back() == kTorn) return;
  std::vector<std::string> words = SplitWords(line);
  const std::string& kind = words[0];
  if (kind == "boot" && words.size() == 2) {
    if (words[1] != state->boot_id) *state = JournalState();
    state->boot_id = words[1];
  } else if (kind == "child") {
    ApplyChild(words, state);
  } else if (kind == "exit") {
    ApplyExit(words, state);
  } else if (kind == "heard") {
    ApplyHeard(words, state);
  } else if (kind == "ack") {
    ApplyAck(words, state);
  } else if (kind == "store" && words.size() == 3) {
    state->notes[UnescapeWord(words[1])] = UnescapeWord(words[2]);
  } else if (kind == "drop" && words.size() == 2) {
    state->notes.erase(UnescapeWord(words[1]));
  }
}

Journal Journal::Open(const std::string& path, int64_t patience_ms) {
  constexpr int64_t kRetryMs = 10;
  for (;;) {
    UniqueFd fd = OpenFile(path, 0);
    if (!fd) throw StartError("Cannot open the journal " + path + ": " + ::strerror(errno));
    if (!TryLock(fd.Get(), true)) {
      if (patience_ms > 0) {
        patience_ms -= kRetryMs;
        ::usleep(kRetryMs * 1000);
        continue;
      }
      throw StartError("Another supervisord uses the journal " + path + ".");
    }
    // The file may have been replaced between open and lock.
    if (HasName(fd.Get(), path)) return Journal(std::move(fd), path);
  }
}

JournalState Journal::Read(const std::string& boot_id) {
  std::string content = ReadWholeFile(fd_.Get());
  is_torn_ = !content.empty() && content.back() != '\n';
  JournalState state;
  for (size_t start = 0;;) {
    size_t end = content.find('\n', start);
    if (end == std::string::npos) break;
    ApplyLine(content.substr(start, end - start), &state);
    start = end + 1;
  }
  ApplyLine("boot " + boot_id, &state);
  return state;
}

int Journal::Append(const std::vector<std::string>& lines) {
  std::string text = is_torn_ ? std::string(1, kTorn) + "\n" : "";
  for (const std::string& line : lines) text += line + "\n";
  size_ += text.size();
  int err = WriteAll(fd_.Get(), text);
  is_torn_ = err != 0;
  return err;
}

bool Journal::IsOversized() const { return size_ > kMaxBytes && size_ > kGrowth * needed_; }

int Journal::Compact(const JournalState& state) {
  std::string temporary = path_ + ".new";
  ::unlink(temporary.c_str());
  UniqueFd fresh = OpenFile(temporary, O_EXCL);
  if (!fresh) return errno;
  std::string text = RenderState(state);
  int err = WriteAll(fresh.Get(), text);
  // Locked before it has the name, so that no other keeper can come in between.
  if (err == 0 && !TryLock(fresh.Get(), true)) err = EBUSY;
  if (err == 0 && ::rename(temporary.c_str(), path_.c_str()) != 0) err = errno;
  if (err != 0) {
    ::unlink(temporary.c_str());
    return err;
  }
  fd_ = std::move(fresh);
  size_ = needed_ = text.size();
  is_torn_ = false;
  return 0;
}

void Journal::Remove() { ::unlink(path_.c_str()); }

std::string ReadBootId() {
  UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string text = fd ? ReadWholeFile(fd.Get()) : "";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "unknown" : text;
}

}  // namespace slapos::keeper
