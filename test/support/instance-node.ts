/**
 * A node in the private namespace that is driven by the real command line: real supervisor, real
 * files, a Master over HTTP, and software whose buildout is a shell script that does what a plan of
 * the test says, so that a pass over 50 partitions takes a second or two.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { softwarePath } from '../../src/software/release.ts';
import { type ProcessInfo, SupervisorClient } from '../../src/supervisor/client.ts';
import { supervisorPaths } from '../../src/supervisor/layout.ts';
import { createGridSite, partitionUid } from './grid-site.ts';
import { HttpMaster } from './http-master.ts';
import { isAlive } from './keeper-run.ts';
import { until } from './supervisor-run.ts';

/** What the buildout of a partition does; what is left out is as in a partition that works. */
export interface BuildPlan {
  readonly parameter?: string;
  readonly fails?: boolean;
  /** References that the instance requests. */
  readonly requests?: readonly string[];
  /** Shell lines, run first. */
  readonly script?: string;
}

export interface CliRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Largest resident memory that was seen every 20 ms. */
  readonly peakRssBytes: number;
}

/** When a run gets a signal: after a time, or as soon as something is so. */
export interface RunEnd {
  readonly signal: NodeJS.Signals;
  readonly afterMs?: number;
  readonly until?: () => boolean;
}

export interface InstanceNodeOptions {
  readonly partitions: number;
  readonly releases: readonly string[];
  /** Lines of section [slapos]. */
  readonly settings?: string;
}

/** Name of the service that a buildout leaves in its partition. */
export function serviceName(release: string, parameter: string): string {
  return `server-${release.replace(/\W+/g, '-')}-${parameter}`;
}

function buildoutScript(plans: string, release: string): string {
  return `#!/bin/sh
set -e
id=\${PWD##*/} parameter=0 fails= requests=
[ ! -e ${plans}/$id ] || . ${plans}/$id
[ -z "$fails" ] || { echo no such luck; exit 7; }
dd if=/dev/zero of=build bs=64k count=1 2>&1
rm build
mkdir -p etc/service etc/promise
rm -f etc/service/*
service=etc/service/${serviceName(release, '$parameter')}
printf '#!/bin/sh\\nexec /bin/sleep 100000\\n' > $service
printf '#!/bin/sh\\n[ ! -e ${plans}/%s.sick ] || { echo sick; exit 1; }\\n' $id > etc/promise/up
chmod 700 $service etc/promise/up
for one in $requests; do echo $one >> .slapos-request-transaction-$id; done
`;
}

