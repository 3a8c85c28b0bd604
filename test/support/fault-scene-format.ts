/** `node format` on the network and the accounts of the private namespace, for walks of faults. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { slaposCommand } from './fault-tracer.ts';
import type { FaultScene } from './fault-walk.ts';
import { bridge, DUMP } from './format-scenario.ts';
import { HttpMaster } from './http-master.ts';

const CONFIGURATION = '/srv/slapos.cfg';
const ACCOUNTS = ['passwd', 'group', 'shadow', 'gshadow'].map((name) => `/etc/${name}`);
const FOLDERS = ['/srv/slapgrid', '/srv/software', '/srv/slapos'];
const LEFT = `
  ip link delete group 20905 2> /dev/null || true
  ip -6 route flush proto 83 table all 2> /dev/null || true
  for one in $(ip -o -4 address show dev br0 | awk '{print $4}'); do ip address delete $one dev br0; done
  for one in $(ip -o -6 address show dev br0 scope global | awk '{print $4}'); do
    [ $one = 2001:db8::1/48 ] || ip address delete $one dev br0
  done
  sysctl -qw net.ipv6.ip_nonlocal_bind=0
`;

/** New addresses are tentative for a moment only, not for two seconds. */
const QUICK_DAD = `
  for one in default br0; do
    sysctl -qw net.ipv6.conf.$one.router_solicitation_delay=0 net.ipv6.conf.$one.dad_transmits=0
  done
`;

/** As the kernel has it: other tests share the network. */
const SLOW_DAD =
  'sysctl -qw net.ipv6.conf.default.router_solicitation_delay=1 net.ipv6.conf.default.dad_transmits=1';

/** Without a standard input, which bash would take for a shell from afar. */
const shell = (script: string) =>
  execFileSync('bash', ['-euc', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

export async function formatScene(): Promise<FaultScene> {
  const master = new HttpMaster();
  const masterUrl = await master.listen();
  shell(bridge('2001:db8::1/48', false) + QUICK_DAD);
  writeFileSync(
    CONFIGURATION,
    `[slapos]
computer_id = COMP-1
master_url = ${masterUrl}
master_timeout = 1
software_root = /srv/software
instance_root = /srv/slapgrid
[slapformat]
interface_name = br0
partition_amount = 2
computer_xml = /srv/slapos/slapos.xml
ipv4_local_network = 10.0.0.0/16
create_tun = true
`,
  );
  const accounts = ACCOUNTS.map((path) => [path, readFileSync(path)] as const);
  return {
    name: 'node format',
    master,
    command: () => slaposCommand(CONFIGURATION, 'node', 'format', '--now'),
    async reset() {
      shell(LEFT);
      for (const path of FOLDERS) rmSync(path, { recursive: true, force: true });
      for (const [path, content] of accounts) writeFileSync(path, content);
    },
    state: async () => shell(DUMP).split('\n'),
    async close() {
      shell(`${LEFT} ip link delete br0; ${SLOW_DAD}`);
      await master.close();
    },
  };
}
