// Fuzz target: records of tasks, in whatever order the kernel gives them, become processes: each
// that has a first thread once, in the order of pids, with the counters of all its threads.
//
// Input: ten bytes for a task: pid, flags, threads, state (2), six counters of a byte.
#include "core/bpf/process_gathering.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>

namespace {

constexpr size_t kTaskBytes = 10;

slapos_task_record DecodeTask(const uint8_t* bytes) {
  slapos_task_record task = {};
  task.pid = bytes[0];
  task.is_leader = bytes[1] & 1;
  task.threads = bytes[2];
  task.state = static_cast<unsigned>(bytes[3] | bytes[4] << 8);
  // Some counters as large as they get.
  auto counter = [&](size_t index) {
    unsigned long long value = bytes[index];
    return (bytes[1] & 2) != 0 ? value << 56 : value;
  };
  task.utime_ns = counter(5);
  task.stime_ns = counter(6);
  task.runtime_ns = counter(7);
  task.rchar = bytes[8];
  task.start_ns = counter(9);
  std::memset(task.comm, bytes[1], sizeof task.comm);
  return task;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slapos;
  ProcessGathering gathering(size % 7);
  std::map<uint32_t, unsigned> leaders;
  std::map<uint32_t, double> rchar;
  for (size_t at = 0; at + kTaskBytes <= size; at += kTaskBytes) {
    slapos_task_record task = DecodeTask(data + at);
    // A process has one first thread.
    if (task.is_leader != 0 && leaders.contains(task.pid)) continue;
    if (task.is_leader != 0) leaders[task.pid] = task.threads;
    gathering.Add(task);
    rchar[task.pid] += static_cast<double>(task.rchar);
  }
  std::vector<ProcessRecord> processes = gathering.Finish();
  if (processes.size() != leaders.size()) std::abort();
  for (size_t index = 0; index < processes.size(); index++) {
    const ProcessRecord& process = processes[index];
    if (index > 0 && processes[index - 1].pid >= process.pid) std::abort();
    // Of a process that says to have one thread, others are new and not counted yet.
    if (leaders[process.pid] > 1 && process.rchar != rchar[process.pid]) std::abort();
    if (process.utime_ticks < 0 || process.stime_ticks < 0) std::abort();
    if (std::strchr("RSDTtXZPI", process.state) == nullptr || process.state == 0) std::abort();
  }
  return 0;
}
