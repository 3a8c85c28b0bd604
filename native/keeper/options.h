#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace slapos::keeper {

struct Owner {
  uid_t uid;
  gid_t gid;
};

// What the launcher asks for (docs/keeper-protocol.md).
struct Options {
  std::string configuration;
  bool no_daemon = false;
  std::string node;
  std::string controller;
  std::vector<std::string> controller_args;
  std::string pid_file;
  std::string journal;
  std::string log_file;
  std::string socket;  // empty: no socket
  mode_t socket_mode = 0700;
  std::optional<Owner> socket_owner;
  int listen_fd = -1;    // inherited instead of bound
  int handover_fd = -1;  // the table of the keeper before
  int ready_fd = -1;     // where to tell that a controller is ready
  bool asks_kernel = true;
  int64_t longest_pause_ms = 5000;  // between two controllers that crash
  std::optional<mode_t> umask;
  std::string directory;
  // The words again, without those that only hold for this start.
  std::vector<std::string> words;
};

// Reads the command line. On failure returns nothing and `*problem` is one sentence; for --help it
// is empty. `*wants_version` is set for --version.
std::optional<Options> ParseOptions(int argc, char** argv, std::string* problem,
                                    bool* wants_version = nullptr);

// `slapos-supervisord VERSION protocol N`: what --version prints.
std::string VersionText();

// The text for --help.
std::string Usage(const std::string& program);

}  // namespace slapos::keeper
