import { describe, expect, it } from 'vitest';
import {
  findTarget,
  forEachProcess,
  isStoppable,
  processesOf,
  signalProcess,
  startProcess,
  stopProcess,
} from '../../../src/supervisor/operations.ts';
import { stopEverything } from '../../../src/supervisor/shutdown.ts';
import { SupervisorBench, settle } from '../../support/fake-keeper.ts';
import { groupConfig } from '../../support/supervisor-config.ts';

const SLAPOS = { startSecs: 0, startRetries: 0, autoRestart: false, isAutostart: false } as const;

function fault(code: number, message: string) {
  return expect.objectContaining({ faultCode: code, message });
}

describe('adding groups', () => {
  it('starts what starts by itself, by priority, and tells the listeners', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(
      groupConfig('g', [
        { name: 'late', isAutostart: true, priority: 9 },
        { name: 'early', isAutostart: true, priority: 1 },
        { name: 'manual' },
      ]),
    );
    await settle();
    expect(bench.spawner.spawned).toEqual(['g:early', 'g:late']);
    expect(bench.events[0]).toBe('PROCESS_GROUP_ADDED groupname:g');
    expect(bench.events[1]).toBe(
      'PROCESS_STATE_STARTING processname:early groupname:g from_state:STOPPED tries:0',
    );
    expect(bench.states()).toEqual({
      'g:late': 'STARTING',
      'g:early': 'STARTING',
      'g:manual': 'STOPPED',
    });
    await bench.clock.advance(1100);
    expect(bench.states()).toMatchObject({ 'g:late': 'RUNNING', 'g:early': 'RUNNING' });
    expect(bench.clock.timerCount).toBe(0);
  });

  it('ends in FATAL after startretries, with the events in order', async () => {
    const bench = new SupervisorBench();
    bench.spawner.outcomes.set('x', { kind: 'failed', reason: "can't find command '/x'" });
    await bench.controller.addGroup(
      groupConfig('g', [{ name: 'x', isAutostart: true, startRetries: 1 }]),
    );
    await settle();
    await bench.clock.advance(1100);
    expect(bench.events.slice(1).map((line) => line.replace(/processname.*from/, 'from'))).toEqual([
      'PROCESS_STATE_STARTING from_state:STOPPED tries:0',
      'PROCESS_STATE_BACKOFF from_state:STARTING tries:1',
      'PROCESS_STATE_STARTING from_state:BACKOFF tries:1',
      'PROCESS_STATE_BACKOFF from_state:STARTING tries:2',
      'PROCESS_STATE_FATAL from_state:BACKOFF',
    ]);
  });

  it('removes a group only when everything in it has ended, with its notes', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    expect(bench.controller.removeGroup('g')).toBe(false);
    bench.end('g:x');
    expect(bench.controller.removeGroup('g')).toBe(true);
    expect(bench.keeper.notes.size).toBe(0);
    expect(bench.controller.groups()).toEqual([]);
  });
});

describe('a start while the process stops', () => {
  it('is done afterwards, unless stopped once more', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [SLAPOS]));
    const process = bench.process('g:x');
    const start = () => startProcess(bench.controller, process, 'g:x', true);
    await start();
    await stopProcess(process, 'g:x', false);
    const queued = start();
    await settle();
    bench.end('g:x');
    await queued;
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
    await stopProcess(process, 'g:x', false);
    const cancelled = start();
    await settle();
    const stopped = stopProcess(process, 'g:x', true);
    bench.end('g:x');
    await stopped;
    await expect(cancelled).rejects.toEqual(fault(40, 'ABNORMAL_TERMINATION: g:x'));
    expect(bench.states()).toEqual({ 'g:x': 'STOPPED' });
  });
});

describe('startProcess', () => {
  async function start(bench: SupervisorBench, isWaiting: boolean) {
    return startProcess(bench.controller, bench.process('g:x'), 'g:x', isWaiting);
  }

  it('is true as soon as a program with startsecs 0 was started', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [SLAPOS]));
    await start(bench, true);
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
    await expect(start(bench, true)).rejects.toEqual(fault(60, 'ALREADY_STARTED: g:x'));
  });

  it('waits for startsecs', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ startSecs: 2 }]));
    let isDone = false;
    const started = start(bench, true).then(() => {
      isDone = true;
    });
    await settle();
    await bench.clock.advance(1500);
    await settle();
    expect(isDone).toBe(false);
    await bench.clock.advance(1000);
    await started;
  });

  it('faults without spawning when the command is missing', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [SLAPOS]));
    const reason = "can't find command '/x'";
    bench.spawner.unresolved.set('x', { kind: 'failed', reason, isMissing: true });
    await expect(start(bench, true)).rejects.toEqual(fault(20, `NO_FILE: ${reason}`));
    expect(bench.states()).toEqual({ 'g:x': 'STOPPED' });
    expect(bench.events).toEqual(['PROCESS_GROUP_ADDED groupname:g']);
  });

  it('faults when the new process could not become the program', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [SLAPOS]));
    bench.spawner.outcomes.set('x', {
      kind: 'spawned',
      pid: 5,
      startTicks: 50,
      failure: "supervisor: couldn't chdir to /x: ENOENT",
    });
    await expect(start(bench, true)).rejects.toEqual(fault(50, 'SPAWN_ERROR: g:x'));
    bench.end('g:x', { status: 127 });
    expect(bench.events.at(-1)).toContain('PROCESS_STATE_EXITED');
    expect(bench.events.at(-1)).toContain('expected:0 pid:5');
  });

  it('faults when it ends before startsecs', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ startSecs: 5, startRetries: 0 }]));
    const started = start(bench, true);
    await settle();
    bench.end('g:x', { status: 1 });
    await expect(started).rejects.toEqual(fault(50, 'SPAWN_ERROR: g:x'));
  });

  it('starts after the stop when it was stopping', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [SLAPOS]));
    await start(bench, true);
    await stopProcess(bench.process('g:x'), 'g:x', false);
    await start(bench, false);
    expect(bench.states()).toEqual({ 'g:x': 'STOPPING' });
    bench.end('g:x', { status: -1, signal: 15 });
    await settle();
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
  });
});

