#include "keeper/spawn_message.h"

#include <fcntl.h>
#include <sys/resource.h>

namespace slapos::keeper {

namespace {

constexpr int64_t kMaxId = 0xFFFFFFFE;

bool ReadId(const std::string& text, uint32_t* id) {
  int64_t value;
  if (!ParseInteger(text, &value) || value < 0 || value > kMaxId) return false;
  *id = static_cast<uint32_t>(value);
  return true;
}

bool ReadCredentials(const Message& message, SpawnRequest* request) {
  if (message.Find("uid") == nullptr) return true;
  Credentials ids = {};
  if (!ReadId(message.Text("uid"), &ids.uid) || !ReadId(message.Text("gid"), &ids.gid)) {
    return false;
  }
  for (const std::string& text : message.List("group")) {
    uint32_t group;
    if (!ReadId(text, &group)) return false;
    ids.groups.push_back(group);
  }
  request->credentials = std::move(ids);
  return true;
}

bool ReadAmount(const std::string& text, uint64_t* amount) {
  int64_t value;
  if (text == "-") {
    *amount = RLIM_INFINITY;
    return true;
  }
  if (!ParseInteger(text, &value) || value < 0) return false;
  *amount = static_cast<uint64_t>(value);
  return true;
}

// RESOURCE:SOFT:HARD
bool ReadLimit(const std::string& text, ResourceLimit* limit) {
  size_t first = text.find(':');
  size_t second = text.find(':', first + 1);
  int64_t resource;
  if (first == std::string::npos || second == std::string::npos) return false;
  if (!ParseInteger(text.substr(0, first), &resource)) return false;
  limit->resource = static_cast<int>(resource);
  return ReadAmount(text.substr(first + 1, second - first - 1), &limit->soft) &&
         ReadAmount(text.substr(second + 1), &limit->hard);
}

bool ReadLimits(const Message& message, SpawnRequest* request) {
  for (const std::string& text : message.List("limit")) {
    ResourceLimit limit;
    if (!ReadLimit(text, &limit)) return false;
    request->limits.push_back(limit);
  }
  return true;
}

// One descriptor may serve several purposes: each gets a copy.
bool CopyFd(const std::vector<UniqueFd>& fds, const std::string& index, UniqueFd* copy) {
  int64_t value;
  if (!ParseInteger(index, &value) || value < 0 || value >= static_cast<int64_t>(fds.size())) {
    return false;
  }
  copy->Reset(::fcntl(fds[static_cast<size_t>(value)].Get(), F_DUPFD_CLOEXEC, 3));
  return static_cast<bool>(*copy);
}

bool ReadStdio(const Message& message, const std::vector<UniqueFd>& fds, SpawnRequest* request) {
  static const char* const kStreams[] = {"stdin", "stdout", "stderr"};
  for (size_t stream = 0; stream < 3; stream++) {
    const std::string* index = message.Find(kStreams[stream]);
    if (index != nullptr && !CopyFd(fds, *index, &request->stdio[stream])) return false;
  }
  return true;
}

// INDEX:LABEL
bool ReadKept(const Message& message, const std::vector<UniqueFd>& fds, std::vector<Kept>* kept) {
  for (const std::string& text : message.List("keep")) {
    size_t colon = text.find(':');
    if (colon == std::string::npos) return false;
    Kept entry{text.substr(colon + 1), UniqueFd()};
    if (!CopyFd(fds, text.substr(0, colon), &entry.fd)) return false;
    kept->push_back(std::move(entry));
  }
  return true;
}

// Which of it this machine can do is the controller's to know (the welcome tells).
void ReadConfinement(const Message& message, SpawnRequest* request) {
  std::vector<std::string> writable = message.List("writable");
  std::string temporary = message.Text("private-tmp");
  Confinement confinement;
  confinement.mounts.read_only = message.List("read-only");
  confinement.filters_calls = message.Flag("seccomp");
  if (!temporary.empty()) {
    confinement.mounts.replaced = {{"/tmp", temporary}, {"/var/tmp", temporary}};
  }
  bool is_free = writable.empty() && confinement.mounts.IsEmpty() && !confinement.filters_calls;
  if (!writable.empty()) confinement.writable = std::move(writable);
  if (!is_free) request->confinement = std::move(confinement);
}

bool ReadUmask(const Message& message, SpawnRequest* request) {
  int64_t value;
  if (message.Find("umask") == nullptr) return true;
  if (!message.Number("umask", &value) || value < 0 || value > 0777) return false;
  request->umask = static_cast<mode_t>(value);
  return true;
}

}  // namespace

bool DecodeSpawn(const Message& message, std::vector<UniqueFd> fds, SpawnRequest* request,
                 std::vector<Kept>* kept, std::string* problem) {
  request->file = message.Text("file");
  request->args = message.List("arg");
  request->env = message.List("env");
  request->cwd = message.Find("cwd") == nullptr ? "/" : message.Text("cwd");
  request->new_session = message.Flag("session");
  request->no_new_privs = message.Flag("no-new-privs");
  ReadConfinement(message, request);
  const std::pair<bool, const char*> checks[] = {
      {!message.Text("name").empty(), "name"},
      {!request->file.empty() && request->file[0] == '/', "file"},
      {!request->args.empty(), "arg"},
      {ReadCredentials(message, request), "uid, gid, group"},
      {ReadLimits(message, request), "limit"},
      {ReadUmask(message, request), "umask"},
      {ReadStdio(message, fds, request), "stdin, stdout, stderr"},
      {ReadKept(message, fds, kept), "keep"},
  };
  for (const auto& [is_good, field] : checks) {
    if (is_good) continue;
    *problem = std::string("field ") + field + " is missing or wrong";
    return false;
  }
  return true;
}

}  // namespace slapos::keeper
