import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CollectMachine } from '../../support/collect-machine.ts';

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
