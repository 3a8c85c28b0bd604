#pragma once

#include <signal.h>

#include <functional>
#include <thread>
#include <utility>

namespace slapos {

// No signal interrupts the calling thread while this lives, nor a thread that it starts meanwhile
// (pthread_sigmask(3)): signals are for the main thread.
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalBlock() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t before_;
};

// Starts a thread that no signal interrupts. Throws std::system_error when there is none to be had.
inline std::thread StartBlocked(std::function<void()> body) {
  SignalBlock block;
  return std::thread(std::move(body));
}

}  // namespace slapos
