/**
 * Which logs are kept below their size: those of running processes, which write to their files
 * themselves (spec/supervisor.md 11.7).
 */
import type { LogSweep } from '../../host/log/program-log.ts';
import type { ManagedProcess } from '../process/managed-process.ts';

export class LogWatch {
  readonly #sweep: LogSweep;
  readonly #watched = new Set<ManagedProcess>();

  constructor(sweep: LogSweep) {
    this.#sweep = sweep;
  }

  /** Takes note of whether a process runs. */
  update(process: ManagedProcess): void {
    const isRunning = process.status.pid !== 0;
    if (isRunning === this.#watched.has(process)) return;
    if (isRunning) this.#watched.add(process);
    else this.#watched.delete(process);
    const { logs, config } = process;
    for (const channel of ['stdout', 'stderr'] as const) {
      const path = logs[channel];
      if (path === '' || config[channel].maxBytes <= 0) continue;
      if (isRunning) this.#sweep.watch(path, config[channel]);
      else this.#sweep.forget(path);
    }
  }
}
