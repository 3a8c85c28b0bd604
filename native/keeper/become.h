#pragma once

#include <string>
#include <vector>

#include "keeper/handover.h"

namespace slapos::keeper {

// Path of the program that this process runs.
std::string ReadOwnProgram();

// 0 when `path` names a program that can be run, else errno.
int CheckProgram(const std::string& path);

// Replaces this process by `words[0]` with the arguments after it, the table and the listening
// socket (-1: none). Returns errno when that is not possible; descriptors are as before then.
int Become(std::vector<std::string> words, const Handover& handover, int listen_fd,
           bool is_in_foreground);

}  // namespace slapos::keeper
