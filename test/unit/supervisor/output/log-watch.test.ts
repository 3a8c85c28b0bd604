import { describe, expect, it } from 'vitest';
import type { LogLimits } from '../../../../src/host/log/program-log.ts';
import { LogWatch } from '../../../../src/supervisor/output/log-watch.ts';
import {
  ManagedProcess,
  type ProcessOwner,
} from '../../../../src/supervisor/process/managed-process.ts';
import { SupervisorBench, settle } from '../../../support/fake-keeper.ts';
import { groupConfig, processConfig } from '../../../support/supervisor-config.ts';

class FakeSweep {
  readonly watched: string[] = [];
  watch(path: string, { maxBytes, backups }: LogLimits): void {
    this.watched.push(`${path} ${maxBytes} ${backups}`);
  }
  forget(path: string): void {
    const at = this.watched.findIndex((line) => line.startsWith(`${path} `));
    this.watched.splice(at, 1);
  }
}

const OWNER: ProcessOwner = {
  isFrozen: false,
  context: (config) => ({ config, wallMs: 0, monotonicMs: 0, isRestartAllowed: true }),
  remember() {},
  apply() {},
  setTimer: () => ({ cancel() {} }),
};

const EXIT = {
  kind: 'exited',
  status: 0,
  signal: 0,
  hasDumpedCore: false,
  isLost: false,
  agoMs: 0,
} as const;

describe('watching logs', () => {
  it('follows a process from its start to its end, whatever happens between', () => {
    const sweep = new FakeSweep();
    const watch = new LogWatch(sweep);
    const base = processConfig({ startSecs: 0 });
    const limits = { maxBytes: 100, backups: 2 };
    const config = { ...base, stdout: { ...base.stdout, ...limits } };
    const process = new ManagedProcess('g', config, { stdout: '/a', stderr: '/b' }, OWNER);
    watch.update(process);
    process.dispatch({ kind: 'start' });
    watch.update(process);
    expect(sweep.watched).toEqual([]);
    process.dispatch({ kind: 'spawned', pid: 7, startTicks: 1 });
    watch.update(process);
    watch.update(process);
    // The other channel has no limit.
    expect(sweep.watched).toEqual(['/a 100 2']);
    process.dispatch({ kind: 'stop' });
    watch.update(process);
    expect(sweep.watched).toEqual(['/a 100 2']);
    process.dispatch(EXIT);
    watch.update(process);
    expect(sweep.watched).toEqual([]);
  });

  it('is told by the controller of what starts and ends', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ name: 'x', isAutostart: true }]));
    await settle();
    expect([...bench.running]).toEqual(['g:x']);
    bench.end('g:x', { status: 0 });
    expect([...bench.running]).toEqual([]);
  });
});
