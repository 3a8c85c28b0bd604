// Counts what malloc(3) has given and not got back, for the program that preloads it (LD_PRELOAD).
// The figures stand in the file that SLAPOS_MALLOC_COUNTS names: bytes, then blocks, eight bytes
// each. What the program starts is not counted: both variables are taken out of its environment.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);

struct counts {
  _Atomic int64_t bytes;
  _Atomic int64_t blocks;
};

// Until the file is mapped, and in programs without one.
static struct counts own;
static struct counts* counts = &own;

static void* count(void* block) {
  if (block == NULL) return NULL;
  atomic_fetch_add(&counts->bytes, (int64_t)malloc_usable_size(block));
  atomic_fetch_add(&counts->blocks, 1);
  return block;
}

static void discount(void* block) {
  if (block == NULL) return;
  atomic_fetch_sub(&counts->bytes, (int64_t)malloc_usable_size(block));
  atomic_fetch_sub(&counts->blocks, 1);
}

void* malloc(size_t size) { return count(__libc_malloc(size)); }
void* calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }
void* memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** place, size_t alignment, size_t size) {
  void* block = memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *place = block;
  return 0;
}

void* realloc(void* block, size_t size) {
  if (block == NULL) return malloc(size);
  int64_t before = (int64_t)malloc_usable_size(block);
  void* moved = __libc_realloc(block, size);
  if (moved != NULL) {
    atomic_fetch_add(&counts->bytes, (int64_t)malloc_usable_size(moved) - before);
  } else if (size == 0) {
    atomic_fetch_sub(&counts->bytes, before);
    atomic_fetch_sub(&counts->blocks, 1);
  }
  return moved;
}

void free(void* block) {
  discount(block);
  __libc_free(block);
}

__attribute__((constructor)) static void share(void) {
  const char* path = getenv("SLAPOS_MALLOC_COUNTS");
  if (path == NULL) return;
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, sizeof(own)) != 0) abort();
  void* shared = mmap(NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared == MAP_FAILED) abort();
  // What came before stands in `own` and is no longer told.
  counts = shared;
  unsetenv("LD_PRELOAD");
  unsetenv("SLAPOS_MALLOC_COUNTS");
}
