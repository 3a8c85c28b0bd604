/* Tells of every task of the reader's pid namespace: a record of a process for its first thread,
 * and the times and counters of every other thread, which the reader adds to its process.
 * bpf_iter_task: Linux 5.8; needs CAP_BPF and CAP_PERFMON. */
#include "kernel_types.h"
/* libbpf's headers take the types from above. */
typedef unsigned short u16;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "task_record.h"

/* BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_F_NO_PREALLOC, BPF_NOEXIST, PIDTYPE_TGID. */
enum {
  HASH = 1,
  PERCPU_ARRAY = 6,
  NO_PREALLOC = 1,
  NO_EXIST = 1,
  TGID = 1,
  MAX_UIDS = 65536,
  MAX_ENDED_UIDS = 8192
};

char LICENSE[] SEC("license") = "GPL";

struct {
  __uint(type, PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} cpu_mark SEC(".maps");

struct {
  __uint(type, HASH);
  __uint(max_entries, MAX_UIDS);
  __uint(map_flags, NO_PREALLOC);
  __type(key, u32);
  __type(value, u8);
} wanted_uids SEC(".maps");

/* By real user, what threads used that are gone. Allocated beforehand: a tracing program may run
 * where nothing can be allocated. */
struct {
  __uint(type, HASH);
  __uint(max_entries, MAX_ENDED_UIDS);
  __type(key, u32);
  __type(value, struct slapos_usage);
} ended_usage SEC(".maps");

volatile struct slapos_task_settings settings = {};

/* The per-CPU address of one value, and where each CPU has it: their differences are the offsets of
 * the CPUs, which the kernel does not tell otherwise. */
SEC("iter/bpf_map")
int look_at_cpus(struct bpf_iter__bpf_map* ctx) {
  struct bpf_map* map = ctx->map;
  u32 zero = 0;
  void* base = 0;
  if (map == 0 || map->id != settings.cpu_mark_id) return 0;
  bpf_probe_read_kernel(&base, sizeof base,
                        (void*)map + bpf_core_field_offset(struct bpf_array, pptrs));
  settings.cpu_mark_base = (u64)base;
  for (u32 cpu = 0; cpu < SLAPOS_MAX_CPUS; cpu++) {
    if (cpu >= settings.cpu_count) break;
    settings.cpu_mark_address[cpu] = (u64)bpf_map_lookup_percpu_elem(&cpu_mark, &zero, cpu);
  }
  return 0;
}

static u64 count_exactly(struct percpu_counter* counter) {
  s64 sum = counter->count;
  void* parts = counter->counters;
  for (u32 cpu = 0; cpu < SLAPOS_MAX_CPUS; cpu++) {
    s32 part = 0;
    if (cpu >= settings.cpu_count) break;
    bpf_probe_read_kernel(&part, sizeof part, parts + settings.cpu_offset[cpu]);
    sum += part;
  }
  return sum > 0 ? sum : 0;
}

/* File, anonymous and shared pages; number 2 are those in swap. */
static u64 rss_of(struct mm_struct* mm) {
  if (mm == 0) return 0;
  struct mm_struct___before_6_2* old = (void*)mm;
  if (bpf_core_field_exists(old->rss_stat.count)) {
    s64 sum = BPF_CORE_READ(old, rss_stat.count[0].counter) +
              BPF_CORE_READ(old, rss_stat.count[1].counter) +
              BPF_CORE_READ(old, rss_stat.count[3].counter);
    return sum > 0 ? sum : 0;
  }
  return count_exactly(&mm->rss_stat[0]) + count_exactly(&mm->rss_stat[1]) +
         count_exactly(&mm->rss_stat[3]);
}

/* The number that processes of namespace `level` see; 0 for what they do not see. */
static u32 number_of(struct pid* pid, u32 level) {
  u32 number = 0;
  if (pid == 0 || pid->level < level) return 0;
  void* entry = (void*)pid + bpf_core_field_offset(struct pid, numbers) +
                level * bpf_core_type_size(struct upid);
  bpf_probe_read_kernel(&number, sizeof number, entry + bpf_core_field_offset(struct upid, nr));
  return number;
}

static u32 state_of(struct task_struct* task) {
  struct task_struct___before_5_14* old = (void*)task;
  u32 state = bpf_core_field_exists(old->state) ? (u32)BPF_CORE_READ(old, state) : task->__state;
  return state | (u32)task->exit_state;
}

static void add_io(struct slapos_task_record* record, struct task_io_accounting* io) {
  record->rchar += io->rchar;
  record->wchar += io->wchar;
  record->syscr += io->syscr;
  record->syscw += io->syscw;
  record->read_bytes += io->read_bytes;
  record->write_bytes += io->write_bytes;
}

static void fill_thread(struct slapos_task_record* record, struct task_struct* task) {
  record->utime_ns = task->utime;
  record->stime_ns = task->stime;
  record->runtime_ns = task->se.sum_exec_runtime;
  add_io(record, &task->ioac);
  record->own.runtime_ns = record->runtime_ns;
  record->own.read_bytes = record->read_bytes;
  record->own.write_bytes = record->write_bytes;
  record->own.read_calls = record->syscr;
  record->own.write_calls = record->syscw;
}

/* What the process has beyond its first thread, which fill_thread told. */
static void fill_process(struct slapos_task_record* record, struct task_struct* task, u32 level) {
  struct signal_struct* signal = task->signal;
  struct task_struct* parent = task->real_parent;
  record->start_ns = task->start_boottime;
  record->utime_ns += signal->utime;
  record->stime_ns += signal->stime;
  record->runtime_ns += signal->sum_sched_runtime;
  record->cutime_ns = signal->cutime;
  record->cstime_ns = signal->cstime;
  add_io(record, &signal->ioac);
  if (task->delays != 0) record->blkio_delay_ns = task->delays->blkio_delay;
  record->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
  record->rss_pages = rss_of(task->mm);
  record->ppid = number_of(parent->signal->pids[TGID], level);
  record->threads = signal->nr_threads;
  record->state = state_of(task);
  record->is_leader = 1;
  __builtin_memcpy(record->comm, task->comm, sizeof record->comm);
}

SEC("iter/task")
int tell_task(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  struct slapos_task_record record;
  if (task == 0 || task->thread_pid == 0 || task->signal == 0) return 0;
  u32 uid = task->real_cred->uid.val;
  if (settings.is_filtered && bpf_map_lookup_elem(&wanted_uids, &uid) == 0) return 0;
  struct task_struct* self = (void*)bpf_get_current_task_btf();
  u32 level = self->thread_pid->level;
  __builtin_memset(&record, 0, sizeof record);
  record.pid = number_of(task->signal->pids[TGID], level);
  record.uid = uid;
  fill_thread(&record, task);
  if (task->pid == task->tgid) fill_process(&record, task, level);
  bpf_seq_write(ctx->meta->seq, &record, sizeof record);
  return 0;
}

/* A thread is gone for good: its counters have their last values, and tell_task sees it no more. */
SEC("tp_btf/sched_process_free")
int add_ended(u64* ctx) {
  struct task_struct* task = (void*)ctx[0];
  struct slapos_usage none = {};
  u32 uid = task->real_cred->uid.val;
  if (settings.is_filtered && bpf_map_lookup_elem(&wanted_uids, &uid) == 0) return 0;
  struct slapos_usage* sum = bpf_map_lookup_elem(&ended_usage, &uid);
  if (sum == 0) {
    bpf_map_update_elem(&ended_usage, &uid, &none, NO_EXIST);
    sum = bpf_map_lookup_elem(&ended_usage, &uid);
    if (sum == 0) return 0;
  }
  __sync_fetch_and_add(&sum->runtime_ns, task->se.sum_exec_runtime);
  __sync_fetch_and_add(&sum->read_bytes, task->ioac.read_bytes);
  __sync_fetch_and_add(&sum->write_bytes, task->ioac.write_bytes);
  __sync_fetch_and_add(&sum->read_calls, task->ioac.syscr);
  __sync_fetch_and_add(&sum->write_calls, task->ioac.syscw);
  return 0;
}
