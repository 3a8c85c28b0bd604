/** Rules of partitions in the real firewalld and the real kernel, in a network of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MarshalTuple } from '../../src/slap/marshal-value.ts';
import { partitionUid } from '../support/grid-site.ts';
import { InstanceNode } from '../support/instance-node.ts';
import { requires } from '../support/requires.ts';
import { until } from '../support/supervisor-run.ts';

const RELEASE = 'https://host/release.cfg';
const OWN = '10.77.0.1';
const PEER = '10.77.0.2';
const STRANGER = '10.77.0.3';
const PORT = 7777;

const missing = ['firewalld', 'firewall-cmd', 'dbus-daemon', 'iptables'].filter(
  (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
);

function sh(script: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-euc', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
  return stdout;
}

describe.skipIf(missing.length > 0)(
  `firewalld${missing.length > 0 ? ` [skipped, there is no ${missing.join(', ')}]` : ''}`,
  () => {
    requires('root', 'netns')('of the real node', () => {
      const daemons: ChildProcess[] = [];
      const server = createServer((socket) => socket.end('in'));
      let node: InstanceNode;

      beforeAll(async () => {
        sh(`mount -t tmpfs firewalld-run /run
          mkdir /run/dbus /run/lock
          for address in ${OWN} ${PEER} ${STRANGER}; do ip address add $address/32 dev lo; done`);
        const start = (program: string, ...words: readonly string[]) =>
          daemons.push(spawn(program, words, { stdio: 'ignore' }));
        start('dbus-daemon', '--system', '--nofork', '--nopidfile');
        start('firewalld', '--nofork', '--nopid', '--log-file', '/run/firewalld.log');
        const isUp = () => spawnSync('firewall-cmd', ['--state']).status === 0 || undefined;
        await until(isUp, 'firewalld', 30_000);
        await new Promise<void>((resolve) => server.listen(PORT, OWN, resolve));
        node = new InstanceNode({
          partitions: 1,
          releases: [RELEASE],
          settings:
            'manager_list = whitelistfirewall\n[firewall]\nreload_config_cmd = firewall-cmd --reload\n',
        });
        await node.open();
      }, 240_000);
      afterAll(async () => {
        await node.close();
        await new Promise((resolve) => server.close(resolve));
        const ends = daemons.map((child) => new Promise((resolve) => child.once('close', resolve)));
        for (const child of daemons) child.kill('SIGTERM');
        await Promise.all(ends);
        sh(`umount /run
          for address in ${OWN} ${PEER} ${STRANGER}; do ip address del $address/32 dev lo; done`);
      }, 30_000);

      const want = (state: string, timestamp: string) =>
        node.master.wishes.set('slappart0', {
          state,
          release: RELEASE,
          timestamp,
          attributes: {
            _parameter_dict: {
              timestamp,
              full_ip_list: [new MarshalTuple(['route_tap0', OWN])],
            },
          },
        });
      /** What somebody at an address reads from the partition's service; '' when it is kept out. */
      const reach = (source: string, uid = 0) => {
        const code = `import socket\ns = socket.create_connection(('${OWN}', ${PORT}), 3, ('${source}', 0))\nprint(s.recv(9).decode())`;
        const child = spawn('/usr/bin/python3', ['-c', code], {
          uid,
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        let text = '';
        child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        return new Promise<string>((resolve) => child.on('close', () => resolve(text.trim())));
      };
      const pass = async (verb: string) => {
        const { status, stderr } = await node.run([verb]);
        if (status !== 0) throw new Error(stderr);
      };

      it('lets peers in and nobody else, and everybody once the partition is gone', async () => {
        expect([await reach(PEER), await reach(STRANGER)]).toEqual(['in', 'in']);
        node.master.peers = [PEER];
        want('started', '1');
        await pass('instance');
        expect([await reach(PEER), await reach(STRANGER)]).toEqual(['in', '']);
        const stored = JSON.parse(node.site.read('slappart0/.slapos-firewalld-rules')) as string[];
        const listed = sh('firewall-cmd --permanent --direct --get-all-rules')
          .split('\n')
          .slice(0, -1);
        const bare = stored.map((rule) => rule.replace('--permanent --direct --add-rule ', ''));
        expect(listed.sort()).toEqual(bare.sort());
        want('destroyed', '2');
        await pass('instance');
        expect(await reach(STRANGER)).toBe('in');
        expect(sh('firewall-cmd --permanent --direct --get-all-rules').trim()).toBe('');
      }, 240_000);

      it('keeps the processes of a partition to its whitelist', async () => {
        const uid = partitionUid(0);
        want('started', '3');
        node.master.peers = [PEER, STRANGER];
        node.site.write(0, '.slapos-whitelist-firewall', '["10.99.0.1"]');
        await pass('instance');
        expect([await reach(PEER), await reach(PEER, uid)]).toEqual(['in', '']);
        node.site.write(0, '.slapos-whitelist-firewall', JSON.stringify([OWN]));
        await pass('instance');
        expect(await reach(PEER, uid)).toBe('in');
        want('destroyed', '4');
        await pass('report');
        expect(sh('iptables -S')).not.toContain('whitelist');
      }, 240_000);
    });
  },
);
