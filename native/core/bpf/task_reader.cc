// bpf_iter of libbpf; see task_iter.bpf.c for what the kernel is asked.
#include "core/bpf/task_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <unordered_map>

#include "core/bpf/process_gathering.h"
#include "core/bpf/task_record.h"
#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

using TaskRecord = slapos_task_record;
using Settings = slapos_task_settings;

// The kernel gives at most 32 KiB of an iterator at once.
constexpr size_t kReadBytes = 64 * 1024;

struct ObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct LinkDestroyer {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Object = std::unique_ptr<bpf_object, ObjectCloser>;
using Link = std::unique_ptr<bpf_link, LinkDestroyer>;

// libbpf prints the verifier's log; nothing in core prints.
int Silence(libbpf_print_level, const char*, va_list) { return 0; }

[[noreturn]] void Refuse(const char* step) {
  throw SysError(errno == 0 ? EINVAL : errno, "bpf", step);
}

Object Load(const std::string& path, bool is_accounting) {
  libbpf_set_print(Silence);
  Object object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object) Refuse("open the program");
  bpf_program* at_end = bpf_object__find_program_by_name(object.get(), "add_ended");
  if (at_end == nullptr) Refuse("add_ended");
  bpf_program__set_autoload(at_end, is_accounting);
  if (bpf_object__load(object.get()) != 0) Refuse("load the program");
  return object;
}

Link Attach(bpf_object* object, const char* name) {
  bpf_program* program = bpf_object__find_program_by_name(object, name);
  if (program == nullptr) Refuse(name);
  Link link(bpf_program__attach_iter(program, nullptr));
  if (!link) Refuse("attach the iterator");
  return link;
}

bpf_map* FindMap(bpf_object* object, const char* name) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr) Refuse(name);
  return map;
}

// The whole output of an iterator, in steps of what the kernel gives.
template <typename Take>
void ReadIterator(const Link& link, std::vector<char>& buffer, Take take) {
  UniqueFd iterator(bpf_iter_create(bpf_link__fd(link.get())));
  if (!iterator) Refuse("create the iterator");
  for (;;) {
    ssize_t length = ::read(iterator.Get(), buffer.data(), buffer.size());
    if (length == 0) return;
    if (length > 0) {
      take(static_cast<size_t>(length));
    } else if (errno != EINTR && errno != EAGAIN) {
      ThrowErrno("read", "the iterator");
    }
  }
}

// The global variables of the program, in the memory where the kernel has them (Linux 5.5).
class SharedSettings {
 public:
  ~SharedSettings() {
    if (memory_ != nullptr) ::munmap(memory_, sizeof(Settings));
  }
  void Map(const bpf_map* globals) {
    if (bpf_map__value_size(globals) < sizeof(Settings)) throw SysError(EPROTO, "bpf", "settings");
    void* memory = ::mmap(nullptr, sizeof(Settings), PROT_READ | PROT_WRITE, MAP_SHARED,
                          bpf_map__fd(globals), 0);
    if (memory == MAP_FAILED) ThrowErrno("mmap", "the settings of the program");
    memory_ = static_cast<Settings*>(memory);
  }
  Settings* operator->() const { return memory_; }

 private:
  Settings* memory_ = nullptr;
};

struct Sum {
  slapos_usage used = {};
  uint64_t rss_pages = 0;
  uint64_t processes = 0;
  uint64_t threads = 0;
};
using Sums = std::unordered_map<uid_t, Sum>;

void Add(slapos_usage& sum, const slapos_usage& thread) {
  sum.runtime_ns += thread.runtime_ns;
  sum.read_bytes += thread.read_bytes;
  sum.write_bytes += thread.write_bytes;
  sum.read_calls += thread.read_calls;
  sum.write_calls += thread.write_calls;
}

UserUsage ToUsage(uid_t uid, const Sum& sum, double page_bytes) {
  UserUsage usage = {};
  usage.uid = uid;
  usage.cpu_seconds = static_cast<double>(sum.used.runtime_ns) / 1e9;
  usage.read_bytes = static_cast<double>(sum.used.read_bytes);
  usage.write_bytes = static_cast<double>(sum.used.write_bytes);
  usage.read_calls = static_cast<double>(sum.used.read_calls);
  usage.write_calls = static_cast<double>(sum.used.write_calls);
  usage.rss_bytes = static_cast<double>(sum.rss_pages) * page_bytes;
  usage.processes = static_cast<double>(sum.processes);
  usage.threads = static_cast<double>(sum.threads);
  return usage;
}

}  // namespace

struct TaskReader::Program {
  Object object;
  Link tasks;
  SharedSettings settings;
  int wanted_uids = -1;
  std::set<uid_t> wanted;
  int ended_usage = -1;
  Link ended;
  std::vector<char> buffer = std::vector<char>(kReadBytes);
  size_t process_count = 0;  // of the last sample

  void LearnCpuOffsets();
  void SetWanted(std::set<uid_t> now);
  void Filter(const std::vector<uid_t>* uids);
  void FilterAtLeast(const std::vector<uid_t>* uids);
  void CountEnded();
  Sums ReadEnded() const;
  template <typename Take>
  void ReadTasks(Take take);
};