describe('stopping', () => {
  it('stops a group at the same time and waits for all', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(
      groupConfig('g', [
        { ...SLAPOS, name: 'a', isAutostart: true, isStopAsGroup: true },
        { ...SLAPOS, name: 'b', isAutostart: true },
      ]),
    );
    await settle();
    const { group } = findTarget(bench.controller, 'g:*');
    const done = forEachProcess(processesOf(group), (each, name, onWait) =>
      stopProcess(each, name, true, onWait),
    );
    expect(bench.keeper.signals).toEqual([
      { pid: 101, startTicks: 1010, signal: 15, isGroup: true },
      { pid: 102, startTicks: 1020, signal: 15, isGroup: false },
    ]);
    bench.end('g:b');
    bench.end('g:a');
    expect(await done).toEqual([
      { name: 'b', group: 'g', status: 80, description: 'OK' },
      { name: 'a', group: 'g', status: 80, description: 'OK' },
    ]);
    await expect(stopProcess(bench.process('g:a'), 'g:a', true)).rejects.toEqual(
      fault(70, 'NOT_RUNNING: g:a'),
    );
  });

  it('stops everything by priority, listeners last, and restarts nothing', async () => {
    const bench = new SupervisorBench();
    const keepAlive = { ...SLAPOS, isAutostart: true, autoRestart: true };
    for (const [name, priority] of [
      ['a', 999],
      ['b', 999],
      ['w', -1],
    ] as const) {
      await bench.controller.addGroup(groupConfig(name, [keepAlive], { priority }));
    }
    await settle();
    expect(bench.controller.leave('SHUTDOWN')).toBe(true);
    const done = stopEverything(bench.controller);
    expect(bench.states()).toEqual({ 'w:x': 'RUNNING', 'a:x': 'STOPPING', 'b:x': 'STOPPING' });
    bench.end('a:x');
    bench.end('b:x');
    await settle();
    expect(bench.states()).toMatchObject({ 'w:x': 'STOPPING' });
    bench.end('w:x');
    await done;
    expect(new Set(Object.values(bench.states()))).toEqual(new Set(['STOPPED']));
    expect(bench.events).toContain('SUPERVISOR_STATE_CHANGE_STOPPING');
  });

  it('stops what ended and waits to be started again', async () => {
    const bench = new SupervisorBench();
    const config = { ...SLAPOS, isAutostart: true, autoRestart: true };
    await bench.controller.addGroup(groupConfig('g', [config]));
    for (let count = 0; count < 4; count += 1) {
      await settle();
      bench.end('g:x', { status: 1 });
    }
    expect(bench.states()).toEqual({ 'g:x': 'EXITED' });
    expect(bench.clock.timerCount).toBe(1);
    expect(isStoppable(bench.process('g:x'))).toBe(true);
    await stopProcess(bench.process('g:x'), 'g:x', true);
    expect(bench.states()).toEqual({ 'g:x': 'STOPPED' });
    expect(bench.clock.timerCount).toBe(0);
  });

  it('becomes UNKNOWN when the kernel refuses the signal', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    bench.keeper.signalResult = 'failed';
    await stopProcess(bench.process('g:x'), 'g:x', true);
    expect(bench.states()).toEqual({ 'g:x': 'UNKNOWN' });
  });

  it('signals one process without changing its state', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    await signalProcess(bench.controller, bench.process('g:x'), 'g:x', 10);
    expect(bench.keeper.signals).toEqual([
      { pid: 101, startTicks: 1010, signal: 10, isGroup: false },
    ]);
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
  });
});

describe('findTarget', () => {
  it('knows processes, groups and what is neither', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ name: 'a' }]));
    await bench.controller.addGroup(groupConfig('x', [{ name: 'x' }]));
    const find = (name: string) => findTarget(bench.controller, name).process?.fullName;
    expect([find('g:a'), find('g:*'), find('g:'), find('x')]).toEqual([
      'g:a',
      undefined,
      undefined,
      'x:x',
    ]);
    for (const name of ['g', 'g:b', 'nog:a', 'nog:*']) {
      expect(() => find(name)).toThrow(`BAD_NAME: ${name}`);
    }
  });
});
