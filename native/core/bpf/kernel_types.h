/* The fields of kernel structures that task_iter.bpf.c reads, by name only: libbpf finds where they
 * lie in the running kernel from its type information (CO-RE). Layout and omissions here mean
 * nothing. */
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_map {
  u32 id;
};
struct bpf_iter__bpf_map {
  struct bpf_iter_meta* meta;
  struct bpf_map* map;
};
struct bpf_array {
  void* pptrs[0];
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};
typedef struct {
  u32 val;
} kuid_t;
struct cred {
  kuid_t uid;
};
struct task_io_accounting {
  u64 rchar;
  u64 wchar;
  u64 syscr;
  u64 syscw;
  u64 read_bytes;
  u64 write_bytes;
};
struct signal_struct {
  int nr_threads;
  struct pid* pids[4];
  u64 utime;
  u64 stime;
  u64 cutime;
  u64 cstime;
  unsigned long long sum_sched_runtime;
  struct task_io_accounting ioac;
};
struct sched_entity {
  u64 sum_exec_runtime;
};
struct task_delay_info {
  u64 blkio_delay;
};
struct percpu_counter {
  s64 count;
  s32* counters;
};
struct mm_struct {
  struct percpu_counter rss_stat[4];
};
struct kernfs_node {
  u64 id;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct css_set {
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  unsigned int __state;
  int exit_state;
  struct mm_struct* mm;
  struct sched_entity se;
  int pid;
  int tgid;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct pid* thread_pid;
  u64 utime;
  u64 stime;
  u64 start_boottime;
  const struct cred* real_cred;
  char comm[16];
  struct signal_struct* signal;
  struct css_set* cgroups;
  struct task_io_accounting ioac;
  struct task_delay_info* delays;
};

/* Before Linux 5.14. */
struct task_struct___before_5_14 {
  long state;
};
/* Before Linux 6.2. */
struct mm_rss_stat {
  struct {
    s64 counter;
  } count[4];
};
struct mm_struct___before_6_2 {
  struct mm_rss_stat rss_stat;
};

#pragma clang attribute pop
