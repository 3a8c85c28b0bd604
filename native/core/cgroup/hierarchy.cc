// cgroups(7), Documentation/admin-guide/cgroup-v2.rst; cgroup.kill is of Linux 5.14.
#include "core/cgroup/hierarchy.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

constexpr int kKillRounds = 20;
const char* const kControllers[] = {"cpu", "io", "memory", "pids"};

std::string ReadSmall(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  ssize_t length;
  while (fd && (length = ::read(fd.Get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(length));
  }
  return text;
}

std::vector<std::string> Words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

std::vector<std::string> Lines(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(std::move(line));
  return lines;
}

// proc(5) writes blanks and backslashes of paths as octal numbers.
std::string Unescape(const std::string& text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); at++) {
    if (text[at] == '\\' && at + 3 < text.size()) {
      plain += static_cast<char>(std::strtol(text.substr(at + 1, 3).c_str(), nullptr, 8));
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

std::vector<pid_t> ListProcesses(const std::string& folder) {
  std::vector<pid_t> pids;
  for (const std::string& word : Words(ReadSmall(folder + "/cgroup.procs"))) {
    pids.push_back(static_cast<pid_t>(std::strtol(word.c_str(), nullptr, 10)));
  }
  return pids;
}

// A process that forks meanwhile is met in the next round.
void KillOneByOne(const std::string& folder) {
  for (int round = 0; round < kKillRounds && IsPopulated(folder); round++) {
    for (pid_t pid : ListProcesses(folder)) {
      if (pid > 0) ::kill(pid, SIGKILL);
    }
    for (const std::string& name : ListCgroups(folder)) KillOneByOne(folder + "/" + name);
  }
}

bool IsPlain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '_' || letter == '-' || letter == '.';
}

// `memory.max` is a file of the kernel, and `supervisor` is ours.
bool IsReserved(const std::string& name) {
  size_t dot = name.find('.');
  if (dot == std::string::npos) return name == "supervisor";
  const char* const prefixes[] = {"cgroup", "cpu",    "cpuset", "dmem",       "hugetlb", "io",
                                  "irq",    "memory", "misc",   "perf_event", "pids",    "rdma"};
  return dot == 0 || std::any_of(std::begin(prefixes), std::end(prefixes),
                                 [&](const char* prefix) { return name.substr(0, dot) == prefix; });
}

}  // namespace

std::vector<std::string> LocateCgroup(std::string_view mountinfo, std::string_view membership) {
  std::vector<std::string> folders;
  std::string own;
  for (const std::string& line : Lines(membership)) {
    if (line.rfind("0::", 0) == 0) own = line.substr(3);
  }
  if (own.empty()) return folders;
  for (const std::string& line : Lines(mountinfo)) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::vector<std::string> words = Words(line);
    if (words.size() < 5) continue;
    std::string root = Unescape(words[3]);
    if (root == "/") root.clear();
    if (own.compare(0, root.size(), root) != 0) continue;
    std::string rest = own.substr(root.size());
    // `/a` shows nothing of `/ab`.
    if (!rest.empty() && rest[0] != '/') continue;
    folders.push_back(Unescape(words[4]) + (rest == "/" ? "" : rest));
  }
  return folders;
}

std::string FindOwnCgroup() {
  for (const std::string& folder :
       LocateCgroup(ReadSmall("/proc/self/mountinfo"), ReadSmall("/proc/self/cgroup"))) {
    if (::access((folder + "/cgroup.procs").c_str(), W_OK) == 0 &&
        ::access(folder.c_str(), W_OK) == 0) {
      return folder;
    }
  }
  return "";
}

bool IsDelegated(const std::string& folder) {
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::getxattr(folder.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

std::string EncodeCgroupName(std::string_view name) {
  static const char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (char letter : name) {
    auto byte = static_cast<unsigned char>(letter);
    if (IsPlain(letter)) {
      encoded += letter;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return IsReserved(encoded) || encoded.empty() ? "%-" + encoded : encoded;
}

std::vector<std::string> ShareControllers(const std::string& folder) {
  std::vector<std::string> present = Words(ReadSmall(folder + "/cgroup.controllers"));
  for (const char* controller : kControllers) {
    if (std::find(present.begin(), present.end(), controller) == present.end()) continue;
    WriteControl(folder, "cgroup.subtree_control", std::string("+") + controller);
  }
  return Words(ReadSmall(folder + "/cgroup.subtree_control"));
}

int WriteControl(const std::string& folder, const char* file, std::string_view text) {
  UniqueFd fd(::open((folder + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return ::write(fd.Get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                          : errno;
}

bool IsPopulated(const std::string& folder) {
  return ReadSmall(folder + "/cgroup.events").find("populated 1") != std::string::npos;
}

void KillCgroup(const std::string& folder) {
  if (WriteControl(folder, "cgroup.kill", "1") == ENOENT) KillOneByOne(folder);
}

void MoveProcesses(const std::string& from, const std::string& to) {
  for (int round = 0; round < kKillRounds; round++) {
    std::vector<pid_t> pids = ListProcesses(from);
    if (pids.empty()) return;
    for (pid_t pid : pids) WriteControl(to, "cgroup.procs", std::to_string(pid));
  }
}

int RemoveCgroup(const std::string& folder) {
  for (const std::string& name : ListCgroups(folder)) {
    int err = RemoveCgroup(folder + "/" + name);
    if (err != 0) return err;
  }
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

std::vector<std::string> ListCgroups(const std::string& folder) {
  std::vector<std::string> names;
  DIR* listing = ::opendir(folder.c_str());
  if (listing == nullptr) return names;
  while (const dirent* entry = ::readdir(listing)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(listing);
  return names;
}

}  // namespace slapos
