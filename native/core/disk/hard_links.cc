#include "core/disk/hard_links.h"

#include <random>

namespace slapos {

namespace {

constexpr size_t kFirstSlots = 64;

// The finalizer of splitmix64. The seed keeps a file system that chooses its inode numbers (FUSE)
// from making all files fall on one slot.
uint64_t Hash(const FileId& file, uint64_t seed) {
  uint64_t mixed = file.inode ^ (file.device * 0x9e3779b97f4a7c15) ^ seed;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

// The slot that holds `file`, or the free one where it belongs. `slots` is a power of two and never
// full.
FileId* Find(std::vector<FileId>* slots, const FileId& file, uint64_t hash) {
  size_t mask = slots->size() - 1;
  size_t at = (hash >> 4) & mask;
  while ((*slots)[at].inode != 0 && !((*slots)[at] == file)) at = (at + 1) & mask;
  return &(*slots)[at];
}

}  // namespace

HardLinks::HardLinks(size_t limit)
    : seed_((static_cast<uint64_t>(std::random_device()()) << 32) | std::random_device()()),
      shard_limit_((limit + kShards - 1) / kShards) {}

HardLinks::Meeting HardLinks::Meet(FileId file) {
  if (file.inode == 0) file.inode = UINT64_MAX;
  uint64_t hash = Hash(file, seed_);
  Shard& shard = shards_[hash % shards_.size()];
  std::lock_guard<std::mutex> lock(shard.mutex);
  if (shard.slots.empty()) shard.slots.resize(kFirstSlots);
  FileId* slot = Find(&shard.slots, file, hash);
  if (slot->inode != 0) return Meeting::kAgain;
  if (shard.used >= shard_limit_) return Meeting::kUnknown;
  *slot = file;
  shard.used++;
  if (shard.used * 4 > shard.slots.size() * 3) Grow(&shard, seed_);
  return Meeting::kFirst;
}

void HardLinks::Grow(Shard* shard, uint64_t seed) {
  std::vector<FileId> larger(shard->slots.size() * 2);
  for (const FileId& file : shard->slots) {
    if (file.inode != 0) *Find(&larger, file, Hash(file, seed)) = file;
  }
  shard->slots = std::move(larger);
}

}  // namespace slapos
