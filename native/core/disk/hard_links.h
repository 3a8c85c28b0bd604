#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace slapos {

// Which file, in the whole host.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

// The files of several names that a walk has met, for all of its threads. It holds `limit` of them
// at most, in 32 bytes each; files met later are not remembered.
class HardLinks {
 public:
  explicit HardLinks(size_t limit);

  enum class Meeting { kFirst, kAgain, kUnknown };

  // Says whether this is the first name of a file, or a further one. kUnknown: there was no room
  // when its first name came, and the answer stays so for every further name of it.
  Meeting Meet(FileId file);

 private:
  // An open-addressing table; inode 0 marks a free slot.
  struct Shard {
    std::mutex mutex;
    std::vector<FileId> slots;
    size_t used = 0;
  };

  static void Grow(Shard* shard, uint64_t seed);
  uint64_t seed_;
  size_t shard_limit_;
  static constexpr size_t kShards = 16;
  std::array<Shard, kShards> shards_;
};

}  // namespace slapos
