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

#include "core/bpf/task_record.h"
#include "core/sys/sys_error.h"
#include "core/sys/unique_fd.h"

namespace slapos {

namespace {

using TaskRecord = slapos_task_record;
using Settings = slapos_task_settings;

// The kernel gives at most 32 KiB of an iterator at once.
constexpr size_t kReadBytes = 64 * 1024;
constexpr uint64_t kNsPerTick = 10'000'000;

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

// Shares of user and system time of the exact run time, as /proc tells them
// (cputime_adjust in kernel/sched/cputime.c).
void SplitRunTime(const TaskRecord& task, ProcessRecord* record) {
  double runtime = static_cast<double>(task.runtime_ns);
  double utime = static_cast<double>(task.utime_ns);
  double stime = static_cast<double>(task.stime_ns);
  double system = utime + stime > 0 ? runtime * (stime / (utime + stime)) : 0;
  auto ticks = [](double ns) {
    return static_cast<double>(static_cast<uint64_t>(ns) / kNsPerTick);
  };
  record->stime_ticks = ticks(system);
  record->utime_ticks = ticks(runtime - system);
}

// The letter of proc_pid_stat(5): get_task_state in fs/proc/array.c.
uint8_t StateLetter(uint32_t state) {
  constexpr uint32_t kUninterruptible = 0x02;
  constexpr uint32_t kNoLoad = 0x400;
  constexpr uint32_t kReported = 0x7f;
  const char letters[] = "RSDTtXZP";
  if ((state & (kUninterruptible | kNoLoad)) == (kUninterruptible | kNoLoad)) return 'I';
  // Waiting for a lock of the realtime kernel, or frozen.
  if ((state & 0x1000) != 0 || (state & 0x8000) != 0) state |= kUninterruptible;
  state &= kReported;
  int highest = state == 0 ? 0 : 32 - __builtin_clz(state);
  return static_cast<uint8_t>(letters[highest]);
}

void Add(TaskRecord& sum, const TaskRecord& thread) {
  sum.utime_ns += thread.utime_ns;
  sum.stime_ns += thread.stime_ns;
  sum.runtime_ns += thread.runtime_ns;
  sum.rchar += thread.rchar;
  sum.wchar += thread.wchar;
  sum.syscr += thread.syscr;
  sum.syscw += thread.syscw;
  sum.read_bytes += thread.read_bytes;
  sum.write_bytes += thread.write_bytes;
}

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

ProcessRecord ToProcess(const TaskRecord& task, double page_bytes) {
  ProcessRecord record = {};
  record.pid = task.pid;
  record.ppid = task.ppid;
  record.uid = task.uid;
  record.threads = task.threads;
  record.start_ticks = static_cast<double>(task.start_ns / kNsPerTick);
  SplitRunTime(task, &record);
  record.cutime_ticks = static_cast<double>(task.cutime_ns / kNsPerTick);
  record.cstime_ticks = static_cast<double>(task.cstime_ns / kNsPerTick);
  record.blkio_delay_ticks = static_cast<double>(task.blkio_delay_ns / kNsPerTick);
  record.rss_bytes = static_cast<double>(task.rss_pages) * page_bytes;
  record.read_bytes = static_cast<double>(task.read_bytes);
  record.write_bytes = static_cast<double>(task.write_bytes);
  record.rchar = static_cast<double>(task.rchar);
  record.wchar = static_cast<double>(task.wchar);
  record.syscr = static_cast<double>(task.syscr);
  record.syscw = static_cast<double>(task.syscw);
  record.state = StateLetter(task.state);
  record.has_io = 1;
  ::memcpy(record.comm, task.comm, ::strnlen(task.comm, sizeof task.comm));
  return record;
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
  std::vector<TaskRecord> records;  // kept for its memory

  void LearnCpuOffsets();
  void SetWanted(const std::vector<uid_t>* uids);
  void CountEnded();
  Sums ReadEnded() const;
  const std::vector<TaskRecord>& ReadTasks();
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

// Changes the kernel's set of users to `uids`; usually it is what it was.
void TaskReader::Program::SetWanted(const std::vector<uid_t>* uids) {
  settings->is_filtered = uids != nullptr ? 1 : 0;
  if (uids == nullptr) return;
  std::set<uid_t> now(uids->begin(), uids->end());
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

// One record for each thread.
const std::vector<TaskRecord>& TaskReader::Program::ReadTasks() {
  size_t bytes = 0;
  ReadIterator(tasks, buffer, [&](size_t length) {
    size_t wanted = (bytes + length + sizeof(TaskRecord) - 1) / sizeof(TaskRecord);
    if (records.size() < wanted) records.resize(wanted);
    ::memcpy(reinterpret_cast<char*>(records.data()) + bytes, buffer.data(), length);
    bytes += length;
  });
  records.resize(bytes / sizeof(TaskRecord));
  return records;
}

namespace {

// Processes in the order of their pids, each with what its threads used.
void GatherProcesses(std::vector<TaskRecord>& records) {
  auto first_thread = std::stable_partition(records.begin(), records.end(),
                                            [](const TaskRecord& task) { return task.is_leader; });
  std::vector<TaskRecord> threads(first_thread, records.end());
  records.erase(first_thread, records.end());
  auto by_pid = [](const TaskRecord& a, const TaskRecord& b) { return a.pid < b.pid; };
  if (!std::is_sorted(records.begin(), records.end(), by_pid))
    std::sort(records.begin(), records.end(), by_pid);
  for (const TaskRecord& thread : threads) {
    auto process = std::lower_bound(records.begin(), records.end(), thread, by_pid);
    if (process != records.end() && process->pid == thread.pid) Add(*process, thread);
  }
}

}  // namespace

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
  program_->SetWanted(uids);
  std::vector<TaskRecord> tasks = program_->ReadTasks();
  GatherProcesses(tasks);
  double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::vector<ProcessRecord> processes;
  processes.reserve(tasks.size());
  for (const TaskRecord& task : tasks) processes.push_back(ToProcess(task, page_bytes));
  return processes;
}

std::vector<UserUsage> TaskReader::SampleUsage(const std::vector<uid_t>* uids) {
  program_->SetWanted(uids);
  Sums sums = program_->ReadEnded();
  for (const TaskRecord& task : program_->ReadTasks()) {
    Sum& sum = sums[task.uid];
    Add(sum.used, task.own);
    sum.rss_pages += task.rss_pages;
    sum.processes += task.is_leader;
    sum.threads += task.threads;
  }
  double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::vector<UserUsage> usage;
  usage.reserve(sums.size());
  for (const auto& [uid, sum] : sums) usage.push_back(ToUsage(uid, sum, page_bytes));
  std::sort(usage.begin(), usage.end(),
            [](const UserUsage& a, const UserUsage& b) { return a.uid < b.uid; });
  return usage;
}

}  // namespace slapos
