import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceTogether } from '../../../../src/host/folder/replace-together.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'replace-together-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (name: string) => join(root, name);
const key = () => ({ path: at('key'), text: 'new key' });
const certificate = () => ({ path: at('certificate'), text: 'new certificate' });
const read = (name: string) => readFileSync(at(name), 'utf8');
const modeOf = (name: string) => lstatSync(at(name)).mode & 0o777;

/** Nothing can be renamed to the name of a folder, which this one has when it is written. */
const spoilt = () => ({
  ...certificate(),
  get text() {
    mkdirSync(at('certificate'), { recursive: true });
    return '';
  },
});

it('replaces all', async () => {
  writeFileSync(at('key'), 'old', { mode: 0o644 });
  await replaceTogether([key(), certificate()]);
  expect([read('key'), read('certificate')]).toEqual(['new key', 'new certificate']);
  expect([readdirSync(root).sort(), modeOf('key')]).toEqual([['certificate', 'key'], 0o600]);
});

it('brings back those before one that cannot be replaced', async () => {
  writeFileSync(at('key'), 'old', { mode: 0o640 });
  const refused = `Cannot write ${at('certificate')}: EISDIR.`;
  await expect(replaceTogether([key(), spoilt()])).rejects.toThrow(refused);
  expect([read('key'), modeOf('key')]).toEqual(['old', 0o640]);
  expect(readdirSync(root).sort()).toEqual(['certificate', 'key']);
});

it('removes what was not there', async () => {
  await expect(replaceTogether([key(), spoilt()])).rejects.toThrow('EISDIR');
  expect(readdirSync(root)).toEqual(['certificate']);
});
