/** Our daemon keeps the contract of the XML-RPC interface; the interop lane holds the stock one to it. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { requires } from '../support/requires.ts';
import { describeHttp } from '../support/supervisor-http-spec.ts';
import { OUR_SUPERVISORD, PeerDaemon } from '../support/supervisor-peers.ts';
import { LATER, PROGRAMS } from '../support/supervisor-programs.ts';
import { describeRpc } from '../support/supervisor-rpc-spec.ts';

requires('root', 'netns')('XML-RPC', () => describeRpc('of our supervisord', OUR_SUPERVISORD));
requires('root', 'netns')('HTTP', () => describeHttp('of our supervisord', OUR_SUPERVISORD));

requires('root', 'netns')('our own methods', () => {
  let daemon: PeerDaemon;
  interface Changes {
    readonly token: string;
    readonly full: boolean;
    readonly processes: ReadonlyArray<{ readonly name: string; readonly statename: string }>;
    readonly removed: readonly string[];
  }
  const changes = (token: string) => daemon.client.call<Changes>('slapos.getChanges', token);

  beforeAll(async () => {
    daemon = new PeerDaemon(OUR_SUPERVISORD, PROGRAMS);
    await daemon.start();
    await daemon.awaitState('recorder', 'RUNNING');
  });
  afterAll(() => daemon.stop());

  it('update everything in one call, and leave alone what did not change', async () => {
    const { client } = daemon;
    const pidOf = async (name: string) =>
      (await client.call<{ pid: number }>('supervisor.getProcessInfo', name)).pid;
    await client.call('supervisor.startProcessGroup', 'g');
    const [kept, changed] = [await pidOf('g:a-on-watch'), await pidOf('g:err')];
    const text = PROGRAMS['conf.d/g.conf'] ?? '';
    daemon.write('conf.d/g.conf', text.replace('echo out', 'echo changed'));
    daemon.write('conf.d/later.conf', LATER);
    daemon.write('conf.d/bad.conf', '[program:bad]\ncommand=/bin/true\nuser=nosuchuser\n');
    daemon.remove('conf.d/quick.conf');
    expect(await client.call('slapos.applyUpdate')).toEqual({
      added: ['later'],
      changed: ['g'],
      removed: ['quick'],
      problems: [
        expect.objectContaining({
          file: `${daemon.root}/conf.d/bad.conf`,
          message: expect.stringContaining('nosuchuser'),
        }),
      ],
    });
    expect(await pidOf('g:a-on-watch')).toBe(kept);
    expect(await pidOf('g:err')).not.toBe(changed);
    expect(await client.call('supervisor.reloadConfig')).toEqual([[[], [], []]]);
    await daemon.awaitState('later', 'RUNNING');
  });

  it('update only the groups that are named', async () => {
    daemon.write('conf.d/more.conf', '[program:more]\ncommand=/bin/sleep 100\n');
    daemon.remove('conf.d/later.conf');
    expect(await daemon.client.call('slapos.applyUpdate', ['more'])).toMatchObject({
      added: ['more'],
      removed: [],
    });
    expect(await daemon.client.call('slapos.applyUpdate', [])).toMatchObject({
      added: [],
      removed: ['later'],
    });
  });

  it('tell what changed', async () => {
    await daemon.awaitState('more', 'RUNNING');
    const first = await changes('');
    expect(first.full).toBe(true);
    expect(first.processes.length).toBeGreaterThan(10);
    expect(await changes(first.token)).toMatchObject({ full: false, processes: [], removed: [] });
    await daemon.client.call('supervisor.stopProcess', 'auto');
    await daemon.client.call('supervisor.stopProcess', 'more');
    await daemon.client.call('supervisor.removeProcessGroup', 'more');
    const next = await changes(first.token);
    expect(next.processes).toEqual([
      expect.objectContaining({ name: 'auto', statename: 'STOPPED' }),
    ]);
    expect(next.removed).toEqual(['more:more']);
  });

  it('tell the usage of cgroups, nil where a process has none of its own', async () => {
    const [row] = await daemon.client.call<unknown[]>('slapos.getUsage', ['g:a-on-watch']);
    expect(row).toEqual({
      name: 'a-on-watch',
      group: 'g',
      pid: expect.any(Number),
      cgroup: null,
    });
  });
});
