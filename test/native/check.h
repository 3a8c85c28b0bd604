#pragma once

// The smallest test frame that will do: TEST declares a test, CHECK* end it at the first failure.
// An executable is one file of tests; it prints a line for each and exits 1 when any failed.

#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "core/sys/sys_error.h"

namespace slapos::test {

struct Failure {
  std::string text;
};

struct Skip {
  std::string reason;
};

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

struct Registrar {
  Registrar(const char* name, void (*run)()) { Cases().push_back({name, run}); }
};

template <typename Value>
std::string Show(const Value& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

template <typename Left, typename Right>
void CheckEqual(const char* file, int line, const char* text, const Left& left,
                const Right& right) {
  if (left == right) return;
  throw Failure{std::string(file) + ":" + std::to_string(line) + ": " + text + ": '" + Show(left) +
                "' is not '" + Show(right) + "'"};
}

inline void CheckTrue(const char* file, int line, const char* text, bool is_true) {
  if (!is_true) throw Failure{std::string(file) + ":" + std::to_string(line) + ": " + text};
}

// Runs `act`, which must throw a SysError with that errno, and gives the error.
template <typename Act>
SysError CheckThrows(const char* file, int line, int err, Act act) {
  try {
    act();
  } catch (const SysError& error) {
    CheckEqual(file, line, error.detail().c_str(), ErrnoName(error.err()), ErrnoName(err));
    return error;
  }
  throw Failure{std::string(file) + ":" + std::to_string(line) + ": nothing was thrown"};
}

// Prints the outcome of one test; true when it did not fail.
inline bool RunOne(const Case& one) {
  try {
    one.run();
    std::printf("ok %s\n", one.name);
    return true;
  } catch (const Skip& skip) {
    std::printf("skip %s: %s\n", one.name, skip.reason.c_str());
    return true;
  } catch (const Failure& failure) {
    std::printf("not ok %s: %s\n", one.name, failure.text.c_str());
  } catch (const SysError& error) {
    std::printf("not ok %s: %s %s %s\n", one.name, error.syscall().c_str(),
                ErrnoName(error.err()).c_str(), error.detail().c_str());
  } catch (const std::exception& error) {
    std::printf("not ok %s: %s\n", one.name, error.what());
  }
  return false;
}

}  // namespace slapos::test

#define TEST(name)                                                    \
  static void name();                                                 \
  static const slapos::test::Registrar registrar_##name(#name, name); \
  static void name()
#define CHECK(condition) slapos::test::CheckTrue(__FILE__, __LINE__, #condition, condition)
#define CHECK_EQ(left, right) \
  slapos::test::CheckEqual(__FILE__, __LINE__, #left " == " #right, left, right)
#define CHECK_THROWS(err, ...) \
  slapos::test::CheckThrows(__FILE__, __LINE__, err, [&] { __VA_ARGS__; })

int main() {
  bool is_good = true;
  for (const auto& one : slapos::test::Cases()) is_good &= slapos::test::RunOne(one);
  return is_good ? 0 : 1;
}
