import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryKills } from '../../../../src/supervisor/process/memory-kills.ts';

let base: string;
let said: string[];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'memory-kills-'));
  said = [];
});
afterEach(() => rmSync(base, { recursive: true }));

function setCount(group: string, count: number): void {
  mkdirSync(join(base, group), { recursive: true });
  writeFileSync(join(base, group, 'memory.events'), `low 0\nmax 9\noom 2\noom_kill ${count}\n`);
}

const create = (folder = base) =>
  new MemoryKills({ base: folder, write: (level, text) => said.push(`${level} ${text}`) });

test('each kill is told once, with the service that ended', () => {
  setCount('slappart0', 3);
  const kills = create();
  kills.look({ name: 'slappart0:web', signal: 9 });
  expect(said).toEqual([]);
  setCount('slappart0', 4);
  kills.look({ name: 'slappart0:web', signal: 9 });
  kills.look({ name: 'slappart0:db', signal: 9 });
  setCount('slappart0', 6);
  kills.look({ name: 'slappart0:db', signal: 9 });
  expect(said.map((line) => line.replace(/ \(.*/, ''))).toEqual([
    'WARN out of memory: the kernel killed a process of slappart0, when slappart0:web ended',
    'WARN out of memory: the kernel killed 2 processes of slappart0, when slappart0:db ended',
  ]);
});

test('a group that was removed and made again counts from the start', () => {
  setCount('slappart0', 5);
  const kills = create();
  setCount('slappart0', 1);
  kills.look({ name: 'slappart0:web', signal: 9 });
  expect(said).toHaveLength(1);
});

test('other ends, names that are encoded and machines without cgroups tell nothing', () => {
  const kills = create();
  setCount('slappart0', 1);
  kills.look({ name: 'slappart0:web', signal: 15 });
  kills.look({ name: '../slappart0:web', signal: 9 });
  kills.look({ name: 'web', signal: 9 });
  create('').look({ name: 'slappart0:web', signal: 9 });
  create(join(base, 'none')).look({ name: 'slappart0:web', signal: 9 });
  expect(said).toEqual([]);
});
