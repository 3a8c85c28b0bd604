/**
 * `node register` and `configure client` of upstream and of ours against the same Master: the same
 * requests, files, modes, keys and settings; what differs on purpose is in docs/compatibility.md.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/read.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { findInteropPython } from '../support/interop-release.ts';
import { RegistrationScene } from '../support/registration-scene.ts';

const peer = findInteropPython();
const python = 'python' in peer ? peer.python : '';
const note = 'reason' in peer ? ` [skipped: ${peer.reason}]` : '';
const UPSTREAM = [python, join(import.meta.dirname, '../support/upstream.py')];
const OURS = [join(packageRoot(), 'bin', 'slapos')];

let scene: RegistrationScene;
beforeEach(async () => {
  scene = await RegistrationScene.open();
});
afterEach(() => scene.close());

async function run(side: readonly string[], words: readonly string[]) {
  const [program = '', ...more] = side;
  const child = spawn(program, [...more, ...words], {
    cwd: scene.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      log += data;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, log };
}

/** Modes and names below a folder, as if it were called `/D`. */
const treeOf = (name: string) => scene.tree(name).map((line) => line.replace(name, '/D'));

/** Settings by section; the folder is called `/D`. */
function settingsOf(path: string, folder: string) {
  const config = parseConfig(scene.read(path).replaceAll(join(scene.folder, folder), '/D'), path);
  const sections = config
    .sections()
    .map((name) => [name, Object.fromEntries(config.items(name))] as const);
  return Object.fromEntries(sections);
}

describe.skipIf(!('python' in peer))(`at one Master${note}`, () => {
  test('a node', { timeout: 120_000 }, async () => {
    const options = [
      ...['--master-url', `${scene.url}/`, '--master-url-web', scene.url],
      ...['--software-root', '/SOFTWARE/ROOT', '--instance-root', '/INSTANCE/ROOT'],
      ...['--interface-name', 'lo', '--partition-number', '50', '--create-tap'],
    ];
    for (const [folder, side, more] of [
      ['upstream', UPSTREAM, []],
      ['ours', OURS, ['--insecure']],
    ] as const) {
      const cfg = ['--cfg', join(scene.folder, folder, 'slapos.cfg')];
      const token = ['--token', scene.master.createToken()];
      const words = ['node', 'register', ...cfg, ...options, ...token, ...more, 'my node & co'];
      const { status, log } = await run(side, words);
      expect(status, log).toBe(0);
      expect(log).toContain('Node has successfully been configured as COMP-1234.');
      expect(scene.read(folder, 'ssl/key')).toBe(scene.master.given?.key);
      expect(scene.read(folder, 'ssl/certificate')).toBe(scene.master.given?.certificate);
      scene.master.revoke('my node & co');
    }
    const [first, second] = scene.master.asked;
    expect(second?.body).toBe(first?.body);
    expect(second?.path).toBe(first?.path);
    expect(treeOf('ours')).toEqual(treeOf('upstream'));
    const [theirs, ours] = [
      settingsOf('upstream/slapos.cfg', 'upstream'),
      settingsOf('ours/slapos.cfg', 'ours'),
    ];
    expect(ours).toEqual({
      ...theirs,
      slapos: { ...theirs['slapos'], master_tls_verify: 'false' },
      collect: { ...theirs['collect'], pid_folder: '/INSTANCE/ROOT/var/run' },
    });
  });

  test('a person', { timeout: 120_000 }, async () => {
    for (const [folder, side, more] of [
      ['upstream', UPSTREAM, []],
      ['ours', OURS, ['--insecure']],
    ] as const) {
      mkdirSync(join(scene.folder, folder), { mode: 0o700 });
      const words = [
        ...['configure', 'client', '--cfg', join(scene.folder, folder, 'slapos-client.cfg')],
        ...['--master-url', `${scene.url}/`, '--master-url-web', scene.url],
        ...['--token', scene.master.createToken(), ...more],
      ];
      const { status, log } = await run(side, words);
      expect(status, log).toBe(0);
      expect(scene.read(folder, 'client.key')).toBe(scene.master.given?.key);
    }
    expect(treeOf('ours')).toEqual(treeOf('upstream'));
    const [theirs, ours] = ['upstream', 'ours'].map((folder) =>
      settingsOf(`${folder}/slapos-client.cfg`, folder),
    );
    expect(ours).toEqual({
      ...theirs,
      slapos: { ...theirs?.['slapos'], master_tls_verify: 'false' },
    });
  });
});
