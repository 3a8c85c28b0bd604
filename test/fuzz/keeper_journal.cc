// Fuzz target: the keeper's journal as a file that was cut anywhere, by a power cut or a full disk.
// What stands in whole lines is kept, what is appended afterwards is read, and the state is written
// anew as it was.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "keeper/journal.h"

namespace {

using slapos::keeper::Journal;
using slapos::keeper::JournalState;

constexpr char kBoot[] = "boot-of-today";

Journal Open(const std::string& content) {
  slapos::UniqueFd fd(::memfd_create("journal", MFD_CLOEXEC));
  if (!fd || ::write(fd.Get(), content.data(), content.size()) < 0) std::abort();
  return Journal::Take(std::move(fd), "/nowhere/journal");
}

// The lines of a state, in the order in which a journal is written anew.
std::string Render(const JournalState& state) {
  using namespace slapos::keeper;
  std::string text = "boot " + state.boot_id + "\n" + RenderAck(state.last_serial) + "\n";
  for (const auto& [key, value] : state.notes) {
    // A note of nothing is none.
    if (!value.empty()) text += RenderNote(key, value) + "\n";
  }
  for (const ExitRecord& exit : state.exits) text += RenderExit(exit) + "\n";
  for (const auto& [pid, child] : state.children) text += RenderChild(child) + "\n";
  return text;
}

void CheckAppended(Journal& journal, const std::string& before) {
  if (journal.Append({slapos::keeper::RenderNote("fuzz", "yes")}) != 0) std::abort();
  JournalState after = journal.Read(kBoot);
  if (after.notes["fuzz"] != "yes") std::abort();
  after.notes.erase("fuzz");
  if (Render(after) != before) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  // A keeper writes the line of this boot before any other.
  Journal journal = Open(std::string("boot ") + kBoot + "\n" + text);
  JournalState state = journal.Read(kBoot);
  std::string rendered = Render(state);
  Journal again = Open(rendered);
  if (Render(again.Read(kBoot)) != rendered) std::abort();
  bool is_ours = text.find("boot") == std::string::npos && text.find("fuzz") == std::string::npos;
  if (is_ours) CheckAppended(journal, rendered);
  return 0;
}
