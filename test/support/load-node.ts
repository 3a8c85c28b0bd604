/**
 * The node of the load campaign: real format, supervisor, Master and collector, driven by the real
 * command line. Its software is a shell script in place of buildout, that writes as many services as
 * are wanted.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  daemonSocket,
  type PartitionSample,
  readPartitions,
} from '../../src/collect/daemon/daemon-client.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { createSlapClient } from '../../src/slap/slap-client.ts';
import { softwarePath } from '../../src/software/release.ts';
import { SupervisorClient } from '../../src/supervisor/client.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { isAlive, killQuietly } from './keeper-run.ts';
import { type Look, lookAround, readChildrenCpuMs, readPeakRss } from './load-look.ts';
import {
  hasPromise,
  isTalking,
  type LoadInstance,
  type LoadRelease,
  wrapperNames,
} from './load-model.ts';
import { COMPUTER, RealNode } from './real-node.ts';
import { until } from './supervisor-run.ts';

const FOLDER = '/srv/load';
const PORT = 5397;
const SLAPOS = join(packageRoot(), 'dist', 'bin', 'slapos.js');
const ACCOUNT_FILES = ['passwd', 'shadow', 'group', 'gshadow'].map((name) => `/etc/${name}`);
const RELEASES: Readonly<Record<LoadRelease, string>> = {
  a: 'https://load.example/a.cfg',
  b: 'https://load.example/b.cfg',
};
const BRIDGE = [
  'link add br0 type bridge',
  'link set br0 up',
  'address add 2001:db8:a::1/48 dev br0 nodad',
];
const COLLECT_MS = 1000;
/** Of a partition: eight floats and two counts of two bytes. */
const BYTES_OF_SAMPLE = 36;
const STOP_MS = 60_000;
const MEMORY_LOOK_MS = 100;

export interface CommandRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
}

/** The programs of the node itself. */
export interface NodePrograms {
  readonly keeper: number;
  readonly controller: number;
  readonly watchdog: number;
  readonly proxy: number;
  readonly collector: number;
}

function buildoutScript(plans: string): string {
  return `#!/bin/sh
set -e
mkdir -p etc/service etc/run etc/promise
rm -f etc/service/* etc/run/* etc/promise/*
. ${plans}/\${PWD##*/}
for name in $sleeping; do printf '#!%s sleep\\n' $program > etc/service/$name; done
for name in $talking; do printf '#!%s talk\\n' $program > etc/service/$name; done
printf '#!%s sleep\\n' $program > etc/run/$run
[ -z "$promise" ] || printf '#!/bin/sh\\n[ ! -e %s ] || { echo sick; exit 1; }\\n' $promise > etc/promise/up
chmod -R u+x etc
`;
}

/**
 * Without bounds V8 leaves garbage for half an hour, since it has no reason to collect it, and that
 * looks like what leaks. With these a program that leaks is one that ends.
 */
