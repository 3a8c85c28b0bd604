/** A node of many partitions with sleeping processes, and what reads from the collector's daemon. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';

const FIRST_UID = 43_000;
/** USER_HZ, which Linux has at 100 for programs everywhere. */
const TICKS_PER_SECOND = 100;

/** Only within the namespaces of scripts/in-namespace.sh: it writes to /etc and /srv. */
export class CollectNode {
  readonly folder = mkdtempSync('/srv/collect-bench-');
  readonly cfg = join(this.folder, 'slapos.cfg');
  readonly #partitionCount: number;

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount;
    const users = Array.from({ length: partitionCount }, (_, index) => {
      const path = join(this.folder, `slappart${index}`);
      mkdirSync(path);
      const uid = FIRST_UID + index;
      return `benchuser${index}:x:${uid}:${uid}::${path}:/bin/sh\n`;
    });
    appendFileSync('/etc/passwd', users.join(''));
    writeFileSync(
      this.cfg,
      `[slapos]\ninstance_root = ${this.folder}\ncomputer_id = C\n[slapformat]\n` +
        `partition_amount = ${partitionCount}\nuser_base_name = benchuser\npartition_base_name = slappart\n`,
    );
  }

  /** Starts processes that sleep, in equal shares under the users of the partitions. */
  async startSleepers(count: number): Promise<void> {
    const program = join(this.folder, 'sleepers');
    const source = join(packageRoot(), 'bench', 'native', 'sleepers.c');
    const built = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`cc: ${built.stderr || built.error}`);
    const args = [count, this.#partitionCount, FIRST_UID].map(String);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
  }
}

/** A daemon that was started, and its address. */
export class RunningDaemon {
  readonly #child: ChildProcess;
  readonly address: string;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  /** Starts Node with `words`; resolves when its log says where it listens. */
  static async start(words: readonly string[]): Promise<RunningDaemon> {
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    for await (const text of child.stderr
      .setEncoding('utf8')
      .iterator({ destroyOnReturn: false })) {
      log += text;
      const address = /Metrics on (\S+)\/metrics/.exec(log)?.[1];
      if (address === undefined) continue;
      child.stderr.resume();
      return new RunningDaemon(child, address);
    }
    throw new Error(`the daemon did not start: ${log}`);
  }

  /** CPU seconds that all its threads have used, in and out of the kernel. */
  cpuS(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Resident memory now (VmRSS) or at its highest (VmHWM), in bytes. */
  memoryBytes(which: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1');
    return Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  }

  /** The highest memory is counted anew from now on (proc_pid_clear_refs(5)). */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5');
  }

  async scrape(): Promise<string> {
    return (await fetch(`${this.address}/metrics`)).text();
  }

  /** Reads the stream of samples for as long as the daemon lives; counts them. */
  async follow(): Promise<{ readonly events: number }> {
    const seen = { events: 0 };
    const { body } = await fetch(`${this.address}/events`);
    const read = async () => {
      const text = new TextDecoder();
      for await (const piece of body ?? []) {
        seen.events += text.decode(piece, { stream: true }).split('event: sample').length - 1;
      }
    };
    read().catch(() => undefined);
    return seen;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
