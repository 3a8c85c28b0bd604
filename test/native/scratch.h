#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "native/check.h"

namespace slapos::test {

namespace fs = std::filesystem;

// A folder of its own for each test.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/slapos-native-XXXXXX";
    CHECK(::mkdtemp(name) != nullptr);
    base_ = name;
    fs::create_directories(base_ + "/root/d/e");
    fs::create_directory(base_ + "/outside");
    Put("outside/secret", "secret");
    Put("root/d/e/f", "f");
    fs::create_symlink("../outside", base_ + "/root/out");
    fs::create_symlink("d", base_ + "/root/in");
  }
  ~Scratch() { fs::remove_all(base_); }

  std::string Root() const { return base_ + "/root"; }
  std::string Path(const std::string& path) const { return base_ + "/" + path; }
  void Put(const std::string& path, const std::string& text) const {
    std::ofstream(Path(path)) << text;
  }
  std::string Get(const std::string& path) const {
    std::ifstream stream(Path(path));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

 private:
  std::string base_;
};

}  // namespace slapos::test
