/** Who asks: login and password, tokens from files, the environment and questions. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RegistrationScene } from '../../support/registration-scene.ts';
import type { RunResult } from '../../support/run-slapos.ts';

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

describe('what was given is looked at before anybody is asked:', () => {
  const fill = (content: string): string => {
    const file = join(scene.folder, 'secret');
    writeFileSync(file, content);
    return file;
  };
  const expectUnasked = (result: RunResult, message: string, status: number) => {
    expect(messages(result.stderr)).toEqual([`ERROR ${message} [SLAPOS_ERR_USAGE]`]);
    expect(result.status).toBe(status);
    // Not even a connection: a name that is looked up, a certificate that is shown.
    expect([scene.master.connections, scene.names.filter((name) => name !== 'secret')]).toEqual([
      0,
      [],
    ]);
  };
  const copyIt = ' (copy it whole, without line breaks)';

  test.each([
    ['an empty one', ' \n', 'is empty'],
    ['two words', 'to ken\n', 'holds characters of no token'],
    ['bytes that are no text', '\u0000\u0001', 'holds characters of no token'],
  ])('a token file with %s', async (_title, content, fault) => {
    const words = ['--token-file', fill(content)];
    for (const run of [scene.register([...words, 'n']), scene.configureClient(words)]) {
      expectUnasked(await run, `The token in /F/secret ${fault}.${copyIt}`, 2);
    }
  });

  test.each(['token', 'password'])('a %s file that is too long', async (name) => {
    const login = name === 'password' ? ['--login', 'joe'] : [];
    const words = [...login, `--${name}-file`, fill('x'.repeat(4097)), 'n'];
    const message = `The ${name} in /F/secret cannot be read: it is more than 4096 bytes.`;
    expectUnasked(await scene.register(words), message, 1);
  });

  test('a file without an end', async () => {
    const message = 'The token in /dev/zero cannot be read: it is more than 4096 bytes.';
    expectUnasked(await scene.register(['--token-file', '/dev/zero', 'n']), message, 1);
  });

  test('a file that is not there, and a folder', async () => {
    const absent = join(scene.folder, 'absent');
    const none = `The token in /F/absent cannot be read: ENOENT: no such file or directory, open '/F/absent'.`;
    expectUnasked(await scene.register(['--token-file', absent, 'n']), none, 1);
    expectUnasked(await scene.configureClient(['--token-file', absent]), none, 1);
    const isFolder =
      'The token in /F cannot be read: EISDIR: illegal operation on a directory, read.';
    expectUnasked(await scene.register(['--token-file', scene.folder, 'n']), isFolder, 1);
  });

  test('a password file that is empty', async () => {
    const words = ['--login', 'joe', '--password-file', fill('\n'), 'n'];
    expectUnasked(await scene.register(words), 'The password in /F/secret is empty.', 1);
  });

  test('a token of the command line and of the environment', async () => {
    const given = await scene.register(['--token', 'to ken', 'n']);
    expectUnasked(given, `The token holds characters of no token.${copyIt}`, 2);
    const env = { SLAPOS_TOKEN: 'to ken' };
    const message = `The token in $SLAPOS_TOKEN holds characters of no token.${copyIt}`;
    expectUnasked(await scene.register(['n'], { env }), message, 2);
  });

  test('in a dry run too, but for standard input, which is left alone', async () => {
    const words = ['--dry-run', '--token-file'];
    const long = await scene.register([...words, fill('x'.repeat(5000)), 'n']);
    expectUnasked(long, 'The token in /F/secret cannot be read: it is more than 4096 bytes.', 1);
    expect((await scene.register([...words, '-', 'n'])).status).toBe(0);
  });
});

test('who goes on with an answer that is kept needs no token file any more', async () => {
  const file = join(scene.folder, 'token');
  writeFileSync(file, scene.master.createToken());
  scene.master.misbehaviour = 'future-certificate';
  expect((await scene.register(['--token-file', file, 'n'])).status).toBe(1);
  rmSync(file);
  const again = await scene.register(['--token-file', file, 'n']);
  expect(messages(again.stderr)[0]).toBe(
    'INFO Going on with the answer kept in /F/.slapos.registration.',
  );
  expect(scene.master.asked).toHaveLength(1);
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
