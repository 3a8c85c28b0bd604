/** A node of a few users and the collector's daemon on it, as a user starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { daemonSocket, readPartitions } from '../../src/collect/daemon/daemon-client.ts';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { appendToEtc } from './private-etc.ts';
import { until } from './supervisor-run.ts';

const FIRST_UID = 43_000;
const SLAPOS = join(process.env['SLAPOS_PACKAGE'] ?? packageRoot(), 'bin', 'slapos');

export class CollectDaemon {
  readonly root = mkdtempSync('/srv/collect-daemon-');
  readonly #children: ChildProcess[] = [];
  log = '';
  address = '';
  #daemon: ChildProcess | undefined;

  constructor(partitionCount: number) {
    const users = Array.from({ length: partitionCount }, (_, index) => {
      mkdirSync(join(this.root, `slappart${index}`, '.slapgrid'), { recursive: true });
      return `daemonuser${index}:x:${this.uid(index)}:${this.uid(index)}::/:/bin/sh\n`;
    });
    this.#writeResults(1, [true, false, true, 'broken']);
    this.#writeResults(2, [false]);
    appendToEtc('passwd', users.join(''));
    writeFileSync(
      join(this.root, 'slapos.cfg'),
      `[slapos]\ninstance_root = ${this.root}\ncomputer_id = C\n` +
        `[slapformat]\npartition_amount = ${partitionCount}\nuser_base_name = daemonuser\npartition_base_name = slappart\n`,
    );
  }

  /** Results of promises, or what is none. */
  #writeResults(index: number, failed: ReadonlyArray<boolean | string>): void {
    const folder = join(this.root, `slappart${index}`, '.slapgrid/promise/result');
    if (!existsSync(join(this.root, `slappart${index}`))) return;
    mkdirSync(folder, { recursive: true });
    for (const [number, value] of failed.entries()) {
      const text =
        typeof value === 'string'
          ? value
          : JSON.stringify({ result: { type: 'Test Result', failed: value } });
      writeFileSync(join(folder, `check-${number}.status.json`), text);
    }
  }

  uid(index: number): number {
    return FIRST_UID + index;
  }

  async start(...words: readonly string[]): Promise<void> {
    this.#spawn('--listen', '127.0.0.1:0', ...words);
    this.address = await until(
      () => /Metrics on (\S+)\/metrics/.exec(this.log)?.[1],
      'the daemon to listen',
    );
  }

  /** Starts it without an address; resolves when it answers at its socket. */
  async startUnheard(): Promise<void> {
    this.#spawn();
    await until(() => readPartitions(this.socket), 'the daemon to answer');
  }

  get socket(): string {
    return daemonSocket(this.root);
  }

  #spawn(...words: readonly string[]): void {
    const cfg = join(this.root, 'slapos.cfg');
    const args = ['node', 'collect', '--daemon', '--cfg', cfg, ...words];
    const daemon = spawn(SLAPOS, args, { stdio: ['ignore', 'inherit', 'pipe'] });
    this.#daemon = daemon;
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
  }

  /** Runs a program as the user of a partition. */
  run(index: number, file: string, ...args: readonly string[]): ChildProcess {
    const uid = this.uid(index);
    const child = spawn(file, args, { uid, gid: uid, cwd: '/', stdio: 'ignore' });
    this.#children.push(child);
    return child;
  }

  async get(path: string): Promise<Response> {
    return fetch(`${this.address}${path}`);
  }

  /** A counter or gauge of each partition, by its name. */
  async read(name: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await this.get('/metrics')).text();
    const lines = text.matchAll(new RegExp(`^${name}\\{partition="(\\w+)"\\} (\\S+)$`, 'gm'));
    return new Map([...lines].map(([, partition = '', value]) => [partition, Number(value)]));
  }

  /** Waits until the daemon has taken `count` more samples. */
  async samples(count: number): Promise<void> {
    const taken = async () => {
      const text = await (await this.get('/metrics')).text();
      return Number(/^slapos_collector_samples_total (\d+)/m.exec(text)?.[1]);
    };
    const goal = (await taken()) + count;
    await until(async () => ((await taken()) >= goal ? true : undefined), 'samples');
  }

  /** Ends it without a chance to clean up. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  }

  /** Resolves to its exit status. */
  async stop(): Promise<number | null> {
    const daemon = this.#daemon;
    const isGone = daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null;
    if (isGone) return daemon?.exitCode ?? null;
    daemon.kill('SIGTERM');
    return new Promise((done) => daemon.on('exit', done));
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.stop();
    rmSync(this.root, { recursive: true, force: true });
  }
}
