#include "keeper/options.h"

#include <getopt.h>

#include <algorithm>
#include <charconv>

#include "core/channel/message.h"

namespace slapos::keeper {

namespace {

enum Key {
  kNode = 256,
  kController,
  kPidFile,
  kJournal,
  kLogFile,
  kSocket,
  kSocketMode,
  kSocketOwner,
  kListenFd,
  kUmask,
  kHandover,
  kReadyFd,
  kWithoutExitInformation,
  kLongestPause,
};

const option kLongOptions[] = {
    {"configuration", required_argument, nullptr, 'c'},
    {"nodaemon", no_argument, nullptr, 'n'},
    {"help", no_argument, nullptr, 'h'},
    {"directory", required_argument, nullptr, 'd'},
    {"node", required_argument, nullptr, kNode},
    {"controller", required_argument, nullptr, kController},
    {"pidfile", required_argument, nullptr, kPidFile},
    {"journal", required_argument, nullptr, kJournal},
    {"logfile", required_argument, nullptr, kLogFile},
    {"socket", required_argument, nullptr, kSocket},
    {"socket-mode", required_argument, nullptr, kSocketMode},
    {"socket-owner", required_argument, nullptr, kSocketOwner},
    {"listen-fd", required_argument, nullptr, kListenFd},
    {"umask", required_argument, nullptr, kUmask},
    {"handover", required_argument, nullptr, kHandover},
    {"ready-fd", required_argument, nullptr, kReadyFd},
    {"without-exit-information", no_argument, nullptr, kWithoutExitInformation},
    {"longest-pause", required_argument, nullptr, kLongestPause},
    {"version", no_argument, nullptr, 'v'},
    {nullptr, 0, nullptr, 0},
};

bool ParseMode(const std::string& text, mode_t* mode) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value, 8);
  *mode = static_cast<mode_t>(value);
  return error == std::errc() && rest == end && value <= 07777;
}

bool ParseOwner(const std::string& text, std::optional<Owner>* owner) {
  size_t colon = text.find(':');
  if (colon == std::string::npos) return false;
  int64_t uid;
  int64_t gid;
  if (!ParseInteger(text.substr(0, colon), &uid) || !ParseInteger(text.substr(colon + 1), &gid)) {
    return false;
  }
  *owner = Owner{static_cast<uid_t>(uid), static_cast<gid_t>(gid)};
  return true;
}

bool ParseDescriptor(const std::string& text, int* fd) {
  int64_t value;
  if (!ParseInteger(text, &value) || value < 3 || value > 1 << 20) return false;
  *fd = static_cast<int>(value);
  return true;
}

// False when the value is not what the option takes.
bool Store(int key, const std::string& value, Options* options) {
  mode_t mode;
  switch (key) {
    case 'c':
      options->configuration = value;
      return true;
    case 'd':
      options->directory = value;
      return true;
    case 'n':
      options->no_daemon = true;
      return true;
    case kNode:
      options->node = value;
      return true;
    case kController:
      options->controller = value;
      return true;
    case kPidFile:
      options->pid_file = value;
      return true;
    case kJournal:
      options->journal = value;
      return true;
    case kLogFile:
      options->log_file = value;
      return true;
    case kSocket:
      options->socket = value;
      return true;
    case kSocketMode:
      return ParseMode(value, &options->socket_mode);
    case kSocketOwner:
      return ParseOwner(value, &options->socket_owner);
    case kListenFd:
      return ParseDescriptor(value, &options->listen_fd);
    case kHandover:
      return ParseDescriptor(value, &options->handover_fd);
    case kReadyFd:
      return ParseDescriptor(value, &options->ready_fd);
    case kLongestPause:
      return ParseInteger(value, &options->longest_pause_ms) && options->longest_pause_ms >= 0;
    case kWithoutExitInformation:
      options->asks_kernel = false;
      return true;
    case kUmask:
      if (!ParseMode(value, &mode)) return false;
      options->umask = mode;
      return true;
    default:
      return false;
  }
}

std::string FindMissing(const Options& options) {
  const std::pair<const char*, const std::string*> needed[] = {
      {"--configuration", &options.configuration},
      {"--node", &options.node},
      {"--controller", &options.controller},
      {"--pidfile", &options.pid_file},
      {"--journal", &options.journal},
      {"--logfile", &options.log_file},
  };
  for (const auto& [name, value] : needed) {
    if (value->empty()) return std::string("option ") + name + " is missing";
    if (value->front() != '/') return std::string("option ") + name + " needs an absolute path";
  }
  return "";
}

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, std::string* problem,
                                    bool* wants_version) {
  Options options;
  ::opterr = 0;
  for (;;) {
    int first = std::max(::optind, 1);
    int key = ::getopt_long(argc, argv, "+c:nd:hv", kLongOptions, nullptr);
    if (key == -1) break;
    if (key == 'v' && wants_version != nullptr) *wants_version = true;
    if (key == 'h' || key == 'v') return std::nullopt;
    if (key == '?') {
      *problem = std::string("option ") + argv[::optind - 1] + " is not known or needs a value";
      return std::nullopt;
    }
    std::string value = ::optarg != nullptr ? ::optarg : "";
    if (!Store(key, value, &options)) {
      *problem = "'" + value + "' is not a value for " + argv[::optind - 1];
      return std::nullopt;
    }
    if (key == kHandover || key == kReadyFd || key == kListenFd) continue;
    options.words.insert(options.words.end(), argv + first, argv + ::optind);
  }
  if (::optind < argc) options.words.push_back("--");
  options.words.insert(options.words.end(), argv + ::optind, argv + argc);
  options.controller_args.assign(argv + ::optind, argv + argc);
  *problem = FindMissing(options);
  if (!problem->empty()) return std::nullopt;
  return options;
}

std::string VersionText() {
  return std::string("slapos-supervisord ") + SLAPOS_VERSION + " protocol 1\n";
}

std::string Usage(const std::string& program) {
  return "Usage: " + program +
         " -c FILE [-n] --node NODE --controller SCRIPT --pidfile FILE --journal FILE\n"
         "    --logfile FILE [--socket PATH] [--socket-mode 0700] [--socket-owner UID:GID]\n"
         "    [--listen-fd N] [--umask 022] [-d DIR] [-- ARG...]\n"
         "    --version\n"
         "Keeps the services of a SlapOS node: starts them, is their parent, and restarts the\n"
         "controller that decides about them. Started by `slapos node supervisord`.\n";
}

}  // namespace slapos::keeper
