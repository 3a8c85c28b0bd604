/** What a partition plants where `node collect` writes into it. */
import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CollectMachine } from '../../support/collect-machine.ts';
import { DISGUISES, Outside, plant } from '../../support/hostile-site.ts';
import { requires } from '../../support/requires.ts';

const USER = { uid: 5000 };
const ROW =
  "INSERT INTO user VALUES ('slapuserN', 42, '42-1.0', 1.5, 120, 3, 4, 1048576, 10, 20, '2026-11-20', '10:04:01', 0)";
const PATHS = [
  '.slapgrid',
  '.slapgrid/monitor',
  '.slapgrid/monitor/monitor_resource.status.json',
  '.slapgrid/monitor/monitor_process_resource.status.json',
  '.slapgrid/monitor/monitor_resource_process.data.json',
  '.slapgrid/monitor/monitor_resource_memory.data.json',
  '.slapgrid/monitor/monitor_resource_io.data.json',
  'DATA',
  'DATA/disk',
];

requires('root', 'netns')('node collect', () => {
  let machine: CollectMachine;
  let outside: Outside;

  beforeEach(async () => {
    machine = new CollectMachine();
    outside = new Outside(machine.path());
    writeFileSync(machine.path('slappart1', 'own'), 'mine\n');
    await machine.collect();
    for (const user of ['0', '1']) machine.execute(ROW.replace('slapuserN', `slapuser${user}`));
  });
  afterEach(() => machine.remove());

  it.each(PATHS)('changes and shows nothing that is planted at %s', async (path) => {
    const at = machine.path('slappart0', path);
    const theirs = machine.path('slappart1', '.slapgrid/monitor/monitor_resource.status.json');
    for (const [kind, put] of Object.entries(DISGUISES)) {
      plant(at, (place) => put(place, outside, machine.path('slappart1', 'own')), USER);
      rmSync(theirs, { force: true });
      expect([kind, await machine.collect()]).toEqual([kind, 0]);
      expect([kind, outside.changes]).toEqual([kind, '']);
      expect(readFileSync(machine.path('slappart1', 'own'), 'utf8')).toBe('mine\n');
      expect(lstatSync(theirs).isFile()).toBe(true);
    }
  });
});
