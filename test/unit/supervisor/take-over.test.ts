import { describe, expect, it } from 'vitest';
import type { ExitRecord } from '../../../src/host/keeper/keeper-event.ts';
import { stopProcess } from '../../../src/supervisor/operations.ts';
import { decodeNotes } from '../../../src/supervisor/process/state-notes.ts';
import { startUnnoted } from '../../../src/supervisor/take-over.ts';
import { FakeKeeper, SupervisorBench, settle } from '../../support/fake-keeper.ts';
import { groupConfig } from '../../support/supervisor-config.ts';

const SLAPOS = { startSecs: 0, startRetries: 0, autoRestart: false, isAutostart: false } as const;

describe('notes', () => {
  it('stores a status before acting on it and acknowledges an end after storing it', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    bench.keeper.trace.length = 0;
    await stopProcess(bench.process('g:x'), 'g:x', false);
    bench.end('g:x');
    expect(bench.keeper.trace).toEqual([
      'store status:g:x',
      'signal 15',
      'store status:g:x',
      'ack 1',
    ]);
  });

  it('lets the next controller go on without an event', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(
      groupConfig('g', [
        { ...SLAPOS, name: 'up', isAutostart: true },
        { ...SLAPOS, name: 'died', isAutostart: true },
        { ...SLAPOS, name: 'never' },
        { ...SLAPOS, name: 'lost', isAutostart: true },
      ]),
    );
    await settle();
    const before = first.process('g:up').status;
    const dead = first.process('g:died').status;
    // As if the controller had died between asking for the spawn and its answer.
    keeper.notes.set('status:g:lost', JSON.stringify({ state: 'STARTING' }));

    const second = new SupervisorBench(keeper);
    second.clock.nowMs = first.clock.nowMs;
    const living = new Map([
      ['g:up', { pid: before.pid, startTicks: before.startTicks, tag: String(before.startedAtMs) }],
    ]);
    for (const group of decodeNotes(keeper.notes)) second.controller.restoreGroup(group, living);
    const exit: ExitRecord = {
      ...{ name: 'g:died', pid: dead.pid, startTicks: dead.startTicks, tag: '', timeMs: 0 },
      ...{ serial: 1, status: 3, signal: 0, hasDumpedCore: false, isLost: false },
    };
    second.controller.settleRestored(living, [exit]);
    expect(second.events).toEqual([]);
    expect(second.process('g:up').status).toEqual(before);
    second.end('g:died', { pid: dead.pid, startTicks: dead.startTicks, status: 3 });
    await settle();
    expect(second.states()).toEqual({
      'g:up': 'RUNNING',
      'g:died': 'EXITED',
      'g:never': 'STOPPED',
      'g:lost': 'RUNNING',
    });
    expect(second.spawner.spawned).toEqual(['g:lost']);
  });

  it.each(['null', '{}', '{"names": "a"}', '[]'])(
    'takes the note %s for that of no group',
    (note) => {
      expect(decodeNotes(new Map([['group:g', note]]))).toEqual([]);
      const notes = new Map([
        ['group:g', '{"priority": 1, "names": ["a"]}'],
        ['config:g:a', note],
      ]);
      expect(decodeNotes(notes)).toMatchObject([{ name: 'g', processes: [] }]);
    },
  );

  it('arms the timer of a process that was stopping', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(
      groupConfig('g', [{ ...SLAPOS, isAutostart: true, stopWaitSecs: 3 }]),
    );
    await settle();
    await stopProcess(first.process('g:x'), 'g:x', false);
    const { pid, startTicks } = first.process('g:x').status;

    const second = new SupervisorBench(keeper);
    const living = new Map([['g:x', { pid, startTicks, tag: '' }]]);
    for (const group of decodeNotes(keeper.notes)) second.controller.restoreGroup(group, living);
    keeper.signals.length = 0;
    await second.clock.advance(3100);
    expect(keeper.signals).toEqual([{ pid, startTicks, signal: 9, isGroup: false }]);
  });

  it('asks for a stop again, with all its time', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(
      groupConfig('g', [{ ...SLAPOS, isAutostart: true, stopWaitSecs: 3 }]),
    );
    await settle();
    await stopProcess(first.process('g:x'), 'g:x', false);
    const { pid, startTicks } = first.process('g:x').status;
    keeper.signals.length = 0;

    const second = new SupervisorBench(keeper);
    second.clock.nowMs = first.clock.nowMs + 60_000;
    const living = new Map([['g:x', { pid, startTicks, tag: '' }]]);
    for (const group of decodeNotes(keeper.notes)) second.controller.restoreGroup(group, living);
    second.controller.settleRestored(living, []);
    await second.clock.advance(2900);
    expect(keeper.signals).toEqual([{ pid, startTicks, signal: 15, isGroup: false }]);
    await second.clock.advance(200);
    expect(keeper.signals.at(-1)?.signal).toBe(9);
  });

  it('takes no earlier end for that of a start which was under way', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(
      groupConfig('g', [{ ...SLAPOS, isAutostart: true, autoRestart: true }]),
    );
    await settle();
    const old = first.process('g:x').status;
    // The restart after this end was written down, but the end not acknowledged.
    first.clock.nowMs += 5000;
    first.end('g:x', { status: 3 });
    const exit: ExitRecord = {
      ...{ name: 'g:x', pid: old.pid, startTicks: old.startTicks, tag: String(old.startedAtMs) },
      ...{ timeMs: 0, serial: 1, status: 3, signal: 0, hasDumpedCore: false, isLost: false },
    };
    const second = new SupervisorBench(keeper);
    second.clock.nowMs = first.clock.nowMs;
    second.spawner.outcomes.set('x', { kind: 'spawned', pid: 500, startTicks: 5000 });
    for (const group of decodeNotes(keeper.notes)) second.controller.restoreGroup(group, new Map());
    second.controller.settleRestored(new Map(), [exit]);
    second.controller.exited(exit);
    await settle();
    expect(second.spawner.spawned).toEqual(['g:x']);
    expect(second.events).toEqual([expect.stringContaining('PROCESS_STATE_RUNNING')]);
  });

  it('starts what starts by itself where its group had just been added', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(
      groupConfig('g', [
        { ...SLAPOS, name: 'added', isAutostart: true },
        { ...SLAPOS, name: 'stopped', isAutostart: true },
        { ...SLAPOS, name: 'manual' },
      ]),
    );
    await settle();
    await stopProcess(first.process('g:stopped'), 'g:stopped', false);
    first.end('g:stopped');
    // As if the keeper had been killed before it heard of the start.
    keeper.notes.delete('status:g:added');
    const second = new SupervisorBench(keeper);
    const groups = decodeNotes(keeper.notes);
    for (const group of groups) second.controller.restoreGroup(group, new Map());
    second.controller.settleRestored(new Map(), []);
    startUnnoted(groups, second.controller);
    await settle();
    expect(second.spawner.spawned).toEqual(['g:added']);
  });

  it('takes a process of which nobody knows anything for ended', async () => {
    const keeper = new FakeKeeper();
    const first = new SupervisorBench(keeper);
    await first.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    const second = new SupervisorBench(keeper);
    for (const group of decodeNotes(keeper.notes)) second.controller.restoreGroup(group, new Map());
    second.controller.settleRestored(new Map(), []);
    expect(second.states()).toEqual({ 'g:x': 'EXITED' });
    expect(second.process('g:x').status.lastExit).toMatchObject({ isLost: true });
  });

  it('decides nothing once it is frozen', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    bench.keeper.trace.length = 0;
    bench.controller.freeze();
    bench.end('g:x');
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
    expect(bench.keeper.trace.filter((line) => line.startsWith('store'))).toEqual([]);
  });

  it('ignores the end of another process with the same name', async () => {
    const bench = new SupervisorBench();
    await bench.controller.addGroup(groupConfig('g', [{ ...SLAPOS, isAutostart: true }]));
    await settle();
    bench.end('g:x', { startTicks: 1 });
    expect(bench.states()).toEqual({ 'g:x': 'RUNNING' });
    expect(bench.keeper.acknowledged).toEqual([1]);
  });
});
