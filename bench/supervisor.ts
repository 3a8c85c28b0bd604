/**
 * Our supervisor against its peers in the same run: Debian's supervisord, s6 and runit where they
 * are installed. Services are one static C program that sleeps, so only the supervisors count.
 *
 *     npm run bench -- supervisor [--json] [--services 300,1000,5000] [--runs 3] [--parts PARTS]
 *         [--peers supervisord,s6,runit] [--peer-services 300] [--folder /var/tmp]
 *
 * PARTS are of: life (launch, idle use, stop), calls (start and stop by XML-RPC, status), reload,
 * flood. Needs root: everything runs in private namespaces. Trees of s6 and runit run as root and
 * write no logs, ours and supervisord change user and open a log for each service.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/host/package/package-files.ts';
import {
  type Daemon,
  isInstalled,
  Ours,
  type RpcDaemon,
  RUNIT_LIMIT,
  Runit,
  S6,
  Supervisord,
} from './supervisor/daemons.ts';
import type { Figure } from './supervisor/readings.ts';
import {
  measureCalls,
  measureFlood,
  measureLife,
  measureReload,
  type Plan,
} from './supervisor/scenarios.ts';
import { addServiceUser } from './supervisor/site.ts';
import { renderFigures } from './supervisor/tables.ts';
import { describeMachine, runInNamespaces } from './support/namespace-run.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    services: { type: 'string', default: '300,1000,5000' },
    'peer-services': { type: 'string', default: '300' },
    'per-group': { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    parts: { type: 'string', default: 'life,calls,reload,flood' },
    peers: { type: 'string', default: 'supervisord,s6,runit' },
    'idle-seconds': { type: 'string', default: '30' },
    'flood-rate': { type: 'string', default: '10000' },
    files: { type: 'string', default: '500' },
    folder: { type: 'string', default: '/var/tmp' },
  },
});

function numbers(text: string): number[] {
  return text
    .split(',')
    .filter((word) => word !== '')
    .map(Number);
}

const PARTS = new Set(values.parts.split(','));
const PEERS = new Set(values.peers.split(','));
const hasSupervisord = PEERS.has('supervisord') && isInstalled('/usr/bin/supervisord');

function buildService(): string {
  const program = join(mkdtempSync('/srv/slapos-bench-'), 'service');
  const source = join(packageRoot(), 'bench', 'native', 'service.c');
  const built = spawnSync('cc', ['-O2', '-static', '-o', program, source], { encoding: 'utf8' });
  if (built.status !== 0) throw new Error(`cc: ${built.stderr || built.error}`);
  spawnSync('chmod', ['755', join(program, '..')]);
  return program;
}

/** Who is measured at a number of services. */
function candidates(services: number): Array<() => Daemon> {
  const found: Array<() => Daemon> = [() => new Ours()];
  if (!numbers(values['peer-services']).includes(services)) return found;
  if (hasSupervisord) found.push(() => new Supervisord());
  if (PEERS.has('s6') && isInstalled('/usr/bin/s6-svscan')) found.push(() => new S6());
  const isWithinLimit = services <= RUNIT_LIMIT;
  if (PEERS.has('runit') && isWithinLimit && isInstalled('/usr/bin/runsvdir')) {
    found.push(() => new Runit());
  }
  return found;
}

function speakers(services: number): Array<() => RpcDaemon> {
  const isPeerWanted = hasSupervisord && numbers(values['peer-services']).includes(services);
  return [() => new Ours(), ...(isPeerWanted ? [() => new Supervisord()] : [])];
}

async function measureAll(plan: Plan, show: (figures: readonly Figure[]) => void): Promise<void> {
  for (const services of numbers(values.services)) {
    if (PARTS.has('life')) {
      for (const make of candidates(services)) show(await measureLife(make, services, plan));
    }
    if (PARTS.has('calls')) {
      for (const make of speakers(services)) show(await measureCalls(make, services, plan));
    }
  }
  const peers = hasSupervisord ? [() => new Supervisord()] : [];
  const both: Array<() => RpcDaemon> = [() => new Ours(), ...peers];
  if (PARTS.has('reload')) {
    for (const make of both) show(await measureReload(make, Number(values.files), plan));
  }
  if (PARTS.has('flood')) for (const make of both) show(await measureFlood(make, 300, plan));
}

/** Shows that it goes on. */
function showRow({ what, who, services, unit, median }: Figure): void {
  const name = `${who}, ${services} services: ${what}`;
  process.stderr.write(`${name.padEnd(80)}${median.toFixed(3).padStart(12)} ${unit}\n`);
}

function packageVersion(name: string): string {
  const run = spawnSync('dpkg-query', ['-W', '-f', `\${Version}`, name], { encoding: 'utf8' });
  return `${name} ${run.status === 0 ? run.stdout : 'unknown'}`;
}

async function main(): Promise<void> {
  addServiceUser();
  const plan: Plan = {
    parent: values.folder,
    service: buildService(),
    perGroup: Number(values['per-group']),
    runs: Number(values.runs),
    idleSeconds: Number(values['idle-seconds']),
    floodRate: Number(values['flood-rate']),
  };
  const figures: Figure[] = [];
  await measureAll(plan, (found) => {
    figures.push(...found);
    for (const figure of found) showRow(figure);
  });
  const names = ['supervisor', 's6', 'runit'];
  const peers = Object.fromEntries(names.map((name) => [name, packageVersion(name)]));
  const machine = describeMachine(peers);
  const text = `${Object.values(machine).join(', ')}; ${plan.runs} runs\n\n${renderFigures(figures)}`;
  process.stdout.write(values.json ? `${JSON.stringify({ machine, figures })}\n` : text);
}

runInNamespaces('supervisor', main);
