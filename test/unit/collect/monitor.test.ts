import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CollectMachine } from '../../support/collect-machine.ts';

let machine: CollectMachine;

beforeEach(() => {
  machine = new CollectMachine();
});

afterEach(() => {
  machine.remove();
});

const monitor = (partition: number, name: string) =>
  machine.path(`slappart${partition}`, '.slapgrid', 'monitor', name);

/** A `user` row of slapuser0 in the minute before the machine's clock. */
const ROW_OF_LAST_MINUTE =
  "INSERT INTO user VALUES ('slapuser0', 42, '42-1.0', 1.5, 120, 3, 4, 1048576, 10, 20, '2026-11-20', '10:04:01', 0)";

describe('monitor files', () => {
  test('hold the minute before, and grow by one row a minute', async () => {
    await machine.collect();
    machine.execute(ROW_OF_LAST_MINUTE);
    expect(await machine.collect()).toBe(0);
    const data = JSON.parse(readFileSync(monitor(0, 'monitor_resource_process.data.json'), 'utf8'));
    expect(data.data).toEqual([
      'date, total process, CPU percent, CPU time, CPU threads',
      '2026-11-20 10:04:00, 1, 1.5, 2.0, 3.0',
    ]);
    await machine.collect();
    const text = readFileSync(monitor(0, 'monitor_resource_memory.data.json'), 'utf8');
    expect(text).toMatch(/"date, memory used percent, memory used","2026.*","2026.*"\]\}$/);
    expect(readFileSync(monitor(1, 'monitor_resource.status.json'), 'utf8')).toBe('{}');
    expect(readdirSync(machine.path('slappart1', '.slapgrid', 'monitor'))).toEqual([
      'monitor_resource.status.json',
    ]);
    expect(statSync(monitor(0, 'monitor_resource_io.data.json')).mode & 0o777).toBe(0o644);
  });

  test('name the processes that are still there, of that user alone', async () => {
    machine.first = [
      { pid: 42, uid: 5000, startTicks: 100, threads: 1 },
      { pid: 43, uid: 5001, startTicks: 100, threads: 1 },
    ];
    await machine.collect();
    machine.execute(ROW_OF_LAST_MINUTE);
    machine.execute(ROW_OF_LAST_MINUTE.replace('42,', '43,'));
    await machine.collect();
    const path = monitor(0, 'monitor_process_resource.status.json');
    const list = JSON.parse(readFileSync(path, 'utf8')) as Array<{ pid: number }>;
    const [own, foreign] = [42, 43].map((pid) => list.find((entry) => entry.pid === pid));
    expect(own).toMatchObject({ command: ['/bin/program', '42'], user: 'slapuser0' });
    expect(foreign).not.toHaveProperty('command');
  });

  test('are left out where a partition has no .slapgrid', async () => {
    rmSync(machine.path('slappart1'), { recursive: true });
    rmSync(machine.path('slappart0', '.slapgrid'), { recursive: true });
    expect(await machine.collect()).toBe(0);
    expect(machine.log.problems()).toEqual([]);
    expect(existsSync(machine.path('slappart0', '.slapgrid'))).toBe(false);
  });

  test.each(['', '{"date": 1.0, "data": ["date, total', '[]'])(
    'broken as %j are mended',
    async (text) => {
      await machine.collect();
      machine.execute(ROW_OF_LAST_MINUTE);
      const path = monitor(0, 'monitor_resource_process.data.json');
      writeFileSync(path, text);
      await machine.collect();
      expect(JSON.parse(readFileSync(path, 'utf8')).data).toHaveLength(2);
    },
  );

  test('never follow a link of the partition', async () => {
    await machine.collect();
    machine.execute(ROW_OF_LAST_MINUTE);
    const victim = machine.path('victim');
    writeFileSync(victim, '{"date": 1.0, "data": []}');
    for (const name of ['monitor_resource_process.data.json', 'monitor_resource_io.data.json']) {
      symlinkSync(victim, monitor(0, name));
    }
    rmSync(monitor(0, 'monitor_resource.status.json'));
    symlinkSync(victim, monitor(0, 'monitor_resource.status.json'));
    mkdirSync(machine.path('elsewhere'));
    rmSync(machine.path('slappart1', '.slapgrid'), { recursive: true });
    symlinkSync(machine.path('elsewhere'), machine.path('slappart1', '.slapgrid'));
    await machine.collect();
    expect(readFileSync(victim, 'utf8')).toBe('{"date": 1.0, "data": []}');
    expect(statSync(monitor(0, 'monitor_resource.status.json')).isFile()).toBe(true);
    expect(readdirSync(machine.path('elsewhere'))).toEqual([]);
  });
});
