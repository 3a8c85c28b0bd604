/** Managers and firewall by the real command line, under the real supervisor (spec/grid.md 7.6, 12). */
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lookAtTcpPeer } from '../../../src/host/network/tcp-peer.ts';
import { MarshalTuple, type MarshalValue } from '../../../src/slap/marshal-value.ts';
import type { ProcessInfo } from '../../../src/supervisor/client.ts';
import { createFirewallStandIn } from '../../support/firewall-stand-in.ts';
import { partitionUid } from '../../support/grid-site.ts';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const RELEASE = 'https://host/release.cfg';
const ALL = 'manager_list = prerm devperm portredir whitelistfirewall cpuset\n';

requires('root', 'netns')('managers of the real node', () => {
  let node: InstanceNode;
  const path = process.env['PATH'];

  const open = async (settings: string) => {
    node = new InstanceNode({ partitions: 2, releases: [RELEASE], settings });
    await node.open();
    for (const id of node.ids) want(id, 'started');
  };
  const want = (
    id: string,
    state: string,
    timestamp = '1',
    more: Record<string, MarshalValue> = {},
  ) =>
    node.master.wishes.set(id, {
      state,
      release: RELEASE,
      timestamp,
      attributes: { _parameter_dict: { timestamp, ...more } },
    });
  const pass = async (...words: readonly string[]) => {
    const { status, stderr } = await node.run(words);
    return { status, stderr };
  };
  const processes = async (group: string) => {
    const all = await node.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
    return new Map(all.filter((each) => each.group === group).map((each) => [each.name, each]));
  };
  const uidOf = (pid: number) =>
    /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

  afterEach(async () => {
    process.env['PATH'] = path;
    await node.close();
  });

  it('refuses an unknown manager before anything else', async () => {
    await open('manager_list = prerm nosuch\n');
    const { status, stderr } = await pass('instance');
    expect(status).toBe(1);
    expect(stderr).toContain("'nosuch' in manager_list is no manager.");
    expect(node.master.calls).toEqual([]);
    expect(existsSync(node.site.path('sv.sock'))).toBe(false);
  });

  it('costs a node whose partitions ask for nothing no process and no warning', async () => {
    await open(ALL);
    expect(await pass('instance')).toMatchObject({ status: 0 });
    const { status, stderr } = await pass('instance');
    expect([status, /WARNING.*/.exec(stderr)?.[0]]).toEqual([0, undefined]);
    expect(readdirSync(node.site.path('etc/supervisord.conf.d')).sort()).toEqual([
      'slappart0.conf',
      'slappart1.conf',
    ]);
  });

  describe.skipIf(spawnSync('socat', ['-V']).error !== undefined)('portredir', () => {
    const greet = async (port: number) =>
      until(
        () =>
          new Promise<string | undefined>((resolve) => {
            const socket = connect(port, '127.0.0.1');
            socket.on('error', () => resolve(undefined));
            socket.on('data', (data) => resolve(String(data)));
            socket.on('close', () => resolve(undefined));
          }),
        `port ${port}`,
      );

    it('leads into a partition through socat, whose pid outlives full passes', async () => {
      // Who connects, as the kernel tells: never root, whoever listens on the port of the host.
      const server = createServer((socket) => {
        const peer = lookAtTcpPeer(socket);
        socket.end(peer.kind === 'local' ? String(peer.uid) : peer.kind);
      });
      await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
      const { port } = server.address() as { readonly port: number };
      await open(ALL);
      want('slappart0', 'started', '1', { ip_list: [new MarshalTuple(['tap0', '::1'])] });
      const redirect = (list: readonly unknown[]) =>
        node.site.write(0, '.slapos-port-redirect', JSON.stringify(list));
      redirect([
        { srcPort: 8080, destPort: port },
        { srcPort: 80, destPort: port },
        { srcPort: 81, destPort: '1,exec:id' },
      ]);
      const first = await pass('instance');
      expect(first.status).toBe(0);
      expect(first.stderr).toContain('entry 3: destPort is no port: ignoring it.');
      const own = String(partitionUid(0));
      expect([await greet(8080), await greet(80)]).toEqual([own, own]);
      const before = await processes('slappart0-socat');
      const pids = [...before].map(([name, { pid }]) => [name, uidOf(pid)]);
      expect(Object.fromEntries(pids)).toEqual({
        'socat-tcp-80': '0',
        'socat-tcp-8080': String(partitionUid(0)),
      });
      node.plan('slappart0', { parameter: '2' });
      want('slappart0', 'started', '2', { ip_list: [new MarshalTuple(['tap0', '::1'])] });
      expect((await pass('instance', '--force')).status).toBe(0);
      const pidOf = (found: typeof before) => found.get('socat-tcp-8080')?.pid;
      expect(pidOf(await processes('slappart0-socat'))).toBe(pidOf(before));
      const settings = readFileSync(node.configuration, 'utf8');
      writeFileSync(node.configuration, settings.replace('portredir', ''));
      expect((await pass('instance', '--force')).status).toBe(0);
      expect((await processes('slappart0-socat')).size).toBe(0);
      writeFileSync(node.configuration, settings);
      expect((await pass('instance')).status).toBe(0);
      expect((await processes('slappart0-socat')).size).toBe(2);
      redirect([]);
      expect((await pass('instance')).status).toBe(0);
      expect((await processes('slappart0-socat')).size).toBe(0);
      await new Promise((resolve) => server.close(resolve));
    }, 60_000);
  });

  it('prerm: destruction waits for scripts that run once, as the partition', async () => {
    await open(ALL);
    const { site } = node;
    expect((await pass('instance')).status).toBe(0);
    site.write(
      0,
      'etc/prerm/drain',
      '#!/bin/sh\nid -u >> ran-as\nwhile [ ! -e drained ]; do sleep 0.05; done\n',
      0o755,
    );
    want('slappart0', 'destroyed', '2');
    const first = await pass('report');
    expect(first.status).toBe(0);
    expect(first.stderr).toContain('Partition slappart0 still has services that must end first.');
    expect(node.master.callsOf('slappart0')).not.toContain('destroyedComputerPartition');
    expect(site.read('slappart0/.slapos-report-wait-service-list')).toBe('slappart0-prerm:drain\n');
    await until(() => site.exists('slappart0/ran-as') || undefined, 'the script');
    expect((await pass('report')).status).toBe(0);
    expect(site.read('slappart0/ran-as')).toBe(`${partitionUid(0)}\n`);
    site.write(0, 'drained', '');
    await until(
      async () =>
        (await processes('slappart0-prerm')).get('drain')?.statename === 'EXITED' || undefined,
      'the end of the script',
    );
    expect((await pass('report')).status).toBe(0);
    expect(node.master.callsOf('slappart0').at(-1)).toBe('destroyedComputerPartition');
    expect(readdirSync(site.path('slappart0'))).toEqual([]);
    expect((await processes('slappart0-prerm')).size).toBe(0);
  }, 60_000);

  describe('devperm', () => {
    const devices = ['disk-a', 'disk-b'].map((name) => `/dev/net/${name}`);
    const [listed = '', unlisted = ''] = devices;

    beforeEach(() => {
      // A folder of this namespace; the devices have no driver, nothing opens them.
      devices.forEach((device, index) => {
        rmSync(device, { force: true });
        const made = spawnSync('mknod', [device, 'b', '7', String(200 + index)]);
        if (made.status !== 0) throw new Error(String(made.stderr));
        chownSync(device, 0, 0);
      });
    });
    afterEach(() => {
      for (const device of devices) rmSync(device, { force: true });
    });

    const standIn = () => {
      const json = JSON.stringify({
        blockdevices: devices.map((each) => ({ path: each, type: 'disk' })),
      });
      writeFileSync(
        join(node.site.root, 'lsblk'),
        `#!/bin/sh\n[ "$*" = "--json --output-all" ] && echo '${json}'\n`,
        { mode: 0o755 },
      );
      process.env['PATH'] = `${node.site.root}:${path}`;
    };
    const owners = () => devices.map((device) => statSync(device).uid);
    const ask = (index: number, ...disks: readonly unknown[]) =>
      node.site.write(
        index,
        '.slapos-disk-permission',
        JSON.stringify(disks.map((disk) => ({ disk }))),
      );

    it('gives nothing away without a list', async () => {
      await open(ALL);
      standIn();
      ask(0, listed);
      const { status, stderr } = await pass('instance');
      expect([status, owners()]).toEqual([0, [0, 0]]);
      expect(stderr).toContain(
        '[manager:devperm] allowed-disk-for-vm of slapos.cfg allows no disk',
      );
    });

    it('gives what is listed, links resolved, and takes nothing from who still asks', async () => {
      await open(`${ALL}[manager:devperm]\nallowed-disk-for-vm =\n  ${listed}\n`);
      standIn();
      symlinkSync(listed, node.site.path('slappart0/my-disk'));
      symlinkSync(unlisted, node.site.path('slappart0/other-disk'));
      ask(
        0,
        node.site.path('slappart0/my-disk'),
        node.site.path('slappart0/other-disk'),
        '/etc/passwd',
        null,
      );
      const { status, stderr } = await pass('instance');
      expect([status, owners()]).toEqual([0, [partitionUid(0), 0]]);
      expect(statSync(listed).gid).toBe(
        Number(spawnSync('sh', ['-c', 'getent group disk | cut -d: -f3']).stdout),
      );
      expect(stderr).toContain('other-disk is not in [manager:devperm] allowed-disk-for-vm');
      expect(stderr).toContain('/etc/passwd leads to no block device');
      expect(statSync('/etc/passwd').uid).toBe(0);
      ask(1, listed);
      expect((await pass('instance')).stderr).toContain(`${listed} is used by slappart0`);
      expect(owners()).toEqual([partitionUid(0), 0]);
      ask(0);
      expect((await pass('instance')).status).toBe(0);
      expect(owners()).toEqual([partitionUid(1), 0]);
    }, 30_000);
  });

  describe('firewall', () => {
    const address = (...all: readonly string[]) => ({
      full_ip_list: all.map((each) => new MarshalTuple(['route_tap0', each])),
    });
    const openFirewall = async (managers: string) => {
      await open('');
      const firewall = createFirewallStandIn(join(node.site.root, 'firewall'));
      const text = readFileSync(node.configuration, 'utf8');
      const reload = `sh -c 'echo "reloaded $$" >> ${node.site.root}/reloads'`;
      writeFileSync(
        node.configuration,
        `${text}${managers}[firewall]\nfirewall_cmd = ${firewall.program}\nreload_config_cmd = ${reload}\nauthorized_sources =\n  10.9.0.0/16\n  10.0.0.1/8;id\n`,
      );
      return firewall;
    };
    const reloads = () => {
      const file = join(node.site.root, 'reloads');
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
    };

    it('keeps the rules of two addresses, asks the Master for peers, and removes all again', async () => {
      const firewall = await openFirewall('');
      node.master.peers = ['10.0.0.7', '10.0.0.1', '::7'];
      want('slappart0', 'started', '1', address('10.0.0.1', '10.0.0.2'));
      const first = await pass('instance');
      expect(first.status).toBe(0);
      expect(first.stderr).toContain('"10.0.0.1/8;id" is no IPv4 address or network');
      expect(node.master.callsOf('slappart0')).toEqual([
        'getComputerPartitionCertificate',
        'getHostingSubscriptionIpList',
        'startedComputerPartition',
      ]);
      expect(firewall.rules()).toHaveLength(16);
      expect(firewall.rules()).toContain('ipv4 filter INPUT 0 -s 10.0.0.7 -d 10.0.0.2 -j ACCEPT');
      expect(reloads()).toBe(1);
      const before = firewall.commands().length;
      expect((await pass('instance', '--force')).status).toBe(0);
      expect(firewall.commands().slice(before)).toEqual(['--permanent --direct --get-all-rules']);
      expect(reloads()).toBe(1);
      want('slappart0', 'destroyed', '2', address('10.0.0.1', '10.0.0.2'));
      expect((await pass('instance')).status).toBe(0);
      expect(firewall.rules()).toEqual([]);
      expect(node.site.read('slappart0/.slapos-firewalld-rules')).toBe('[]');
      expect(reloads()).toBe(2);
    }, 30_000);

    it('reports a firewall that refuses, and goes on with the next pass', async () => {
      const firewall = await openFirewall('');
      want('slappart0', 'started', '1', address('10.0.0.1'));
      const text = readFileSync(firewall.program, 'utf8');
      writeFileSync(firewall.program, '#!/bin/sh\necho FirewallD is not running\nexit 252\n');
      expect((await pass('instance')).status).toBe(1);
      expect(node.master.errorsOf('slappart0')[0]).toContain('FirewallD is not running');
      expect(node.master.callsOf('slappart1')).toContain('startedComputerPartition');
      writeFileSync(firewall.program, text);
      expect((await pass('instance')).status).toBe(0);
      expect(firewall.rules()).toHaveLength(6);
    }, 30_000);

    it('limits what a partition may connect to, by its whitelist', async () => {
      const firewall = await openFirewall(ALL);
      node.site.write(0, '.slapos-whitelist-firewall', '["10.1.2.3", "::1"]');
      expect((await pass('instance')).status).toBe(0);
      expect(firewall.chains()).toEqual(['ipv4 filter slappart0-whitelist']);
      expect(firewall.loaded()).toEqual([
        'ipv4 filter slappart0-whitelist 0 -d 10.1.2.3 -j ACCEPT',
        'ipv4 filter slappart0-whitelist 0 -j REJECT',
        `ipv4 filter OUTPUT 0 -m owner --uid-owner ${partitionUid(0)} -j slappart0-whitelist`,
      ]);
      want('slappart0', 'destroyed', '2');
      expect((await pass('report')).status).toBe(0);
      expect([firewall.chains(), firewall.rules(), firewall.loaded()]).toEqual([[], [], []]);
    }, 30_000);

    it('runs firewall and message bus as services, as long as they are configured', async () => {
      await openFirewall('');
      const text = readFileSync(node.configuration, 'utf8');
      const programs = `firewall_executable = /bin/sleep 1001\ndbus_executable = /bin/sleep 1002\nlog_file = ${node.site.root}/f.log\ndbus_log_file = ${node.site.root}/d.log\n`;
      writeFileSync(node.configuration, text + programs);
      expect((await pass('instance')).status).toBe(0);
      const running = async (name: string) => (await processes(name)).get(name)?.statename;
      expect([await running('firewall'), await running('dbus')]).toEqual(['RUNNING', 'RUNNING']);
      writeFileSync(node.configuration, `${text}${programs}testing = true\n`);
      expect((await pass('instance')).status).toBe(0);
      expect([await running('firewall'), await running('dbus')]).toEqual([undefined, undefined]);
    }, 30_000);
  });
});