// What to add to a per-CPU address for each CPU: from the addresses of a value of our own.
void TaskReader::Program::LearnCpuOffsets() {
  int count = libbpf_num_possible_cpus();
  if (count <= 0 || count > SLAPOS_MAX_CPUS) throw SysError(ERANGE, "bpf", "count the CPUs");
  bpf_map_info info = {};
  uint32_t length = sizeof info;
  int mark = bpf_map__fd(FindMap(object.get(), "cpu_mark"));
  if (bpf_obj_get_info_by_fd(mark, &info, &length) != 0) Refuse("look at a map");
  settings->cpu_mark_id = info.id;
  settings->cpu_count = static_cast<uint32_t>(count);
  ReadIterator(Attach(object.get(), "look_at_cpus"), buffer, [](size_t) {});
  if (settings->cpu_mark_base == 0) throw SysError(ENOENT, "bpf", "find the parts of the CPUs");
  for (int cpu = 0; cpu < count; cpu++) {
    settings->cpu_offset[cpu] = settings->cpu_mark_address[cpu] - settings->cpu_mark_base;
  }
}

// Changes the kernel's set of users to `now`; usually it is what it was.
void TaskReader::Program::SetWanted(std::set<uid_t> now) {
  if (now == wanted) return;
  for (uid_t uid : wanted) {
    if (now.count(uid) == 0) bpf_map_delete_elem(wanted_uids, &uid);
  }
  uint8_t yes = 1;
  for (uid_t uid : now) {
    if (bpf_map_update_elem(wanted_uids, &uid, &yes, BPF_ANY) != 0) Refuse("name the users");
  }
  wanted = std::move(now);
}

// The users that are told of, and whose threads are counted when they end.
void TaskReader::Program::Filter(const std::vector<uid_t>* uids) {
  if (uids != nullptr) SetWanted(std::set<uid_t>(uids->begin(), uids->end()));
  settings->is_filtered = uids != nullptr ? 1 : 0;
}

// The same, and those from before: a user that is left out for a moment would lose for good what
// threads used that end meanwhile.
void TaskReader::Program::FilterAtLeast(const std::vector<uid_t>* uids) {
  if (uids == nullptr) settings->is_filtered = 0;
  if (settings->is_filtered == 0) return;
  std::set<uid_t> all = wanted;
  all.insert(uids->begin(), uids->end());
  SetWanted(std::move(all));
}

// From now on what ends is counted.
void TaskReader::Program::CountEnded() {
  bpf_program* at_end = bpf_object__find_program_by_name(object.get(), "add_ended");
  ended_usage = bpf_map__fd(FindMap(object.get(), "ended_usage"));
  ended.reset(bpf_program__attach(at_end));
  if (!ended) Refuse("count threads that end");
}

Sums TaskReader::Program::ReadEnded() const {
  Sums sums;
  uid_t uid = 0;
  for (const uid_t* last = nullptr; bpf_map_get_next_key(ended_usage, last, &uid) == 0;
       last = &uid) {
    slapos_usage usage = {};
    if (bpf_map_lookup_elem(ended_usage, &uid, &usage) == 0) sums[uid].used = usage;
  }
  return sums;
}

// Every thread. The kernel gives whole records as long as the buffer is not smaller than its own.
template <typename Take>
void TaskReader::Program::ReadTasks(Take take) {
  ReadIterator(tasks, buffer, [&](size_t length) {
    if (length % sizeof(TaskRecord) != 0) throw SysError(EPROTO, "bpf", "read whole records");
    auto* records = reinterpret_cast<const TaskRecord*>(buffer.data());
    std::for_each(records, records + length / sizeof(TaskRecord), take);
  });
}

TaskReader::TaskReader(const std::string& object_path, bool is_accounting) : program_(new Program) {
  Program& program = *program_;
  program.object = Load(object_path, is_accounting);
  program.settings.Map(FindMap(program.object.get(), ".bss"));
  program.wanted_uids = bpf_map__fd(FindMap(program.object.get(), "wanted_uids"));
  program.LearnCpuOffsets();
  program.tasks = Attach(program.object.get(), "tell_task");
  if (is_accounting) program.CountEnded();
}

TaskReader::~TaskReader() = default;

std::vector<ProcessRecord> TaskReader::Sample(const std::vector<uid_t>* uids) {
  bool is_accounting = program_->ended != nullptr;
  if (is_accounting) {
    program_->FilterAtLeast(uids);
  } else {
    program_->Filter(uids);
  }
  std::set<uid_t> told;
  if (is_accounting && uids != nullptr) told.insert(uids->begin(), uids->end());
  ProcessGathering gathering(program_->process_count);
  program_->ReadTasks([&](const TaskRecord& task) {
    if (is_accounting && uids != nullptr && told.count(task.uid) == 0) return;
    gathering.Add(task);
  });
  std::vector<ProcessRecord> processes = gathering.Finish();
  program_->process_count = processes.size();
  return processes;
}

std::vector<UserUsage> TaskReader::SampleUsage(const std::vector<uid_t>* uids) {
  program_->Filter(uids);
  Sums sums = program_->ReadEnded();
  program_->ReadTasks([&](const TaskRecord& task) {
    Sum& sum = sums[task.uid];
    Add(sum.used, task.own);
    sum.rss_pages += task.rss_pages;
    sum.processes += task.is_leader;
    sum.threads += task.threads;
  });
  double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::vector<UserUsage> usage;
  usage.reserve(sums.size());
  for (const auto& [uid, sum] : sums) usage.push_back(ToUsage(uid, sum, page_bytes));
  std::sort(usage.begin(), usage.end(),
            [](const UserUsage& a, const UserUsage& b) { return a.uid < b.uid; });
  return usage;
}

}  // namespace slapos
