#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "core/bpf/task_record.h"
#include "core/proc/sample.h"

namespace slapos {

// Makes records of processes from those of their threads, in whatever order these come.
class ProcessGathering {
 public:
  // `expected` processes: a guess, for the memory.
  explicit ProcessGathering(size_t expected);

  void Add(const slapos_task_record& task);

  // Every process whose first thread was added, in the order of their pids.
  std::vector<ProcessRecord> Finish();

 private:
  // What is known of a process of several threads.
  struct Threads {
    slapos_task_record first;
    slapos_task_record others;  // summed
    size_t index;               // of the process; where it has_first
    bool has_first;
  };

  void AddProcess(const slapos_task_record& task);
  void AddOneOfSeveral(const slapos_task_record& task);

  double page_bytes_;
  std::vector<ProcessRecord> processes_;
  std::unordered_map<unsigned, Threads> threads_;  // by pid
  bool is_sorted_ = true;
};

}  // namespace slapos
