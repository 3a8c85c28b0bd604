/** Who asks: login and password, tokens from files, the environment and questions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RegistrationScene } from '../../support/registration-scene.ts';

let scene: RegistrationScene;
beforeEach(async () => {
  scene = await RegistrationScene.open();
});
afterEach(() => scene.close());

const messages = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\S+ \S+ slapos\[\d+\] /, '').replaceAll(scene.folder, '/F'));

describe('by login and password', () => {
  const joe = () => ['--login', scene.master.account.login];

  test('the account is checked, then asked with the name encoded', async () => {
    const words = [...joe(), '--password', scene.master.account.password];
    const { status } = await scene.register([...words, 'a b&c']);
    expect(status).toBe(0);
    const paths = scene.master.heard.map(({ method, path }) => `${method} ${path}`);
    expect(paths).toEqual(['GET /', 'GET /Person_requestComputer?title=a%20b%26c']);
  });

  test('a wrong one is refused before anything is asked', async () => {
    const { status, stderr } = await scene.register([...joe(), '--password', 'wrong', 'n']);
    expect(messages(stderr)).toEqual([
      'WARNING Wrong login/password',
      'ERROR Access denied to the SlapOS Master. Please check username and password. [SLAPOS_ERR_MASTER_UNAUTHENTICATED]',
    ]);
    expect([status, scene.names, scene.master.asked]).toEqual([1, [], []]);
  });

  test('a Master that has only tokens says so', async () => {
    scene.master.misbehaviour = 'not-implemented';
    const env = { SLAPOS_PASSWORD: scene.master.account.password };
    const { status, stderr } = await scene.register([...joe(), 'n'], { env });
    expect(messages(stderr)).toEqual([
      expect.stringContaining(
        'does not support login/password authentication. Please use the token.',
      ),
    ]);
    expect([status, scene.names]).toEqual([1, []]);
  });
});

test('the token may come from a file or the environment', async () => {
  const file = join(scene.folder, 'token');
  writeFileSync(file, `  ${scene.master.createToken()}\n`);
  expect((await scene.register(['--token-file', file, 'a'])).status).toBe(0);
  const env = { SLAPOS_TOKEN: scene.master.createToken() };
  expect((await scene.register(['b'], { env })).status).toBe(0);
});

test('no log holds a token or a password', async () => {
  const logFile = join(scene.folder, 'log');
  const verbose = ['--verbose', '--verbose', '--debug', '--log-file', logFile];
  const { login, password } = scene.master.account;
  const good = scene.master.createToken();
  const runs = [
    await scene.register([...verbose, '--token', 'token-that-nobody-gave', 'n']),
    await scene.register([...verbose, '--token', good, 'n']),
    await scene.register([...verbose, '--login', login, '--password', password, 'm']),
  ];
  expect(runs.map(({ status }) => status)).toEqual([1, 0, 0]);
  const told = runs.map(({ stdout, stderr }) => stdout + stderr).join('') + scene.read('log');
  for (const secret of ['token-that-nobody-gave', good, password])
    expect(told).not.toContain(secret);
  expect(told).not.toMatch(/PRIVATE KEY|Basic /);
});
