/**
 * The real `slapos` joins a Master over TLS, from a terminal and from pipes, and works with the
 * configuration that it got: its calls show the certificate of the node.
 */
import { type SpawnSyncReturns, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { createInteropBridge, removeInteropBridge } from '../support/interop-release.ts';
import { RegistrationScene } from '../support/registration-scene.ts';
import { requires } from '../support/requires.ts';
import { Terminal } from '../support/terminal.ts';

const SLAPOS = join(packageRoot(), 'bin', 'slapos');

let scene: RegistrationScene;

async function slapos(
  words: readonly string[],
  input = '',
): Promise<Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>> {
  const child = spawn(SLAPOS, words, { cwd: scene.folder });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}

const registerWords = () => [
  ...['node', 'register', '--cfg', join(scene.etc, 'slapos.cfg'), ...scene.trust],
  ...['--software-root', join(scene.folder, 'software')],
  ...['--instance-root', join(scene.folder, 'instance'), '--partition-number', '2'],
  ...['--interface-name', 'br0'],
];

requires('root', 'netns')('joining a Master', () => {
  beforeAll(createInteropBridge);
  afterAll(removeInteropBridge);
  beforeEach(async () => {
    scene = await RegistrationScene.open();
  });
  afterEach(() => scene.close());

  test('format and software work with what register wrote', async () => {
    const registered = await slapos(
      [...registerWords(), 'n'],
      `\n  ${scene.master.createToken()} \n`,
    );
    expect([registered.status, registered.stdout]).toEqual([0, '']);
    expect(registered.stderr).toContain('Computer security token: ');
    scene.master.heard.length = 0;
    const here = (name: string) => join(scene.folder, name);
    for (const folder of ['software', 'instance']) mkdirSync(here(folder));
    const cfg = ['--cfg', join(scene.etc, 'slapos.cfg'), '--now'];
    const log = ['--log-file', here('log')];
    const format = ['--computer_xml', here('slapos.xml')];
    const formatted = await slapos(['node', 'format', ...cfg, ...log, ...format]);
    expect(formatted.stderr).not.toContain('ERROR');
    expect(formatted.status).toBe(0);
    const built = await slapos(['node', 'software', ...cfg, ...log, '--pidfile', here('pid')]);
    expect([built.status, built.stderr.includes('ERROR')]).toEqual([0, false]);
    const calls = scene.master.heard.map(({ path, peer }) => `${path.split('?')[0]} ${peer}`);
    expect(calls).toEqual([
      '/loadComputerConfigurationFromXML CERTLOGIN-1-x7-COMP-1234',
      '/getFullComputerInformation CERTLOGIN-1-x7-COMP-1234',
    ]);
  });

  test('the end of the input is one clear error', async () => {
    const { status, stderr } = await slapos([...registerWords(), 'n']);
    expect(stderr).toMatch(/ERROR Standard input ended before the question was answered\./);
    expect([status, scene.master.asked, scene.names]).toEqual([1, [], []]);
    const none = await slapos(['node', 'register']);
    expect([none.status, none.stderr.startsWith('usage: slapos node register')]).toEqual([2, true]);
  });

  test('a terminal shows nothing of a token or a password', async () => {
    const quote = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');
    const token = scene.master.createToken();
    const byToken = new Terminal(`${SLAPOS} ${quote([...registerWords(), '--token', 'ask', 'a'])}`);
    await byToken.sees(/Computer security token:$/);
    byToken.type(`${token}\r`);
    expect(await byToken.ended).toBe(0);
    expect(byToken.screen.text).toContain('configured as COMP-1234.');
    expect(byToken.screen.text).not.toContain(token);
    const { login, password } = scene.master.account;
    const byLogin = new Terminal(`${SLAPOS} ${quote([...registerWords(), '--login-auth', 'b'])}`);
    await byLogin.sees(/SlapOS Master Login:$/);
    byLogin.type(`${login}\r`);
    await byLogin.sees(/Password:$/);
    byLogin.type('mistaken\r');
    await byLogin.sees(/Wrong login\/password[\s\S]*Master Login:$/);
    byLogin.type(`${login}\r`);
    await byLogin.sees(/Master Login: joe\nPassword:$/);
    byLogin.type(`${password}\r`);
    expect(await byLogin.ended).toBe(0);
    expect(byLogin.screen.text).not.toMatch(/mistaken|secret/);
  });

  test('Ctrl-C at the question leaves nothing', async () => {
    const words = [...registerWords(), 'n'].map((word) => `'${word}'`).join(' ');
    const terminal = new Terminal(`${SLAPOS} ${words}`);
    await terminal.sees(/Computer security token:$/);
    terminal.type('\u0003');
    expect(await terminal.ended).toBe(130);
    expect([scene.master.asked, scene.names]).toEqual([[], []]);
  });

  test('a second run at the same time is told who is at it', async () => {
    scene.master.misbehaviour = 'silence';
    const first = slapos([...registerWords(), '--token', scene.master.createToken(), 'n']);
    while (scene.master.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await slapos([...registerWords(), '--token', scene.master.createToken(), 'n']);
    expect(second.stderr).toMatch(/INFO Process \d+ is registering this already\./);
    expect([second.status, scene.master.asked.length]).toEqual([10, 1]);
    await scene.master.close();
    expect((await first).stderr).toContain('after the request was sent');
  });

  test('a folder that cannot be written to is found before the token is used', async () => {
    const token = scene.master.createToken();
    const sys = ['--cfg', '/proc/slapos/slapos.cfg', '--token', token, 'n'];
    const { status, stderr } = await slapos([
      ...registerWords().slice(0, 2),
      ...scene.trust,
      ...sys,
    ]);
    expect(stderr).toMatch(/Cannot write in \/proc|No space is left/);
    expect([status, scene.master.heard]).toEqual([1, []]);
  });
});
