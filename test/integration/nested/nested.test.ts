/**
 * A node within a partition, as development environments make it: Master, format, software and
 * instances all as the ordinary user of the partition, who may change neither users nor network.
 */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package/package-files.ts';
import { RealNode } from '../../support/real-node.ts';
import { requires } from '../../support/requires.ts';

const ROOT = '/srv/nested';
const ADDRESSES = ['2001:db8:8::10', '2001:db8:8::11'];
const ACCOUNT_FILES = ['passwd', 'shadow', 'group', 'gshadow'].map((name) => `/etc/${name}`);
const ALL_ONES = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

requires(
  'root',
  'netns',
  'buildout',
)('a node in a partition', () => {
  let outer: RealNode;
  let inner: RealNode;
  let user: { uid: number; gid: number };
  let url: string;
  const accounts = new Map<string, Buffer>();

  beforeAll(async () => {
    for (const path of ACCOUNT_FILES) accounts.set(path, readFileSync(path));
    for (const words of ['link add br0 type bridge', 'link set br0 up']) ip(words);
    ip('address add 2001:db8:8::1/48 dev br0 nodad');
    for (const address of ADDRESSES) ip(`address add ${address}/128 dev lo nodad`);
    mkdirSync(ROOT);
    outer = new RealNode({ folder: join(ROOT, 'outer'), port: 5000 });
    await outer.startProxy('ours');
    await outer.ours('node', 'format', '--now');
    const home = outer.path('slappart0');
    const { uid, gid } = statSync(home);
    user = { uid, gid };
    inner = new RealNode({
      folder: join(home, 'dev'),
      port: 5001,
      user,
      slapos: { root_check: false },
      slapformat: {
        input_definition_file: join(home, 'dev', 'definition.cfg'),
        partition_amount: 2,
        alter_user: false,
        alter_network: false,
        interface_name: '',
        ipv4_local_network: '',
      },
    });
    inner.write('definition.cfg', renderDefinition());
    const script = join(packageRoot(), 'scripts', 'install-example.mjs');
    url = execFileSync(process.execPath, [script, join(ROOT, 'hello')], {
      encoding: 'utf8',
    }).trim();
    await inner.startProxy('ours');
  });
  afterAll(async () => {
    await inner.remove();
    await outer.remove();
    rmSync(ROOT, { recursive: true });
    ip('link delete br0');
    for (const address of ADDRESSES) ip(`address delete ${address}/128 dev lo`);
    // Other tests share the namespace.
    for (const [path, content] of accounts) writeFileSync(path, content);
  });

  it('is formatted, builds and runs two instances, as the user of the partition', async () => {
    await inner.ours('node', 'format', '--now');
    await inner.ours('supply', url, 'COMP-1');
    await inner.ours('node', 'software', '--now');
    await inner.run('ours', 'request', 'one', url, '--parameters', 'greeting=hi');
    await inner.run('ours', 'request', 'two', url, '--type', 'echo');
    await inner.ours('node', 'instance', '--now');
    for (const [index, address] of ADDRESSES.entries()) {
      const answer = await fetch(`http://[${address}]:8080/status.json`);
      expect(await answer.json()).toMatchObject({ title: ['one', 'two'][index], ...user });
    }
  });

  it('changes nothing the second time', async () => {
    expect(await inner.ours('node', 'format', '--now', '--dry-run')).toContain('Nothing to do.');
    const before = await inner.listPids();
    expect(before).toHaveLength(2);
    for (const command of ['format', 'software', 'instance', 'promise', 'report']) {
      await inner.ours('node', command, '--now');
    }
    expect(await inner.listPids()).toEqual(before);
  });

  it('gives an instance up', async () => {
    await inner.run('ours', 'request', 'two', url, '--type', 'echo', '--state', 'destroyed');
    await inner.ours('node', 'instance', '--now');
    await inner.ours('node', 'report', '--now');
    expect(readdirSync(inner.path('slappart1'))).toEqual(['.slapos-resource']);
  });

  it('leaves nothing in the partition that belongs to another user', () => {
    const names = readdirSync(inner.folder, { recursive: true, encoding: 'utf8' });
    const foreign = names.filter((name) => lstatSync(join(inner.folder, name)).uid !== user.uid);
    expect(foreign).toEqual([]);
  });

  /** As upstream's StandaloneSlapOS writes it, but with an address for each partition. */
  function renderDefinition(): string {
    const name = execFileSync('id', ['-un', String(user.uid)], { encoding: 'utf8' }).trim();
    const partitions = ADDRESSES.map(
      (address, index) => `[partition_${index}]
address = 127.0.0.1/255.255.255.255 ${address}/${ALL_ONES}
pathname = slappart${index}
user = ${name}
network_interface = lo
`,
    );
    return `[computer]\naddress = 127.0.0.1/255.255.255.255\n${partitions.join('')}`;
  }
});

function ip(words: string): void {
  execFileSync('ip', words.split(' '));
}
