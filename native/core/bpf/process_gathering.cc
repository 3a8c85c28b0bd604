#include "core/bpf/process_gathering.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace slapos {

namespace {

using TaskRecord = slapos_task_record;

constexpr uint64_t kNsPerTick = 10'000'000;

double ToTicks(uint64_t ns) { return static_cast<double>(ns / kNsPerTick); }

// Shares of user and system time of the exact run time, as /proc tells them
// (cputime_adjust in kernel/sched/cputime.c).
void SplitRunTime(const TaskRecord& task, ProcessRecord* record) {
  double runtime = static_cast<double>(task.runtime_ns);
  double utime = static_cast<double>(task.utime_ns);
  double stime = static_cast<double>(task.stime_ns);
  double system = utime + stime > 0 ? runtime * (stime / (utime + stime)) : 0;
  record->stime_ticks = ToTicks(static_cast<uint64_t>(system));
  record->utime_ticks = ToTicks(static_cast<uint64_t>(runtime - system));
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

void AddThread(TaskRecord& sum, const TaskRecord& thread) {
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

void FillProcess(const TaskRecord& task, double page_bytes, ProcessRecord* record) {
  record->pid = task.pid;
  record->ppid = task.ppid;
  record->uid = task.uid;
  record->threads = task.threads;
  record->start_ticks = ToTicks(task.start_ns);
  SplitRunTime(task, record);
  record->cutime_ticks = ToTicks(task.cutime_ns);
  record->cstime_ticks = ToTicks(task.cstime_ns);
  record->blkio_delay_ticks = ToTicks(task.blkio_delay_ns);
  record->rss_bytes = static_cast<double>(task.rss_pages) * page_bytes;
  record->read_bytes = static_cast<double>(task.read_bytes);
  record->write_bytes = static_cast<double>(task.write_bytes);
  record->rchar = static_cast<double>(task.rchar);
  record->wchar = static_cast<double>(task.wchar);
  record->syscr = static_cast<double>(task.syscr);
  record->syscw = static_cast<double>(task.syscw);
  record->cgroup_id = static_cast<double>(task.cgroup_id);
  record->state = StateLetter(task.state);
  record->has_io = 1;
  ::memcpy(record->comm, task.comm, ::strnlen(task.comm, sizeof task.comm));
}

}  // namespace

ProcessGathering::ProcessGathering(size_t expected)
    : page_bytes_(static_cast<double>(::sysconf(_SC_PAGESIZE))) {
  processes_.reserve(expected + expected / 8);
}

// A process of one thread, and most are, is done at once.
void ProcessGathering::Add(const TaskRecord& task) {
  if (!task.is_leader || task.threads > 1) AddOneOfSeveral(task);
  if (task.is_leader) AddProcess(task);
}

void ProcessGathering::AddOneOfSeveral(const TaskRecord& task) {
  Threads& threads = threads_[task.pid];
  if (task.is_leader) {
    threads.first = task;
    threads.index = processes_.size();
    threads.has_first = true;
  } else {
    AddThread(threads.others, task);
  }
}

void ProcessGathering::AddProcess(const TaskRecord& task) {
  if (!processes_.empty() && processes_.back().pid > task.pid) is_sorted_ = false;
  FillProcess(task, page_bytes_, &processes_.emplace_back());
}

std::vector<ProcessRecord> ProcessGathering::Finish() {
  for (auto& [pid, threads] : threads_) {
    if (!threads.has_first) continue;
    AddThread(threads.first, threads.others);
    FillProcess(threads.first, page_bytes_, &processes_[threads.index]);
  }
  auto by_pid = [](const ProcessRecord& a, const ProcessRecord& b) { return a.pid < b.pid; };
  if (!is_sorted_) std::sort(processes_.begin(), processes_.end(), by_pid);
  return std::move(processes_);
}

}  // namespace slapos
