/** Walks on the real kernel, by the built command: one private machine for each, and a fresh one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import {
  CHANGES,
  differences,
  FIRST_NODE,
  GATEWAY,
  isBridgeOurs,
  type MachineState,
  PREFIXES,
  type WalkNode,
  walkSettings,
  withEverything,
} from './format-walk.ts';
import { seededRandom } from './seeded-random.ts';

const LARGEST_OUTPUT_BYTES = 64 * 1024 * 1024;
/** A run has read its configuration after the first, and is over after the second. */
const FIRST_KILL_MS = 50;
const LAST_KILL_MS = 220;
const KILLED = 0.3;
const REBOOTED = 0.3;

export interface WalkCampaign {
  readonly walks: number;
  /** Stages of each walk, the first format included. */
  readonly stages: number;
  readonly seed: number;
  /** Hears one line for each walk. */
  onLine(line: string): void;
}

interface Stage {
  readonly node: WalkNode;
  readonly changes: readonly string[];
  readonly isRebooted: boolean;
  readonly killMs?: number;
}

interface Machine {
  readonly runs: readonly string[];
  /** What `--check` printed when there was more to do. */
  readonly check: string;
  readonly state: MachineState;
}

/** @returns where machines differ from fresh ones; empty when all are as they must be. */
export function runWalkCampaign({ walks, stages, seed, onLine }: WalkCampaign): string[] {
  const random = seededRandom(seed);
  return Array.from({ length: walks }).flatMap((_, index) => {
    const walk = drawWalk(stages, random);
    const found = compareWalk(walk);
    onLine(`walk ${index}: ${describe(walk)}: ${found[0] ?? 'as a fresh machine'}`);
    return found.map((line) => `walk ${index}: ${line}`);
  });
}

function drawWalk(length: number, random: () => number): Stage[] {
  const walk: Stage[] = [{ node: FIRST_NODE, changes: [], isRebooted: false }];
  while (walk.length < length) {
    const drawn = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      return CHANGES[Math.floor(random() * CHANGES.length)] as (typeof CHANGES)[number];
    });
    const node = drawn.reduce((now, [, change]) => change(now), walk.at(-1)?.node ?? FIRST_NODE);
    const isKilled = random() < KILLED;
    walk.push({
      node,
      changes: drawn.map(([name]) => name),
      isRebooted: random() < REBOOTED,
      ...(isKilled
        ? { killMs: Math.round(FIRST_KILL_MS + random() * (LAST_KILL_MS - FIRST_KILL_MS)) }
        : {}),
    });
  }
  const { node } = walk.at(-1) as Stage;
  return [...walk, { node, changes: [], isRebooted: false }];
}

function compareWalk(walk: readonly Stage[]): string[] {
  const { node } = walk.at(-1) as Stage;
  const [walked, fresh, everything] = [walk, plain(node), plain(withEverything(node))].map(
    runMachine,
  ) as [Machine, Machine, Machine];
  const pending = [walked, fresh].flatMap(({ check }) => (check === '' ? [] : [`left: ${check}`]));
  return [...pending, ...differences(node, walked.state, fresh.state, everything.state)];
}

const plain = (node: WalkNode): Stage[] => [{ node, changes: [], isRebooted: false }];

function runMachine(walk: readonly Stage[]): Machine {
  const stages = walk.map(({ node, isRebooted, killMs }) => ({
    script: `${isRebooted ? REBOOT : ''}${hostNetwork(node)}`,
    cfg: renderCfg(node),
    killMs,
  }));
  const { status, stdout, stderr } = spawnSync(
    join(packageRoot(), 'scripts/in-namespace.sh'),
    ['bash', '-c', 'exec node "$SLAPOS_PACKAGE/test/support/walk-machine.mjs"'],
    {
      input: JSON.stringify({ stages }),
      encoding: 'utf8',
      maxBuffer: LARGEST_OUTPUT_BYTES,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined },
    },
  );
  if (status !== 0) throw new Error(`${describe(walk)}: ${stderr}`);
  return JSON.parse(stdout) as Machine;
}

/** Links go; a device that was killed on its way into the group goes by its name. */
const REBOOT = `
  ip link delete group 20905 2> /dev/null || true
  for device in $(ip -o link | grep -oE ' (slapt(ap|un)[0-9]+|br0|br1|up0|gw0):' | tr -d ' :'); do
    ip link delete $device
  done
  ip -6 route flush table local proto 83
  sysctl -qw net.ipv6.ip_nonlocal_bind=0
`;

/** Gives the host the network that a node is for, whatever it had before; what format made stays. */
function hostNetwork(node: WalkNode): string {
  const [address, length] = PREFIXES[node.prefix];
  const make = (name: string) => `
    if ! [ -e /sys/class/net/${name} ]; then
      ip link add ${name} type bridge
      echo 0 > /proc/sys/net/ipv6/conf/${name}/accept_dad
      ip link set ${name} up
    fi`;
  const folders = Array.from({ length: node.storages }, (_, index) => `/srv/storage/data${index}`);
  return `
    ${isBridgeOurs(node) ? '' : make('br0')}
    ${make('br1')} ${make('up0')} ${make('gw0')}
    for device in br0 up0; do for prefix in ${PREFIXES.map((one) => one.join('/')).join(' ')}; do
      ip address delete $prefix dev $device 2> /dev/null || true
    done; done
    ip address replace ${address}/${length} dev ${node.uplink} nodad
    ip address replace ${GATEWAY.join('/')} dev gw0
    mkdir -p /srv/storage ${folders.join(' ')}
  `;
}

/** Nobody listens on the port of the Master: each run ends with 2. */
function renderCfg(node: WalkNode): string {
  const settings = {
    computer_xml: '/srv/slapos/slapos.xml',
    ipv4_local_network: '10.0.0.0/16',
    ...walkSettings(node),
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
  return `[slapos]
computer_id = COMP-1
master_url = http://127.0.0.1:9/
software_root = /srv/software
instance_root = /srv/slapgrid
[slapformat]
${lines.join('\n')}
`;
}

function describe(walk: readonly Stage[]): string {
  return walk
    .slice(1, -1)
    .map(({ changes, isRebooted, killMs }) => {
      const killed = killMs === undefined ? '' : `, killed after ${killMs} ms`;
      return `${changes.join(', ')}${isRebooted ? ', reboot' : ''}${killed}`;
    })
    .join('; ');
}
