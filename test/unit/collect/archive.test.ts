import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CollectHost } from '../../../src/collect/collect-host.ts';
import { CollectMachine } from '../../support/collect-machine.ts';

const DAY_MS = 86_400_000;

let machine: CollectMachine;

beforeEach(() => {
  machine = new CollectMachine();
});

afterEach(() => {
  machine.remove();
});

function read(...names: string[]): string {
  return readFileSync(machine.path(...names), 'utf8');
}

describe('past days', () => {
  const old = (date: string) =>
    `INSERT INTO system VALUES (0.1, 10, 100, 100, 10, 1, 2, 12, 1, 1, '${date}', 'TIME', 0)`;
  const members = (day: string) =>
    spawnSync('tar', ['-tzf', machine.path('var', 'data-log', `${day}.tar.gz`)])
      .stdout.toString()
      .trim()
      .split('\n');

  test('are dumped, packed and, when old, deleted', async () => {
    await machine.collect();
    machine.execute(old('1983-01-10'));
    machine.execute(old('2026-11-19'));
    expect(await machine.collect()).toBe(0);
    expect(members('1983-01-10')).toEqual([
      '1983-01-10/',
      '1983-01-10/dump_computer.csv',
      '1983-01-10/dump_disk.csv',
      '1983-01-10/dump_folder.csv',
      '1983-01-10/dump_heating.csv',
      '1983-01-10/dump_system.csv',
      '1983-01-10/dump_temperature.csv',
      '1983-01-10/dump_user.csv',
    ]);
    const archive = machine.path('var', 'data-log', '1983-01-10.tar.gz');
    const dump = spawnSync('tar', ['-xOzf', archive, '1983-01-10/dump_system.csv']);
    expect(dump.stdout.toString()).toBe(
      '0.1,10.0,100.0,100.0,10.0,1.0,2.0,12.0,1.0,1.0,1983-01-10,TIME,0\r\n',
    );
    expect(existsSync(machine.path('var', 'data-log', '1983-01-10'))).toBe(false);
    expect(machine.query("SELECT date, reported FROM system WHERE time = 'TIME'")).toEqual([
      ['2026-11-19', 1],
    ]);
  });

  test('keep a folder of dumps that an interrupted run left, until it is packed', async () => {
    mkdirSync(machine.path('var', 'data-log', '2026-11-01'), { recursive: true });
    writeFileSync(machine.path('var', 'data-log', '2026-11-01', 'dump_user.csv'), 'x\r\n');
    expect(await machine.collect()).toBe(0);
    expect(members('2026-11-01')).toEqual(['2026-11-01/', '2026-11-01/dump_user.csv']);
  });

  test('stay in the archive that they were in when the clock was wrong', async () => {
    await machine.collect();
    const rows = (name: string) => {
      const archive = machine.path('var', 'data-log', name);
      const { stdout } = spawnSync('tar', ['-xOzf', archive, '2026-11-20/dump_system.csv']);
      return stdout.toString().trim().split('\r\n').length;
    };
    const today = machine.nowMs;
    machine.execute(old('2026-11-20'));
    machine.nowMs = today + 365 * DAY_MS;
    await machine.collect();
    expect(machine.query("SELECT date FROM system WHERE date = '2026-11-20'")).toEqual([]);
    machine.nowMs = today;
    await machine.collect();
    machine.nowMs = today + DAY_MS;
    await machine.collect();
    expect([rows('2026-11-20.1.tar.gz'), rows('2026-11-20.tar.gz')]).toEqual([2, 1]);
  });

  test('are not packed again from a folder that a killed run had half removed', async () => {
    await machine.collect();
    machine.execute(old('2026-11-19'));
    const { files } = machine.host;
    const remove: typeof files.remove = async (path, options) => {
      if (options?.isRecursive !== true) return files.remove(path, options);
      for (const name of readdirSync(path).slice(1)) rmSync(`${path}/${name}`);
      throw new Error('killed');
    };
    expect(await machine.collect({ host: { files: { ...files, remove } } })).toBe(1);
    expect(await machine.collect()).toBe(0);
    expect(members('2026-11-19')).toHaveLength(8);
    const left = readdirSync(machine.path('var', 'data-log'));
    expect(left.filter((name) => /19/.test(name))).toEqual(['2026-11-19.tar.gz']);
  });

  test.each([1, 2])('have one archive where a run is killed before its rename %d', async (nth) => {
    await machine.collect();
    machine.execute(old('2026-11-19'));
    let renames = 0;
    const rename: CollectHost['rename'] = (from, to) => {
      renames += 1;
      return renames === nth ? Promise.reject(new Error('killed')) : machine.host.rename(from, to);
    };
    expect(await machine.collect({ host: { rename } })).toBe(1);
    expect(await machine.collect()).toBe(0);
    expect(members('2026-11-19')).toHaveLength(8);
    const left = readdirSync(machine.path('var', 'data-log'));
    expect(left.filter((name) => /19/.test(name))).toEqual(['2026-11-19.tar.gz']);
  });

  test('with a date that is no date touch nothing outside', async () => {
    await machine.collect();
    machine.execute(old('../../escape'));
    expect(await machine.collect()).toBe(0);
    expect(existsSync(machine.path('escape'))).toBe(false);
  });

  test('get their consumption report once, and none after an upload', async () => {
    mkdirSync(machine.path('var', 'consumption-report'), { recursive: true });
    writeFileSync(machine.path('var', 'consumption-report', '2026-11-18.xml.uploaded'), '');
    await machine.collect();
    const name = ['2026-11-19.xml'];
    expect(readdirSync(machine.path('var', 'xml_report', 'COMP-1'))).toEqual(name);
    expect(read('var', 'consumption-report', '2026-11-19.xml')).toContain(
      '<quantity>-1</quantity>',
    );
    rmSync(machine.path('var', 'xml_report', 'COMP-1', '2026-11-19.xml'));
    await machine.collect();
    expect(readdirSync(machine.path('var', 'xml_report', 'COMP-1'))).toEqual([]);
  });
});
