// Fuzz target: what the keeper reads, messages of the controller and lines of the journal. What it
// writes must read back as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "keeper/journal.h"
#include "keeper/spawn_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos;
  std::string text(reinterpret_cast<const char*>(data), size);
  Message message = Message::Decode(text);
  if (Message::Decode(message.Encode()).Encode() != message.Encode()) std::abort();
  SpawnRequest request;
  std::vector<keeper::Kept> kept;
  std::string problem;
  keeper::DecodeSpawn(message, {}, &request, &kept, &problem);

  keeper::JournalState state;
  keeper::ApplyLine(text, &state);
  if (text.empty()) return 0;
  keeper::ApplyLine(keeper::RenderNote(text, text), &state);
  if (state.notes[text] != text) std::abort();
  keeper::ApplyLine(keeper::RenderChild({text, 5, 6, 7}), &state);
  if (state.children[5].name != text) std::abort();
  return 0;
}
