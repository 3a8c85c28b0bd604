import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { chooseConfigPath, expandUser } from '../../../src/config/path.ts';
import { homeOf } from '../../../src/host/folder/home-of.ts';

const home = mkdtempSync(join(tmpdir(), 'slapos-home-'));
afterAll(() => rmSync(home, { recursive: true }));

describe('~', () => {
  test.each([
    ['~', '/home/me'],
    ['~/x', '/home/me/x'],
    ['~root/x', '/root/x'],
    ['~nobody-of-that-name/x', '~nobody-of-that-name/x'],
    ['x/~', 'x/~'],
    ['', ''],
  ])('%j is %j', (path, expected) => {
    expect(expandUser(path, { HOME: '/home/me' }, homeOf)).toBe(expected);
  });

  test('without $HOME', () => {
    expect(expandUser('~/x', {}, homeOf)).toBe(join(homedir(), 'x'));
    expect(expandUser('~/x', { HOME: '/' }, homeOf)).toBe('/x');
  });
});

describe('the path', () => {
  const env = { HOME: home };

  test('of a node', () => {
    const choose = (option?: string, more = {}) =>
      chooseConfigPath({ family: 'node', option, env: { ...env, ...more }, homeOf });
    expect(choose()).toBe('/etc/opt/slapos/slapos.cfg');
    expect(choose(undefined, { SLAPOS_CONFIGURATION: '~/a' })).toBe(`${home}/a`);
    expect(choose('rel/b', { SLAPOS_CONFIGURATION: '~/a' })).toBe('rel/b');
    expect(choose('')).toBe('');
    expect(choose(undefined, { SLAPOS_CONFIGURATION: '' })).toBe('');
  });

  test('of a client, which once had another name', () => {
    const choose = (more = {}) =>
      chooseConfigPath({ family: 'client', option: undefined, env: { ...env, ...more }, homeOf });
    const current = `${home}/.slapos/slapos-client.cfg`;
    const older = `${home}/.slapos/slapos.cfg`;
    expect(choose()).toBe(current);
    mkdirSync(`${home}/.slapos`);
    writeFileSync(older, '');
    expect(choose()).toBe(older);
    writeFileSync(current, '');
    expect(choose()).toBe(current);
    expect(choose({ SLAPOS_CLIENT_CONFIGURATION: 'x' })).toBe('x');
  });
});
