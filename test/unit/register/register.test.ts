/** `node register` against a Master over real TLS (spec/register.md 1, 8 and its edge cases). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read.ts';
import { RegistrationScene } from '../../support/registration-scene.ts';
import type { Misbehaviour } from '../../support/stand-in-master.ts';
import { TestAuthority } from '../../support/test-authority.ts';

let scene: RegistrationScene;
beforeEach(async () => {
  scene = await RegistrationScene.open();
});
afterEach(() => scene.close());

const TREE = [
  'slapos 711',
  'slapos/slapos.cfg 644',
  'slapos/ssl 711',
  'slapos/ssl/certificate 600',
  'slapos/ssl/key 600',
  'slapos/ssl/master_ca.crt 644',
  'slapos/ssl/partition_pki 711',
];

const messages = (stderr: string) =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\S+ \S+ slapos\[\d+\] /, '').replaceAll(scene.folder, '/F'));

test('a token gives a configuration, with its keys to root only', async () => {
  const token = scene.master.createToken();
  const { status, stdout, stderr } = await scene.register(['--token', token, 'my node']);
  expect(messages(stderr)).toEqual([
    'INFO Creating directory: /F/slapos',
    'INFO Creating directory: /F/slapos/ssl',
    "INFO Copying to '/F/slapos/ssl/key', and setting minimum privileges",
    "INFO Copying to '/F/slapos/ssl/certificate', and setting minimum privileges",
    "INFO Copying to '/F/slapos/ssl/master_ca.crt', and setting minimum privileges",
    'INFO Creating directory: /F/slapos/ssl/partition_pki',
    'INFO SlapOS configuration written to /F/slapos/slapos.cfg',
    expect.stringMatching(/^INFO Certificate CERTLOGIN-1-x7-COMP-1234 is valid until [\d-]{10}\.$/),
    'INFO Node has successfully been configured as COMP-1234.',
    'INFO Now please invoke slapos node boot on your site.',
  ]);
  expect([status, stdout]).toEqual([0, '']);
  expect(scene.tree('slapos')).toEqual(TREE);
  expect(scene.names).toEqual(['slapos']);
  const [asked, ...others] = scene.master.asked;
  expect(others).toEqual([]);
  expect(asked).toMatchObject({
    method: 'POST',
    path: '/Person_requestComputer',
    body: 'title=my+node',
    headers: { 'x-access-token': token, 'content-type': 'application/x-www-form-urlencoded' },
  });
});

test('the configuration says what was asked for', async () => {
  const words = [
    ...['--software-root', '/SOFTWARE/R%T', '--instance-root', 'C:\\new\\1', '--create-tap'],
    ...[
      '--interface-name',
      'SOME-INTERFACE',
      '--partition-number',
      '50',
      '--ipv6-interface',
      'six0',
    ],
  ];
  const token = scene.master.createToken();
  const { status, stderr } = await scene.register(['--token', token, ...words, 'n']);
  expect(status).toBe(0);
  expect(stderr).toContain('no network interface SOME-INTERFACE');
  const text = scene.read('slapos/slapos.cfg');
  expect(text).toContain('\ncreate_tap = True\n');
  const config = parseConfig(text, 'slapos.cfg');
  expect(Object.fromEntries(config.items('slapos'))).toMatchObject({
    computer_id: 'COMP-1234',
    master_url: `${scene.url}/`,
    master_ca_file: join(scene.etc, 'ssl/master_ca.crt'),
    key_file: join(scene.etc, 'ssl/key'),
    cert_file: join(scene.etc, 'ssl/certificate'),
    certificate_repository_path: join(scene.etc, 'ssl/partition_pki'),
    software_root: '/SOFTWARE/R%T',
    instance_root: 'C:\\new\\1',
  });
  expect(Object.fromEntries(config.items('slapformat'))).toMatchObject({
    interface_name: 'SOME-INTERFACE',
    ipv6_interface: 'six0',
    ipv4_local_network: '10.0.0.0/16',
    partition_amount: '50',
    create_tap: 'True',
    computer_xml: '/opt/slapos/slapos.xml',
  });
});

describe('an existing configuration', () => {
  test('is moved aside, each time under another name', async () => {
    for (const name of ['a', 'b', 'c']) {
      const token = scene.master.createToken();
      expect((await scene.register(['--token', token, name])).status).toBe(0);
    }
    expect(scene.names).toEqual(['slapos', 'slapos.old', 'slapos.old.1']);
    for (let count = 2; count < 11; count += 1) mkdirSync(`${scene.etc}.old.${count}`);
    const { stderr } = await scene.register(['--token', scene.master.createToken(), 'd']);
    expect(
      messages(stderr)
        .slice(-6, -2)
        .concat(messages(stderr).filter((line) => line.includes('detected'))),
    ).toContain(
      'INFO Former slapos configuration detected in /F/slapos moving to /F/slapos.old.11',
    );
    expect(stderr.match(/configuration detected in \S+old/g)).toHaveLength(11);
    expect(scene.read('slapos.old.11/slapos.cfg')).toContain('computer_id = COMP-1236\n');
  });

  test('is what slapos.cfg makes it: a folder without one stays', async () => {
    mkdirSync(scene.etc);
    writeFileSync(join(scene.etc, 'notes'), 'mine');
    const { status } = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect(status).toBe(0);
    expect(scene.names).toEqual(['slapos']);
    expect(scene.read('slapos/notes')).toBe('mine');
    expect(scene.tree('slapos/ssl')).toEqual(TREE.slice(2));
  });
});

describe('before the token is used', () => {
  async function refusal(words: readonly string[]): Promise<string> {
    const token = scene.master.createToken();
    const { status, stderr } = await scene.register(['--token', token, ...words]);
    expect(status).not.toBe(0);
    expect([scene.master.asked, scene.master.isTokenGood(token)]).toEqual([[], true]);
    expect(scene.names.filter((name) => !['file', 'slapos'].includes(name))).toEqual([]);
    expect(messages(stderr).filter((line) => /^(ERROR|CRITICAL)/.test(line)).length).toBeLessThan(
      2,
    );
    return stderr;
  }

  test('names and numbers are checked', async () => {
    expect(await refusal([''])).toContain('name of the node is empty');
    expect(await refusal(['a\nb'])).toContain('control characters');
    expect(await refusal(['--interface-name', 'far/too', 'n'])).toContain('network interface');
    expect(await refusal(['--ipv4-local-network', '10.0.0.0/33', 'n'])).toContain(
      'not an IPv4 network',
    );
    expect(await refusal(['--partition-number', '-1', 'n'])).toContain('negative');
    expect(await refusal(['--master-url', 'x', 'n'])).toContain('not a web address');
    expect(await refusal(['--master-url-web', 'http://h.example', 'n'])).toContain('clear text');
    expect(await refusal(['--master-url-web', 'https://joe:pw@h.example', 'n'])).not.toContain(
      'pw',
    );
    expect(await refusal(['--master-ca-file', '/no/file', 'n'])).toContain('authority');
  });

  test('the place is checked', async () => {
    const cfg = (path: string) => ['--cfg', join(scene.folder, path), 'n'];
    expect(await refusal(cfg('missing/deep/slapos.cfg'))).toContain('does not exist');
    writeFileSync(join(scene.folder, 'file'), '');
    expect(await refusal(cfg('file/slapos.cfg'))).toContain('it is no folder');
  });

  test('the site and the Master have to prove who they are', async () => {
    const other = new TestAuthority('Another');
    const wrong = await Promise.all([
      RegistrationScene.open({ server: { hosts: ['master.example'] } }, scene.master.authority),
      RegistrationScene.open(
        { server: { notBeforeMs: Date.now() - 9e8, notAfterMs: Date.now() - 1e8 } },
        scene.master.authority,
      ),
      RegistrationScene.open({}, other),
    ]);
    try {
      for (const { url } of wrong) {
        expect(await refusal(['--master-url-web', url, 'n'])).toMatch(
          /is not trusted: .*SLAPOS_ERR_MASTER_UNAVAILABLE/,
        );
        expect(await refusal(['--master-url', url, 'n'])).toContain('is not trusted');
      }
    } finally {
      await Promise.all(wrong.map((each) => each.close()));
    }
    expect(await refusal(['--master-url-web', 'https://127.0.0.1:1', 'n'])).toContain(
      'cannot be reached',
    );
    const { stderr } = await scene.register([
      '--master-ca-file',
      scene.caFile,
      '--token',
      'a b',
      'n',
    ]);
    expect(stderr).toContain('characters of no token');
  });

  test('only root may do it', async () => {
    const { status, stderr } = await scene.register(['--token', 'x', 'n'], { uid: 1000 });
    expect([status, scene.names]).toEqual([5, []]);
    expect(stderr).toContain('This slapos command must be run as root.');
  });
});

test('an absent Master is no reason to stop, a site without an authority is one for --insecure', async () => {
  const away = ['--master-url', 'https://127.0.0.1:1/'];
  const { status, stderr } = await scene.register([
    ...away,
    '--token',
    scene.master.createToken(),
    'n',
  ]);
  expect(status).toBe(0);
  expect(stderr).toContain('WARNING https://127.0.0.1:1/ cannot be reached');
  const stranger = await RegistrationScene.open();
  try {
    const words = ['--master-ca-file', scene.caFile, '--insecure'];
    const token = stranger.master.createToken();
    const run = await stranger.register([...words, '--token', token, 'n']);
    expect(run.status).toBe(0);
    expect(run.stderr).toContain('master_tls_verify = false (--insecure)');
    expect(stranger.read('slapos/slapos.cfg')).toContain('\nmaster_tls_verify = false\n');
  } finally {
    await stranger.close();
  }
});

describe('an answer that is of no use', () => {
  const CASES: ReadonlyArray<readonly [Misbehaviour, RegExp]> = [
    ['gone', /no certificates any more \(HTTP 410\): Gone .*SLAPOS_ERR_MASTER_NOT_FOUND/],
    ['trouble', /failed \(HTTP 500\): boom .*SLAPOS_ERR_MASTER_UNAVAILABLE/],
    ['not-implemented', /HTTP 500\): NotImplementedError/],
    ['page', /it is a web page, not JSON/],
    ['false', /one was already requested/],
    ['elsewhere', /redirects \(HTTP 302\) to https:\/\/thief.example\/steal/],
    ['cut', /ended after 20 bytes/],
  ];

  test.each(CASES)('%s: one line, nothing is written or moved', async (misbehaviour, expected) => {
    mkdirSync(scene.etc);
    writeFileSync(join(scene.etc, 'slapos.cfg'), 'former');
    scene.master.misbehaviour = misbehaviour;
    const { status, stderr } = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect(messages(stderr)).toEqual([expect.stringMatching(expected)]);
    expect(status).toBe(1);
    expect(scene.tree('slapos').map((line) => line.split(' ')[0])).toEqual([
      'slapos',
      'slapos/slapos.cfg',
    ]);
    expect([scene.read('slapos/slapos.cfg'), scene.names]).toEqual(['former', ['slapos']]);
    expect(scene.master.asked).toHaveLength(1);
  });

  test('no answer at all: the next run tells of the request', async () => {
    scene.master.misbehaviour = 'vanish';
    const { status, stderr } = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect([status, scene.master.asked.length]).toEqual([1, 1]);
    expect(stderr).toMatch(/after the request was sent\..*token may be used up/);
    expect(scene.tree('.slapos.registration')[0]).toBe('.slapos.registration 700');
    scene.master.misbehaviour = undefined;
    const unready = await scene.register(['--token', 'no token', 'n']);
    expect([unready.status, scene.names]).toEqual([2, ['.slapos.registration']]);
    const next = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect(next.stderr).toMatch(/WARNING A request for node "n" was sent to/);
    expect([next.status, scene.names]).toEqual([0, ['slapos']]);
  });

  test('a token that was used, and a name that is', async () => {
    const token = scene.master.createToken();
    expect((await scene.register(['--token', token, 'n'])).status).toBe(0);
    const again = await scene.register(['--token', token, 'n']);
    expect(messages(again.stderr)).toEqual([
      'ERROR Access denied to the SlapOS Master. Please check the authentication token or require a new one. [SLAPOS_ERR_MASTER_UNAUTHENTICATED]',
    ]);
    const taken = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect(messages(taken.stderr)).toEqual([
      'ERROR The node name "n" is already in use. Please change the name, or revoke the active certificate if you want to replace the node. [SLAPOS_ERR_MASTER_REFUSED]',
    ]);
    expect([again.status, taken.status, scene.names]).toEqual([1, 1, ['slapos']]);
  });
});

describe('a certificate that cannot be used', () => {
  const CASES: ReadonlyArray<readonly [Misbehaviour, RegExp]> = [
    ['other-key', /private key is not that of the certificate/],
    ['expired-certificate', /has expired on/],
    ['future-certificate', /not valid before .*clock/],
    ['foreign-certificate', /is of COMP-666, though the Master speaks of COMP-1234/],
    ['cut-in-key', /before it was complete/],
  ];

  test.each(CASES)('%s: kept, and nothing is made of it', async (misbehaviour, expected) => {
    scene.master.misbehaviour = misbehaviour;
    const { status, stderr } = await scene.register(['--token', scene.master.createToken(), 'n']);
    expect(messages(stderr)).toEqual([expect.stringMatching(expected)]);
    expect(stderr).toContain(`kept in ${scene.work}`);
    expect([status, scene.names]).toEqual([1, ['.slapos.registration']]);
    expect(scene.tree('.slapos.registration')).toContain('.slapos.registration/answer.json 600');
    const again = await scene.register(['--token', 'unused', 'n']);
    expect([again.status, scene.master.asked.length]).toEqual([1, 1]);
    const other = await scene.register(['--token', 'unused', 'another']);
    expect(other.stderr).toMatch(/keeps what .* answered for node "n".*SLAPOS_ERR_REGISTRATION/);
  });

  test('without any id there is no configuration', async () => {
    const plain = await RegistrationScene.open({ isPlainCertificate: true });
    try {
      plain.master.misbehaviour = 'no-reference';
      const { status, stderr } = await plain.register(['--token', plain.master.createToken(), 'n']);
      expect(stderr).toMatch(/neither the answer nor the certificate .* names the computer/);
      expect([status, plain.names]).toEqual([1, ['.slapos.registration']]);
    } finally {
      await plain.close();
    }
  });
});

test('a dry run prints the steps, and nothing hears of it', async () => {
  mkdirSync(scene.etc);
  writeFileSync(join(scene.etc, 'slapos.cfg'), 'former');
  const { status, stdout, stderr } = await scene.register(['--dry-run', 'my node']);
  expect(stdout.replaceAll(scene.folder, '/F').replaceAll(scene.url, 'SITE').split('\n')).toEqual([
    'connect to SITE and check its certificate',
    'connect to SITE/ and check its certificate',
    'ask for the token',
    'create folder /F/.slapos.registration mode 0700',
    'write /F/.slapos.registration/request.json mode 0600 (what is asked for)',
    'send POST SITE/Person_requestComputer with title=my+node and the token in X-Access-Token',
    'write /F/.slapos.registration/answer.json mode 0600 (the answer, as it comes)',
    'check the certificate: its dates, its key, whose it is',
    'create folder /F/.slapos.registration/new mode 0711',
    'create folder /F/.slapos.registration/new/ssl mode 0711',
    'write /F/.slapos.registration/new/ssl/key mode 0600 (key)',
    'write /F/.slapos.registration/new/ssl/certificate mode 0600 (certificate)',
    'write /F/.slapos.registration/new/ssl/master_ca.crt mode 0644 (authority)',
    'create folder /F/.slapos.registration/new/ssl/partition_pki mode 0711',
    'write /F/.slapos.registration/new/slapos.cfg mode 0644 (configuration)',
    'move /F/slapos to /F/slapos.old',
    'move /F/.slapos.registration/new to /F/slapos',
    'remove /F/.slapos.registration',
    '',
  ]);
  expect(messages(stderr)).toEqual(['INFO Nothing was sent and nothing was changed.']);
  expect([status, scene.master.heard, scene.names]).toEqual([0, [], ['slapos']]);
});

test('a folder for it that somebody else made is refused', async () => {
  mkdirSync(scene.work, { mode: 0o755 });
  const { status, stderr } = await scene.register(['--token', scene.master.createToken(), 'n']);
  expect(stderr).toMatch(/is not a private folder of this user.*SLAPOS_ERR_UNSAFE_PATH/);
  expect([status, scene.master.asked]).toEqual([1, []]);
});

test('folders above that other users cannot pass are named', async () => {
  const closed = mkdtempSync(join(tmpdir(), 'slapos-closed-'));
  try {
    const words = [
      '--cfg',
      join(closed, 'slapos/slapos.cfg'),
      '--token',
      scene.master.createToken(),
    ];
    const { status, stderr } = await scene.register([...words, 'n']);
    expect(status).toBe(0);
    expect(stderr).toContain(`WARNING Other users cannot pass through ${closed}`);
  } finally {
    rmSync(closed, { recursive: true });
  }
});
