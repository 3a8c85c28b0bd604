// Faults that the sanitizers must see when they watch the addon: whoever does not find these finds
// none. Each export makes one.
#include <napi.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

// What the compiler cannot foresee, so that it does not leave the fault out.
volatile int one = 1;
volatile int sink = 0;

void ReadPastEnd(const Napi::CallbackInfo&) {
  std::vector<int> numbers(4);
  sink = numbers.data()[3 + one];
}

[[gnu::noinline]] void Put(volatile char* text, int at) { text[at] = 'x'; }

void WritePastStack(const Napi::CallbackInfo&) {
  char text[8] = {};
  Put(text, 7 + one);
  sink = text[0];
}

void ReadAfterFree(const Napi::CallbackInfo&) {
  auto number = std::make_unique<int>(one);
  int* kept = number.get();
  number.reset();
  sink = *kept;
}

void ReadAfterFreeInThread(const Napi::CallbackInfo& info) {
  std::thread([&] { ReadAfterFree(info); }).join();
}

void OverflowInteger(const Napi::CallbackInfo&) { sink = INT32_MAX - 1 + (one + 1); }

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["readPastEnd"] = Napi::Function::New(env, ReadPastEnd);
  exports["writePastStack"] = Napi::Function::New(env, WritePastStack);
  exports["readAfterFree"] = Napi::Function::New(env, ReadAfterFree);
  exports["readAfterFreeInThread"] = Napi::Function::New(env, ReadAfterFreeInThread);
  exports["overflowInteger"] = Napi::Function::New(env, OverflowInteger);
  return exports;
}

}  // namespace

NODE_API_MODULE(known_fault, Init)
