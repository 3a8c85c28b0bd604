// Fuzz target: the table that a keeper leaves for the one that takes its place. It is read whole or
// refused, and what was read is written as it was.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "keeper/handover.h"
#include "keeper/listener.h"

namespace {

constexpr int kFirstFd = 200;
constexpr int kFds = 8;

slapos::UniqueFd WriteTable(const void* data, size_t size) {
  slapos::UniqueFd fd(::memfd_create("table", MFD_CLOEXEC));
  if (!fd || ::write(fd.Get(), data, size) != static_cast<ssize_t>(size)) std::abort();
  return fd;
}

// The numbers that tables name are open, and those of the fuzzer are not among them.
void OpenDescriptors() {
  for (int fd = kFirstFd; fd < kFirstFd + kFds; fd++) {
    int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup3(null, fd, O_CLOEXEC);
    ::close(null);
  }
}

// Whether a table names only descriptors that are ours to give.
bool NamesOurs(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find_first_not_of("0123456789", at);
    if (end == std::string::npos) end = text.size();
    if (end - at > 0 && end - at < 10) {
      int number = std::atoi(text.substr(at, end - at).c_str());
      if (number >= 3 && number < 64) return false;
    }
    at = end == at ? at + 1 : end;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos::keeper;
  std::string text(reinterpret_cast<const char*>(data), size);
  if (!NamesOurs(text)) return 0;
  OpenDescriptors();
  try {
    Handover first = ReadHandover(WriteTable(data, size));
    std::string written = RenderHandover(first);
    OpenDescriptors();
    Handover second = ReadHandover(WriteTable(written.data(), written.size()));
    if (RenderHandover(second) != written) std::abort();
  } catch (const StartError&) {
    return 0;
  }
  return 0;
}
