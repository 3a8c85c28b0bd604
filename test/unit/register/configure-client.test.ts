/** `configure client` against a Master over real TLS (spec/register.md 2). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { RegistrationScene } from '../../support/registration-scene.ts';

let scene: RegistrationScene;
beforeEach(async () => {
  scene = await RegistrationScene.open();
});
afterEach(() => scene.close());

const configure = () => scene.configureClient(['--token', scene.master.createToken()]);
const inFolder = (name: string) => join(scene.folder, 'client', name);

test('a token gives a configuration, readable by its owner only', async () => {
  const { status, stderr } = await configure();
  expect(stderr).toMatch(/INFO SlapOS client configuration written to \S+slapos-client.cfg\n$/);
  expect(status).toBe(0);
  expect(scene.tree('client')).toEqual([
    'client 700',
    'client/client.crt 600',
    'client/client.key 600',
    'client/master_ca.crt 600',
    'client/slapos-client.cfg 600',
  ]);
  const config = parseConfig(scene.read('client/slapos-client.cfg'), 'client.cfg');
  expect(Object.fromEntries(config.items('slapconsole'))).toEqual({
    cert_file: inFolder('client.crt'),
    key_file: inFolder('client.key'),
  });
  expect(config.get('slapos', 'master_url')).toBe(`${scene.url}/`);
  const [asked] = scene.master.asked;
  expect(asked).toMatchObject({ method: 'POST', path: '/Person_getCertificate', body: '' });
});

test.each([
  ['slapos-client.cfg', 'a new configuration'],
  ['client.crt', 'a new certificate'],
  ['client.key', 'a new key'],
])('%s that exists is left alone', async (name, thing) => {
  mkdirSync(inFolder(''));
  writeFileSync(inFolder(name), 'mine');
  const { status, stderr } = await configure();
  expect(stderr).toContain(
    `There is a file in ${inFolder(name)}. Please remove it before creating ${thing}.`,
  );
  expect([status, scene.master.heard]).toEqual([1, []]);
  expect(
    scene
      .tree('client')
      .slice(1)
      .map((line) => line.split(' ')[0]),
  ).toEqual([`client/${name}`]);
});

test('a refusal leaves nothing, and says why', async () => {
  scene.master.misbehaviour = 'false';
  const { status, stderr } = await configure();
  expect(stderr).toContain('gives no certificate: one was already requested');
  expect([status, scene.tree('client')]).toEqual([1, ['client 700']]);
});

test('a certificate that is not of its key is kept, until the folder is removed', async () => {
  scene.master.misbehaviour = 'other-key';
  const { status, stderr } = await configure();
  expect(stderr).toMatch(/private key is not that of the certificate.*kept in/);
  expect([status, scene.tree('client')[1]]).toEqual([
    1,
    'client/.slapos-client.cfg.registration 700',
  ]);
});

test('a dry run prints the steps, and nothing hears of it', async () => {
  const { status, stdout } = await scene.configureClient(['--dry-run', '--token', 'ask']);
  expect(stdout).toContain('Person_getCertificate and the token in X-Access-Token\n');
  expect([status, scene.master.heard, scene.names]).toEqual([0, [], []]);
});
