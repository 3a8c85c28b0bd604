/* What task_iter.bpf.c writes for each task; shared with task_reader.cc. */
#pragma once

/* What threads used themselves, without the threads and children that ended. */
struct slapos_usage {
  unsigned long long runtime_ns;
  unsigned long long read_bytes;
  unsigned long long write_bytes;
  unsigned long long read_calls;
  unsigned long long write_calls;
};

struct slapos_task_record {
  unsigned long long start_ns; /* since boot, including suspension */
  unsigned long long utime_ns;
  unsigned long long stime_ns;
  unsigned long long runtime_ns; /* exact; utime and stime are counted by ticks */
  unsigned long long cutime_ns;
  unsigned long long cstime_ns;
  unsigned long long blkio_delay_ns;
  unsigned long long rchar;
  unsigned long long wchar;
  unsigned long long syscr;
  unsigned long long syscw;
  unsigned long long read_bytes;
  unsigned long long write_bytes;
  unsigned long long cgroup_id;
  unsigned long long rss_pages;
  struct slapos_usage own;
  unsigned int pid; /* of the process, in the pid namespace of the reader */
  unsigned int ppid;
  unsigned int uid;
  unsigned int threads;
  unsigned int state; /* task state and exit state, as in the kernel */
  unsigned int is_leader;
  char comm[16];
};

enum { SLAPOS_MAX_CPUS = 1024 };

/* The one global variable of the program, mapped into the reader. */
struct slapos_task_settings {
  unsigned int is_filtered; /* only the users of the map wanted_uids */
  unsigned int cpu_count;   /* 0 where per-CPU parts need not be summed */
  unsigned int cpu_mark_id; /* of the map cpu_mark */
  unsigned int unused;
  unsigned long long cpu_offset[SLAPOS_MAX_CPUS];
  /* Told by look_at_cpus: the per-CPU address of one value, and where each CPU has it. */
  unsigned long long cpu_mark_base;
  unsigned long long cpu_mark_address[SLAPOS_MAX_CPUS];
};
