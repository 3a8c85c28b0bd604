/**
 * Registrations killed by SIGKILL before each thing that they do: whatever a Master gave is there at
 * the end, with one token where one had been used, and no run shows half of a configuration.
 */
import { type SpawnSyncReturns, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { bundleProgram } from '../../support/bundle-slapos.ts';
import { RegistrationScene } from '../../support/registration-scene.ts';

let bundle: { readonly folder: string; readonly program: string };
let scene: RegistrationScene;
beforeAll(async () => {
  bundle = await bundleProgram('test/fixtures/register-program.ts');
});
afterAll(() => rmSync(bundle.folder, { recursive: true }));
beforeEach(async () => {
  scene = await RegistrationScene.open();
});
afterEach(() => scene.close());

type Outcome = Pick<SpawnSyncReturns<string>, 'status' | 'signal' | 'stdout' | 'stderr'>;

async function run(kind: 'client' | 'node', token: string, killAt: number): Promise<Outcome> {
  const path = kind === 'node' ? scene.etc : join(scene.folder, 'client/slapos-client.cfg');
  const addon = join(packageRoot(), 'build/Release/slapos_native.node');
  const { url, caFile } = scene;
  const order = { kind, path, url, caFile, token, addon, killAt };
  const child = spawn(process.execPath, [bundle.program, JSON.stringify(order)]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { status, signal, stdout, stderr };
}

/** Everything in the scene but its beginnings. */
function clear(): void {
  for (const name of scene.names) rmSync(join(scene.folder, name), { recursive: true });
}

function expectWholeOrAbsent(): void {
  const tree = scene.tree('slapos').map((line) => line.split(' ')[0]);
  if (tree.length === 0 || scene.read('slapos/slapos.cfg') === 'former') return;
  expect(tree).toEqual(expect.arrayContaining(['slapos/ssl/key', 'slapos/ssl/certificate']));
}

/** What an undisturbed run does, and before which of it an answer is in no file yet. */
async function listCalls(kind: 'client' | 'node'): Promise<{ names: string[]; lostAt: number }> {
  const { stdout, stderr } = await run(kind, scene.master.createToken(), -1);
  expect(stderr).toBe('');
  const names = JSON.parse(stdout) as string[];
  return { names, lostAt: names.indexOf('send') + 1 };
}

test('a node that replaces another', { timeout: 120_000 }, async () => {
  const prepare = () => {
    clear();
    scene.master.revoke('n');
    mkdirSync(scene.etc);
    writeFileSync(join(scene.etc, 'slapos.cfg'), 'former');
  };
  prepare();
  const { names, lostAt } = await listCalls('node');
  expect(names.filter((name) => name === 'move')).toHaveLength(2);
  for (const killAt of names.keys()) {
    prepare();
    const token = scene.master.createToken();
    const killed = await run('node', token, killAt);
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    expectWholeOrAbsent();
    const asked = scene.master.asked.length;
    const next = await scene.register(['--token', token, 'n']);
    const place = `killed before call ${killAt}, ${names[killAt]}`;
    if (killAt === lostAt) {
      expect(next.stderr, place).toContain('Access denied');
      expect([scene.read('slapos/slapos.cfg'), scene.names], place).toEqual(['former', ['slapos']]);
      continue;
    }
    expect(next.status, `${place}: ${next.stderr}`).toBe(0);
    expect(scene.master.asked.length - asked, place).toBe(killAt < lostAt ? 1 : 0);
    expect(scene.read('slapos/slapos.cfg'), place).toContain('computer_id = COMP-1234\n');
    expect(scene.read('slapos.old/slapos.cfg'), place).toBe('former');
    expect(scene.names, place).toEqual(['slapos', 'slapos.old']);
  }
});

test('a client', { timeout: 120_000 }, async () => {
  const { names, lostAt } = await listCalls('client');
  for (const killAt of names.keys()) {
    clear();
    const token = scene.master.createToken();
    const killed = await run('client', token, killAt);
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const next = await scene.configureClient(['--token', token]);
    const place = `killed before call ${killAt}, ${names[killAt]}`;
    if (killAt === lostAt) {
      expect([next.status, scene.tree('client')], place).toEqual([1, ['client 700']]);
      continue;
    }
    expect(next.status, `${place}: ${next.stderr}`).toBe(0);
    expect(scene.tree('client'), place).toEqual([
      'client 700',
      'client/client.crt 600',
      'client/client.key 600',
      'client/master_ca.crt 600',
      'client/slapos-client.cfg 600',
    ]);
    expect(scene.master.isTokenGood(token), place).toBe(false);
  }
});
