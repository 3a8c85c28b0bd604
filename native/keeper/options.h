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
  int listen_fd = -1;  // inherited instead of bound
  std::optional<mode_t> umask;
  std::string directory;
};

// Reads the command line. On failure returns nothing and `*problem` is one sentence; for --help it
// is empty.
std::optional<Options> ParseOptions(int argc, char** argv, std::string* problem);

// The text for --help.
std::string Usage(const std::string& program);

}  // namespace slapos::keeper
