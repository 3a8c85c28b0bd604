/** `node certificate show` and `renew` of a node that was registered at a Master over real TLS. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { NodeStatus } from '../../../src/status/model.ts';
import { RegistrationScene } from '../../support/registration-scene.ts';
import { runSlapos } from '../../support/run-slapos.ts';

const DAY_MS = 86_400_000;

let scene: RegistrationScene;
let cfg: readonly string[];
beforeEach(async () => {
  scene = await RegistrationScene.open();
  const { master } = scene;
  expect((await scene.register(['--token', master.createToken(), 'n'])).status).toBe(0);
  expect((await scene.configureClient(['--token', master.createToken()])).status).toBe(0);
  cfg = ['--cfg', join(scene.etc, 'slapos.cfg')];
});
afterEach(() => scene.close());

const show = (...words: string[]) => runSlapos(['node', 'certificate', 'show', ...cfg, ...words]);
const renew = (...words: string[]) => {
  const client = ['--client-cfg', join(scene.folder, 'client/slapos-client.cfg')];
  return runSlapos(['node', 'certificate', 'renew', ...cfg, ...client, ...words]);
};
const slapCalls = () =>
  scene.master.heard
    .filter(({ path }) => !path.includes('Person_'))
    .map(({ path, peer }) => [path, peer]);

function putPartition(name: string, wish: { notAfterMs?: number } = {}): void {
  const pair = scene.master.authority.issue({ commonName: `CERTLOGIN-2-${name}`, ...wish });
  writeFileSync(join(scene.etc, 'ssl/partition_pki', `${name}.crt`), pair.certificate);
  writeFileSync(join(scene.etc, 'ssl/partition_pki', `${name}.key`), pair.key);
}

async function states(): Promise<Record<string, string>> {
  const { stdout } = await show('--format', 'json');
  const known = JSON.parse(stdout) as { name: string; state: string }[];
  return Object.fromEntries(known.map(({ name, state }) => [name, state]));
}

test('what is valid, expires, has expired, and is broken', async () => {
  putPartition('slappart2');
  putPartition('slappart10', { notAfterMs: Date.now() + 10 * DAY_MS });
  expect((await show()).status).toBe(0);
  putPartition('slappart3', { notAfterMs: Date.now() - DAY_MS });
  putPartition('slappart4');
  writeFileSync(join(scene.etc, 'ssl/partition_pki/slappart4.key'), scene.read('slapos/ssl/key'));
  writeFileSync(join(scene.etc, 'ssl/partition_pki/slappart5.crt'), '\u001b[2J');
  writeFileSync(join(scene.etc, 'ssl/partition_pki/slappart6.crt'), '');
  const { status, stdout } = await show();
  expect(status).toBe(1);
  expect(stdout).toMatch(/ node +CERTLOGIN-1-x7-COMP-1234 .* valid /);
  expect(stdout).toMatch(/ slappart10 .* (9|10) +expires soon /);
  expect(await states()).toEqual({
    node: 'valid',
    slappart2: 'valid',
    slappart3: 'expired',
    slappart4: 'not its key',
    slappart5: 'unreadable',
    slappart10: 'expires soon',
  });
});

test('the model of the node has them', async () => {
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const { stdout } = await runSlapos(['node', 'status', '--format', 'json', ...cfg]);
  expect(told.mock.calls.flat().join('')).toMatch(/^The supervisor does not run: .*\n$/);
  told.mockRestore();
  const { certificates } = JSON.parse(stdout) as NodeStatus;
  const notAfterMs = expect.any(Number);
  expect(certificates).toEqual([{ name: 'node', state: 'valid', notAfterMs }]);
});

test('a person renews the certificate of the node', async () => {
  const former = { key: scene.read('slapos/ssl/key'), crt: scene.read('slapos/ssl/certificate') };
  const { status, stderr } = await renew();
  expect(stderr).toContain('Revoking the present certificate');
  expect(stderr).toContain('Node COMP-1234 has a new certificate');
  expect(status).toBe(0);
  expect(slapCalls()).toEqual([
    ['/generateComputerCertificate', 'CERTLOGIN-2-x7-PERS'],
    ['/revokeComputerCertificate', 'CERTLOGIN-2-x7-PERS'],
    ['/generateComputerCertificate', 'CERTLOGIN-2-x7-PERS'],
    ['/getFullComputerInformation?computer_id=COMP-1234', 'CERTLOGIN-3-x7-COMP-1234'],
  ]);
  expect(scene.tree('slapos/ssl')).toEqual([
    'slapos/ssl 711',
    'slapos/ssl/certificate 600',
    'slapos/ssl/certificate.old 600',
    'slapos/ssl/key 600',
    'slapos/ssl/key.old 600',
    'slapos/ssl/master_ca.crt 644',
    'slapos/ssl/partition_pki 711',
  ]);
  expect([scene.read('slapos/ssl/key.old'), scene.read('slapos/ssl/certificate.old')]).toEqual([
    former.key,
    former.crt,
  ]);
  expect(scene.read('slapos/ssl/certificate')).not.toBe(former.crt);
  expect(await states()).toEqual({ node: 'valid' });
});

test('a person of another Master revokes nothing', async () => {
  const path = join(scene.folder, 'client/slapos-client.cfg');
  writeFileSync(
    path,
    scene.read('client/slapos-client.cfg').replace(scene.url, 'https://h.example'),
  );
  const { status, stderr } = await renew();
  expect(stderr).toMatch(/The Master of .* is https:\/\/h.example\/, and that of the node/);
  expect([status, slapCalls()]).toEqual([1, []]);
});

test('nothing is revoked where the authority allows two', async () => {
  scene.master.allowsOverlap = true;
  expect((await renew()).status).toBe(0);
  expect(slapCalls().map(([path]) => path)).toEqual([
    '/generateComputerCertificate',
    '/getFullComputerInformation?computer_id=COMP-1234',
  ]);
});

test('a certificate that cannot be used takes no place, and the next run goes on with it', async () => {
  const former = scene.read('slapos/ssl/certificate');
  scene.master.misbehaviour = 'future-certificate';
  const { status, stderr } = await renew();
  expect(stderr).toMatch(/cannot be used: the certificate is not valid before.*kept in/);
  expect([status, scene.read('slapos/ssl/certificate')]).toEqual([1, former]);
  const kept = join(scene.etc, 'ssl/.certificate.renewal/answer.json');
  expect(scene.tree('slapos/ssl/.certificate.renewal')).toContain(
    'slapos/ssl/.certificate.renewal/answer.json 600',
  );
  const given = readFileSync(kept, 'utf8');
  const calls = slapCalls().length;
  expect((await renew()).status).toBe(1);
  expect([slapCalls().length, readFileSync(kept, 'utf8')]).toEqual([calls, given]);
});

test('when no new one comes after the revocation, the next run gets it', async () => {
  scene.master.isSilentAfterRevocation = true;
  const first = await renew();
  expect(first.stderr).toMatch(/was revoked, and no new one came: .*run the same command again/);
  expect([first.status, scene.tree('slapos/ssl/.certificate.renewal')]).toEqual([1, []]);
  scene.master.isSilentAfterRevocation = false;
  expect((await renew()).status).toBe(0);
  expect(await states()).toEqual({ node: 'valid' });
});

test('a dry run prints the steps', async () => {
  const before = scene.master.heard.length;
  const { status, stdout } = await renew('--dry-run');
  expect(stdout.replaceAll(scene.folder, '/F').split('\n')[0]).toBe(
    'revoke the certificate if it is valid, get a new one and keep it in /F/slapos/ssl/.certificate.renewal/answer.json mode 0600',
  );
  expect([status, scene.master.heard.length]).toEqual([0, before]);
});
