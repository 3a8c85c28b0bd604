import { describe, expect, it } from 'vitest';
import type { GroupConfig } from '../../../src/supervisor/configuration/program-config.ts';
import { diffGroups } from '../../../src/supervisor/group-diff.ts';
import { applyGroupUpdate } from '../../../src/supervisor/group-update.ts';
import { SupervisorBench } from '../../support/fake-keeper.ts';
import { groupConfig } from '../../support/supervisor-config.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));
const RUN = { isAutostart: true, startSecs: 0 };

function update(bench: SupervisorBench, wanted: readonly GroupConfig[]): Promise<void> {
  const running = bench.controller.groups().map(({ config }) => config);
  return applyGroupUpdate(bench.controller, diffGroups(running, wanted), wanted);
}

describe('applyGroupUpdate', () => {
  it('restarts only what changed in a group', async () => {
    const bench = new SupervisorBench();
    const [same, changed, gone] = ['same', 'changed', 'gone'].map((name) => ({ ...RUN, name }));
    await bench.controller.addGroup(groupConfig('g', [same ?? {}, changed ?? {}, gone ?? {}]));
    await settle();
    const before = bench.process('g:same');
    const { pid } = before.status;
    const wanted = groupConfig('g', [
      { ...changed, command: '/bin/other' },
      { ...same },
      { ...RUN, name: 'fresh' },
    ]);
    const done = update(bench, [wanted]);
    await settle();
    expect(bench.keeper.signals).toHaveLength(2);
    bench.end('g:gone');
    bench.end('g:changed');
    await done;
    await settle();
    expect(bench.process('g:same')).toBe(before);
    expect(before.status).toMatchObject({ state: 'RUNNING', pid });
    expect(bench.process('g:changed').status.state).toBe('RUNNING');
    expect(bench.process('g:fresh').status.state).toBe('RUNNING');
    expect(() => bench.process('g:gone')).toThrow();
    const names = [...(bench.controller.group('g')?.processes.keys() ?? [])];
    expect(names).toEqual(['changed', 'same', 'fresh']);
    expect(
      diffGroups(
        bench.controller.groups().map(({ config }) => config),
        [wanted],
      ),
    ).toEqual({
      added: [],
      changed: [],
      removed: [],
    });
  });

  it('stops all groups that went away at the same time, and adds what is new', async () => {
    const bench = new SupervisorBench();
    for (const name of ['a', 'b']) {
      await bench.controller.addGroup(groupConfig(name, [{ ...RUN, name: 'x' }]));
    }
    await settle();
    const done = update(bench, [groupConfig('c', [{ ...RUN, name: 'x' }])]);
    await settle();
    expect(bench.keeper.signals).toHaveLength(2);
    bench.end('b:x');
    bench.end('a:x');
    await done;
    await settle();
    expect(bench.controller.groups().map(({ config }) => config.name)).toEqual(['c']);
    expect(bench.process('c:x').status.state).toBe('RUNNING');
  });

  it('keeps nothing of a group of listeners', async () => {
    const bench = new SupervisorBench();
    const listener = { bufferSize: 10, events: ['TICK_5'] };
    const processes = [{ ...RUN, name: 'x' }];
    await bench.controller.addGroup(groupConfig('w', processes, { listener }));
    await settle();
    const before = bench.process('w:x');
    const done = update(bench, [
      groupConfig('w', processes, { listener: { ...listener, events: ['TICK_60'] } }),
    ]);
    await settle();
    bench.end('w:x');
    await done;
    expect(bench.process('w:x')).not.toBe(before);
  });
});