/** VmHWM of proc_pid_status(5): the peak so far; 0 when the process is gone. */
function readPeakRss(pid: number | undefined): number {
  try {
    const [, kibibytes] =
      /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export class InstanceNode {
  readonly master = new HttpMaster();
  readonly site: ReturnType<typeof createGridSite>;
  readonly ids: readonly string[];
  readonly configuration: string;
  readonly client: SupervisorClient;
  readonly #options: InstanceNodeOptions;
  readonly #plans: string;

  constructor(options: InstanceNodeOptions) {
    this.#options = options;
    this.site = createGridSite({ partitions: options.partitions });
    this.ids = Array.from({ length: options.partitions }, (_, index) => `slappart${index}`);
    this.configuration = join(this.site.root, 'slapos.cfg');
    this.#plans = join(this.site.root, 'plans');
    this.client = new SupervisorClient(supervisorPaths(this.site.instanceRoot).socket);
    for (const name of ['plans', 'pki']) mkdirSync(join(this.site.root, name), { mode: 0o755 });
    for (const release of options.releases) this.installRelease(release);
  }

  async open(): Promise<void> {
    const masterUrl = await this.master.listen();
    const { instanceRoot, root, softwareRoot } = this.site;
    writeFileSync(
      this.configuration,
      `[slapos]
computer_id = COMP-1
master_url = ${masterUrl}
instance_root = ${instanceRoot}
software_root = ${softwareRoot}
certificate_repository_path = ${root}/pki
instance_min_free_space = 0
software_min_free_space = 0
pidfile = ${root}/slapos.pid
master_timeout = 1
${this.#options.settings ?? ''}`,
    );
  }

  installRelease(release: string, script = buildoutScript(this.#plans, release)): string {
    const path = softwarePath(this.site.softwareRoot, release);
    mkdirSync(join(path, 'bin'), { recursive: true });
    writeFileSync(join(path, 'instance.cfg'), `[buildout]\nparts =\n# ${release}\n`);
    writeFileSync(join(path, 'bin', 'buildout'), script, { mode: 0o755 });
    return path;
  }

  plan(
    id: string,
    { parameter = '0', fails = false, requests = [], script = '' }: BuildPlan,
  ): void {
    const text = `parameter=${parameter}\nfails=${fails ? 1 : ''}\nrequests='${requests.join(' ')}'\n`;
    writeFileSync(join(this.#plans, id), text + script, { mode: 0o644 });
  }

  /** Makes the promise of a partition fail, or hold again. */
  sicken(id: string, isSick: boolean): void {
    const file = join(this.#plans, `${id}.sick`);
    if (isSick) writeFileSync(file, '');
    else rmSync(file, { force: true });
  }

  /** Gives a partition a disk of its own, 0.5 MiB large. */
  mountDisk(index: number): void {
    const uid = partitionUid(index);
    const path = this.site.path(`slappart${index}`);
    const settings = `size=512k,mode=0750,uid=${uid},gid=${uid}`;
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', settings, 'tmpfs', path]);
    if (status !== 0) throw new Error(String(stderr));
  }

  fillDisk(index: number): void {
    const file = this.site.path(`slappart${index}`, 'filler');
    spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=4k']);
  }

  emptyDisk(index: number): void {
    rmSync(this.site.path(`slappart${index}`, 'filler'), { force: true });
  }

  chmod(id: string, mode: number): void {
    chmodSync(this.site.path(id), mode);
  }

  /** Starts the command line; a signal is sent to it only. */
  run(words: readonly string[], end?: RunEnd): Promise<CliRun> {
    const [verb = '', ...options] = words;
    return this.#run(['node', verb, '--cfg', this.configuration, '--now', ...options], end);
  }

  /** A command that has no `--now`. */
  runPlain(verb: string, ...words: readonly string[]): Promise<CliRun> {
    return this.#run(['node', verb, '--cfg', this.configuration, ...words]);
  }

  #run(argv: readonly string[], end?: RunEnd): Promise<CliRun> {
    this.master.calls.length = 0;
    const started = performance.now();
    const child = spawn(join(packageRoot(), 'bin', 'slapos'), argv, {
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
    }
    const isDue = () => {
      if (end === undefined || child.killed) return false;
      return end.until?.() ?? performance.now() - started >= (end.afterMs ?? 0);
    };
    let peakRssBytes = 0;
    const watch = setInterval(() => {
      peakRssBytes = Math.max(peakRssBytes, readPeakRss(child.pid));
      if (isDue()) child.kill(end?.signal);
    }, 20);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (status) => {
        clearInterval(watch);
        const ms = performance.now() - started;
        setImmediate(() => resolve({ status: status ?? -1, ms, peakRssBytes, ...texts }));
      });
    });
  }

  /** Pids of the services that run, by `group:process`. */
  async running(): Promise<ReadonlyMap<string, number>> {
    const all = await this.client.call<ProcessInfo[]>('supervisor.getAllProcessInfo');
    const own = all.filter(({ group }) => this.ids.includes(group));
    const alive = own.filter(({ statename }) => statename === 'RUNNING');
    return new Map(alive.map(({ group, name, pid }) => [`${group}:${name}`, pid]));
  }

  async close(): Promise<void> {
    this.client.close();
    await this.master.close();
    await this.stopSupervisor();
    for (const id of this.ids) spawnSync('umount', ['-q', this.site.path(id)]);
    await this.site.remove();
  }

  async stopSupervisor(): Promise<void> {
    const file = supervisorPaths(this.site.instanceRoot).pidFile;
    let pid: number;
    try {
      pid = Number(readFileSync(file, 'utf8'));
      process.kill(pid, 'SIGTERM');
    } catch {
      return;
    }
    await until(() => (isAlive(pid) ? undefined : true), 'the end of the supervisor', 20_000);
  }
}
