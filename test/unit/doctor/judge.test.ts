import { describe, expect, it } from 'vitest';
import type { DoctorFacts } from '../../../src/doctor/facts.ts';
import { judge } from '../../../src/doctor/judge.ts';
import { findMountOptions } from '../../../src/doctor/observe.ts';
import { renderFindings } from '../../../src/doctor/render.ts';

const LINK = {
  ifindex: 2,
  name: 'eth0',
  flags: 1,
  hasCarrier: true,
  master: 0,
  kind: 'bridge',
  mac: '',
  mtu: 1500,
  group: 0,
  portDelayMs: 0,
  tunMode: '',
  tunOwner: -1,
  isTunPersistent: false,
};
const ADDRESS = { ifindex: 2, family: 6, address: '2001:db8::1', prefixLength: 64, scope: 0 };
const ROUTE = { family: 6, destination: '', prefixLength: 0, gateway: 'fe80::1', ifindex: 2 };

/** A machine on which everything is well. */
const WELL = {
  nowMs: Date.parse('2026-06-01T00:00:00Z'),
  isRoot: true,
  settings: {
    instanceRoot: '/srv/slapgrid',
    softwareRoot: '/opt/slapgrid',
    masterUrl: 'https://master.example/',
    interfaceName: 'eth0',
    ipv6Interface: 'eth0',
    isTapCreated: true,
    isBridgeCreated: false,
    partitionAmount: 100,
    firewallCommand: undefined,
    keyFile: '/etc/key',
    certFile: '/etc/cert',
  },
  kernel: {
    release: '6.1.0',
    hasOpenat2: true,
    hasPidfd: true,
    hasTun: true,
    hasPressure: true,
    mountinfo: '24 1 0:21 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    bpfProblem: '',
  },
  network: {
    state: { links: [LINK], addresses: [ADDRESS], routes: [ROUTE] },
    sysctls: new Map([
      ['net.ipv6.conf.all.disable_ipv6', 0],
      ['net.ipv6.conf.all.forwarding', 1],
      ['net.ipv6.conf.eth0.accept_ra', 2],
      ['net.ipv6.neigh.default.gc_thresh3', 1024],
    ]),
  },
  folders: [
    {
      key: 'instance_root',
      path: '/srv/slapgrid',
      status: { kind: 'directory', mode: 0o755, uid: 0 },
      freeBytes: 5e10,
      freeFiles: 1e6,
      mountOptions: ['rw', 'relatime'],
    },
  ],
  programs: new Map(
    ['python3', 'gcc', 'g++', 'make', 'patch'].map((name) => [name, `/usr/bin/${name}`]),
  ),
  buildoutProblem: '',
  limits: { openFiles: 1_048_576, pids: 4_194_304, allFiles: 9e15 },
  certificate: {
    certFile: '/etc/cert',
    keyFile: '/etc/key',
    keyMode: 0o600,
    reason: '',
    certificate: {
      subject: 'CN=COMP-1',
      expiresAtMs: Date.parse('2027-06-01T00:00:00Z'),
      isOfKey: true,
    },
  },
  master: { url: 'https://master.example/', failure: '', hint: '', clockAheadMs: 500 },
  supervisor: { state: 'running' },
  configurationProblems: [],
} as unknown as DoctorFacts;

// biome-ignore lint/suspicious/noExplicitAny: facts are read-only, and made wrong here
type Change = (facts: any) => unknown;

function sick(change: Change): string[] {
  const facts = structuredClone(WELL);
  change(facts);
  return judge(facts)
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, subject, text, fix }) => {
      expect(fix, text).not.toBe('');
      return `${severity} ${subject}: ${text}`;
    });
}

describe('a machine that is well', () => {
  it('has nothing to be mended', () => {
    expect(sick(() => undefined)).toEqual([]);
  });
});