const HEAP_BOUNDS = { NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=2' };

export class LoadNode {
  readonly node: RealNode;
  readonly client: SupervisorClient;
  readonly master: ReturnType<typeof createSlapClient>;
  readonly paths: ReturnType<typeof supervisorPaths>;
  readonly program = join(FOLDER, 'load-service');
  readonly #accounts = ACCOUNT_FILES.map((path) => [path, readFileSync(path)] as const);
  readonly #services: number;
  readonly #partitions: number;
  #collector: ChildProcess | undefined;
  #collectorStartMs = 0;

  constructor(partitions: number, services: number) {
    for (const words of BRIDGE) execFileSync('ip', words.split(' '));
    this.#services = services;
    this.#partitions = partitions;
    this.node = new RealNode({
      folder: FOLDER,
      port: PORT,
      slapformat: {
        partition_amount: partitions,
        user_base_name: 'loaduser',
        partition_base_name: 'slappart',
      },
    });
    this.paths = supervisorPaths(this.node.instanceRoot);
    this.client = new SupervisorClient(this.paths.socket);
    this.master = createSlapClient({ masterUrl: this.node.masterUrl });
    mkdirSync(join(FOLDER, 'plans'));
    const source = join(packageRoot(), 'test/fixtures/load-service.c');
    execFileSync('cc', ['-Os', '-Wall', '-Werror', '-static', '-s', '-o', this.program, source]);
  }

  /** Formats the node and starts the Master. */
  async prepare(): Promise<void> {
    await this.startMaster();
    await this.expect('node', 'format', '--now');
    for (const url of Object.values(RELEASES)) this.#installRelease(url);
  }

  startMaster(): Promise<void> {
    return this.node.startProxy('ours', HEAP_BOUNDS);
  }

  #installRelease(url: string): void {
    const path = softwarePath(this.node.softwareRoot, url);
    mkdirSync(join(path, 'bin'), { recursive: true });
    writeFileSync(join(path, 'instance.cfg'), `[buildout]\nparts =\n# ${url}\n`);
    writeFileSync(join(path, '.completed'), '');
    const script = buildoutScript(join(FOLDER, 'plans'));
    writeFileSync(join(path, 'bin', 'buildout'), script, { mode: 0o755 });
    const { gid, uid } = statSync(this.node.softwareRoot);
    for (const name of ['', 'bin', 'instance.cfg', '.completed', 'bin/buildout']) {
      chownSync(join(path, name), uid, gid);
    }
  }

  async startCollector(): Promise<void> {
    const words = ['node', 'collect', '--daemon', '--interval', '1s', '--cfg', this.node.config];
    this.#collector = spawn(process.execPath, [SLAPOS, ...words], {
      env: { ...this.node.environment, ...HEAP_BOUNDS },
      stdio: 'ignore',
    });
    this.#collectorStartMs = performance.now();
    const socket = daemonSocket(this.node.instanceRoot);
    await until(() => readPartitions(socket).catch(() => undefined), 'the collector', STOP_MS);
  }

  /** What the collector says of every partition. */
  async collected(): Promise<readonly PartitionSample[]> {
    const sample = await readPartitions(daemonSocket(this.node.instanceRoot));
    return sample?.partitions ?? [];
  }

  /** What the samples of the collector so far take (`src/collect/daemon/series.ts`). */
  get seriesBytes(): number {
    const samples = (performance.now() - this.#collectorStartMs) / COLLECT_MS;
    return samples * this.#partitions * BYTES_OF_SAMPLE;
  }

  /** Asks the Master. @returns the partition */
  async request(title: string, state: string, wish?: LoadInstance): Promise<string> {
    const { partition } = await this.master.requestInstance({
      softwareRelease: RELEASES[wish?.release ?? 'a'],
      softwareType: 'default',
      title,
      parameters: { generation: String(wish?.generation ?? 1) },
      filter: { computer_guid: COMPUTER },
      state,
      isShared: false,
    });
    return partition?.partitionId ?? '';
  }

  async bang(partitionId: string): Promise<void> {
    await this.master.bangInstance({ computerId: COMPUTER, partitionId }, 'load');
  }

  /** What the buildout of its partition writes. */
  plan(instance: LoadInstance): void {
    const { partition } = instance;
    const { run, watched } = wrapperNames(instance, this.#services);
    const isTalker = (name: string) => name === 's0' && isTalking(partition);
    const lines = [
      `program=${this.program}`,
      `sleeping='${watched.filter((name) => !isTalker(name)).join(' ')}'`,
      `talking='${watched.filter(isTalker).join(' ')}'`,
      `run=${run}`,
      `promise=${hasPromise(partition) ? this.#sickFile(partition) : ''}`,
    ];
    this.node.write(join('plans', partition), `${lines.join('\n')}\n`);
    if (instance.isSick) writeFileSync(this.#sickFile(partition), '');
    else rmSync(this.#sickFile(partition), { force: true });
  }

  #sickFile(partition: string): string {
    return join(FOLDER, 'plans', `${partition}.sick`);
  }

  releaseUrl(release: LoadRelease): string {
    return RELEASES[release];
  }

  /** Runs our command line to its end. */
  run(...words: readonly string[]): Promise<CommandRun> {
    const before = { ms: performance.now(), cpuMs: readChildrenCpuMs() };
    const child = spawn(process.execPath, [SLAPOS, ...words], {
      cwd: FOLDER,
      env: { ...this.node.environment, ...HEAP_BOUNDS },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
    }
    let peakRssBytes = 0;
    const look = () => {
      peakRssBytes = Math.max(peakRssBytes, readPeakRss(child.pid));
    };
    const watch = setInterval(look, MEMORY_LOOK_MS);
    return new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (status) => {
        clearInterval(watch);
        const ms = performance.now() - before.ms;
        resolve({ ...texts, status, ms, cpuMs: readChildrenCpuMs() - before.cpuMs, peakRssBytes });
      });
    });
  }

  async expect(...words: readonly string[]): Promise<CommandRun> {
    const result = await this.run(...words);
    if (result.status === 0) return result;
    const said = `${result.stdout}${result.stderr}`.slice(-2000);
    throw new Error(`slapos ${words.join(' ')} ended with ${result.status}: ${said}`);
  }

  look(): Look {
    return lookAround(this.program, this.node.instanceRoot);
  }

  /** The pids of the node's own programs; 0 for what does not run just now. */
  programs({ others }: Look): NodePrograms {
    const find = (...words: readonly string[]) =>
      [...others].find(([, line]) => words.every((word) => line.includes(word)))?.[0] ?? 0;
    return {
      keeper: this.keeperPid(),
      controller: find('--keeper-fd', this.paths.configuration),
      watchdog:
        [...others].find(([, line]) => line.some((word) => /slapos-watchdog/.test(word)))?.[0] ?? 0,
      proxy: find('proxy', 'start', this.node.config),
      collector: this.#collector?.pid ?? 0,
    };
  }

  keeperPid(): number {
    return Number(readFileSync(this.paths.pidFile, 'utf8'));
  }

  async killController(): Promise<void> {
    const pid = await until(
      () => this.programs(this.look()).controller || undefined,
      'a controller',
      STOP_MS,
    );
    killQuietly(pid, 'SIGKILL');
  }

  uidOf(partition: string): number {
    return statSync(this.node.path(partition)).uid;
  }

  async remove(): Promise<void> {
    this.client.close();
    await this.master.close();
    await this.#stopCollector();
    await this.#stopSupervisor();
    await this.node.stopProxy();
    rmSync(FOLDER, { recursive: true });
    execFileSync('ip', ['link', 'delete', 'br0']);
    for (const [path, content] of this.#accounts) writeFileSync(path, content);
  }

  async #stopSupervisor(): Promise<void> {
    if (!existsSync(this.paths.pidFile)) return;
    const keeper = this.keeperPid();
    process.kill(keeper, 'SIGTERM');
    await until(() => (isAlive(keeper) ? undefined : true), 'the end of the keeper', STOP_MS);
  }

  async #stopCollector(): Promise<void> {
    const collector = this.#collector;
    if (collector === undefined || collector.exitCode !== null) return;
    const ended = new Promise((resolve) => collector.once('exit', resolve));
    collector.kill('SIGTERM');
    await ended;
  }
}
