// Fuzz target: the parsers of procfs text, which partitions can influence by the names of their
// programs.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/proc/sample.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  slapos::ProcessRecord record = {};
  uint32_t uid;
  slapos::ParseStat(text.c_str(), &record);
  slapos::ParseStatm(text.c_str(), 4096, &record);
  slapos::ParseIo(text.c_str(), &record);
  slapos::ParseStatusUid(text.c_str(), &uid);
  return 0;
}
