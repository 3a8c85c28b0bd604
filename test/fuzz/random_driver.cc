// Drives a libFuzzer target where libFuzzer is not there: changes the files of a corpus at random.
//   PROGRAM CORPUS_FOLDER RUNS [SEED]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

std::vector<Bytes> ReadCorpus(const char* folder) {
  std::vector<Bytes> corpus = {Bytes()};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// Small numbers come often: lengths and types are what the decoder branches on.
uint8_t RandomByte(std::mt19937& random) {
  return static_cast<uint8_t>(random() % 2 == 0 ? random() % 40 : random());
}

Bytes Mutate(Bytes bytes, std::mt19937& random) {
  if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 64));
  for (unsigned changes = random() % 8; changes > 0 && !bytes.empty(); --changes) {
    bytes[random() % bytes.size()] = RandomByte(random);
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER RUNS [SEED]\n", argv[0]);
    return 2;
  }
  std::vector<Bytes> corpus = ReadCorpus(argv[1]);
  std::mt19937 random(argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 1);
  for (long runs = std::atol(argv[2]); runs > 0; --runs) {
    Bytes input = Mutate(corpus[random() % corpus.size()], random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
