// Lines of words:
//   files SOFT HARD | journal FD | starts N | signal N
//   service PID START CHILD PIDFD [FD:LABEL]...
//   end
#include "keeper/handover.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/channel/message.h"
#include "keeper/journal.h"
#include "keeper/listener.h"

namespace slapos::keeper {

namespace {

[[noreturn]] void Fail() { throw StartError("The table of the keeper before is not whole."); }

int64_t ReadNumber(const std::vector<std::string>& words, size_t index) {
  int64_t value;
  if (index >= words.size() || !ParseInteger(words[index], &value)) Fail();
  return value;
}

UniqueFd TakeFd(int64_t number) {
  auto fd = static_cast<int>(number);
  if (fd < 3 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) Fail();
  return UniqueFd(fd);
}

InheritedService ReadService(const std::vector<std::string>& words) {
  InheritedService service;
  service.pid = static_cast<pid_t>(ReadNumber(words, 1));
  service.start = static_cast<uint64_t>(ReadNumber(words, 2));
  service.is_child = ReadNumber(words, 3) == 1;
  service.pidfd = TakeFd(ReadNumber(words, 4));
  for (size_t index = 5; index < words.size(); index++) {
    size_t colon = words[index].find(':');
    int64_t fd;
    if (colon == std::string::npos || !ParseInteger(words[index].substr(0, colon), &fd)) Fail();
    service.kept.push_back({UnescapeWord(words[index].substr(colon + 1)), TakeFd(fd)});
  }
  return service;
}

// False for the last line.
bool ReadLine(const std::vector<std::string>& words, Handover* handover) {
  const std::string& kind = words[0];
  if (kind == "end") return false;
  if (kind == "files") {
    handover->files = rlimit{static_cast<rlim_t>(ReadNumber(words, 1)),
                             static_cast<rlim_t>(ReadNumber(words, 2))};
  } else if (kind == "journal") {
    handover->journal = TakeFd(ReadNumber(words, 1));
  } else if (kind == "starts") {
    handover->controller_starts = static_cast<unsigned>(ReadNumber(words, 1));
  } else if (kind == "signal") {
    handover->signals.push_back(static_cast<int>(ReadNumber(words, 1)));
  } else if (kind == "service") {
    handover->services.push_back(ReadService(words));
  }
  return true;
}

}  // namespace

Handover ReadHandover(UniqueFd fd) {
  std::string text = ReadWholeFile(fd.Get());
  Handover handover;
  for (size_t start = 0;;) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) Fail();
    if (!ReadLine(SplitWords(text.substr(start, end - start)), &handover)) return handover;
    start = end + 1;
  }
}

std::string RenderHandover(const Handover& handover) {
  std::string text;
  auto line = [&text](const char* kind, std::initializer_list<int64_t> numbers) {
    text += kind;
    for (int64_t number : numbers) text += " " + std::to_string(number);
  };
  if (handover.files) {
    line("files", {static_cast<int64_t>(handover.files->rlim_cur),
                   static_cast<int64_t>(handover.files->rlim_max)});
    text += "\n";
  }
  if (handover.journal) {
    line("journal", {handover.journal.Get()});
    text += "\n";
  }
  line("starts", {handover.controller_starts});
  text += "\n";
  for (int number : handover.signals) {
    line("signal", {number});
    text += "\n";
  }
  for (const InheritedService& service : handover.services) {
    line("service", {service.pid, static_cast<int64_t>(service.start), service.is_child ? 1 : 0,
                     service.pidfd.Get()});
    for (const Kept& kept : service.kept) {
      text += " " + std::to_string(kept.fd.Get()) + ":" + EscapeWord(kept.label);
    }
    text += "\n";
  }
  return text + "end\n";
}

}  // namespace slapos::keeper