const CASES: ReadonlyArray<readonly [string, Change]> = [
  ['problem buildout: No Python', (f) => (f.buildoutProblem = 'No Python.')],
  ['problem user: Not run as root', (f) => (f.isRoot = false)],
  ['problem kernel: Linux 6.1.0 has no openat2', (f) => (f.kernel.hasOpenat2 = false)],
  ['problem kernel: There is no /dev/net/tun', (f) => (f.kernel.hasTun = false)],
  ['warning cgroups: No cgroup v2', (f) => (f.kernel.mountinfo = '')],
  ['warning sampling: Processes are sampled through procfs', (f) => (f.kernel.bpfProblem = 'x')],
  ['warning sampling: The kernel tells no pressure', (f) => (f.kernel.hasPressure = false)],
  ['problem python3: There is no python3', (f) => f.programs.delete('python3')],
  [
    'warning compilers: Missing: gcc, patch.',
    (f) => ['gcc', 'patch'].map((p) => f.programs.delete(p)),
  ],
  ['problem firewall: There is no fw-cmd', (f) => (f.settings.firewallCommand = 'fw-cmd')],
  ['warning limits: kernel.pid_max is 4096', (f) => (f.limits.pids = 4096)],
  ['warning limits: fs.file-max is 9000', (f) => (f.limits.allFiles = 9000)],
  ['warning limits: A process may open 1024', (f) => (f.limits.openFiles = 1024)],
  ['warning configuration: Unknown key', (f) => (f.configurationProblems = ['Unknown key'])],
  ['warning instance_root: /srv/slapgrid does not exist', (f) => (f.folders[0].status = undefined)],
  ['problem instance_root: /srv/slapgrid is no folder', (f) => (f.folders[0].status.kind = 'file')],
  ['problem instance_root: 0.5 GB are free', (f) => (f.folders[0].freeBytes = 5e8)],
  ['problem instance_root: 7 inodes are free', (f) => (f.folders[0].freeFiles = 7)],
  [
    'problem instance_root: /srv/slapgrid is mounted noexec',
    (f) => f.folders[0].mountOptions.push('noexec'),
  ],
  [
    'problem instance_root: /srv/slapgrid is mounted read-only',
    (f) => (f.folders[0].mountOptions = ['ro']),
  ],
  ['problem instance_root: Others may write', (f) => (f.folders[0].status.mode = 0o777)],
  [
    'problem ipv6: IPv6 is switched off',
    (f) => f.network.sysctls.set('net.ipv6.conf.all.disable_ipv6', 1),
  ],
  ['problem interface: There is no interface eth9', (f) => (f.settings.ipv6Interface = 'eth9')],
  ['problem ipv6: eth0 has no global IPv6 address', (f) => (f.network.state.addresses = [])],
  ['problem ipv6: A /120 has too few', (f) => (f.network.state.addresses[0].prefixLength = 120)],
  ['warning ipv6: There is no default route', (f) => (f.network.state.routes = [])],
  [
    'warning ipv6: Forwarding is on',
    (f) => f.network.sysctls.set('net.ipv6.conf.eth0.accept_ra', 1),
  ],
  [
    'warning ipv6: The kernel keeps 128 neighbours',
    (f) => f.network.sysctls.set('net.ipv6.neigh.default.gc_thresh3', 128),
  ],
  ['problem certificate: /etc/key does not exist', (f) => (f.certificate.keyMode = undefined)],
  [
    'problem certificate: /etc/cert: it cannot be read',
    (f) => Object.assign(f.certificate, { certificate: undefined, reason: 'it cannot be read' }),
  ],
  ['problem certificate: Others may read /etc/key', (f) => (f.certificate.keyMode = 0o640)],
  [
    'problem certificate: /etc/cert does not belong',
    (f) => (f.certificate.certificate.isOfKey = false),
  ],
  [
    'problem certificate: /etc/cert expired on 2026-05-31',
    (f) => (f.certificate.certificate.expiresAtMs = f.nowMs - 1),
  ],
  [
    'warning certificate: /etc/cert expires on 2026-06-02',
    (f) => (f.certificate.certificate.expiresAtMs = f.nowMs + 86_400_000),
  ],
  ['problem master: No.', (f) => Object.assign(f.master, { failure: 'No.', hint: 'Look.' })],
  [
    "problem clock: The clock of this machine is 120 s behind the Master's",
    (f) => (f.master.clockAheadMs = 120_000),
  ],
  ['warning supervisor: It does not run', (f) => (f.supervisor.state = 'absent')],
  ['warning supervisor: Another supervisord', (f) => (f.supervisor.state = 'foreign')],
];

it.each(CASES)('%s', (expected, change) => {
  expect(sick(change)).toEqual([expect.stringContaining(expected)]);
});

it('a bridge that format will make is not missed', () => {
  expect(
    sick((f) => Object.assign(f.settings, { ipv6Interface: 'br0', isBridgeCreated: true })),
  ).toEqual(['warning interface: br0 does not exist yet.']);
});

it('finds the mount that holds a path', () => {
  const mounts = [
    '/dev/sda / ext4 rw,relatime 0 0',
    '/dev/sdb /srv ext4 rw,noexec 0 0',
    '/dev/sdc /srv/a\\040b ext4 ro 0 0',
    '/dev/sdd /srv ext4 rw,nodev 0 0',
    '',
  ].join('\n');
  expect(findMountOptions(mounts, '/srv/slapgrid')).toEqual(['rw', 'nodev']);
  expect(findMountOptions(mounts, '/srv/a b/x')).toEqual(['ro']);
  expect(findMountOptions(mounts, '/srvx')).toEqual(['rw', 'relatime']);
});

it('shows what is wrong with what to do', () => {
  const findings = judge({ ...WELL, isRoot: false });
  const text = renderFindings(findings, false);
  expect(text).toContain('FAIL  user           Not run as root');
  expect(text).toContain('→ Run `sudo slapos node doctor`');
  expect(text.trim().split('\n').at(-1)).toBe('1 problem(s), 0 warning(s).');
  expect(renderFindings(judge(WELL), true)).toContain('\u001b[32mok');
  expect(renderFindings(judge(WELL), false)).toContain('This node is well.');
});
