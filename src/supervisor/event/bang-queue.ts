/**
 * What the Master has yet to be told: one bang for each partition, tried until it is accepted, and
 * written down so that neither a dead Master nor a dead watchdog makes one vanish.
 *
 * Invariants: a partition is in the file from before its event is answered until its bang is
 * accepted; at most one bang of a partition is under way; ends that come meanwhile change nothing.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, errorMessage } from '../../errors/slapos-error.ts';
import type { BeneathFiles } from '../../host/file.ts';
import { isManagerGroup } from '../../model/manager-group.ts';

/** Event that the watchdog acts upon. */
export interface ProcessEnd {
  readonly processName: string;
  readonly groupName: string;
}

export interface WatchdogSettings {
  readonly masterUrl: string;
  readonly computerId: string;
  readonly certificateRepositoryPath: string | undefined;
  /** Without it every end is told, and nothing is written down. */
  readonly instanceRoot: string | undefined;
  /** Authorities of the Master, instead of the system's. */
  readonly masterCaFile?: string | undefined;
  readonly isMasterVerified?: boolean;
}

export interface BangPorts {
  readonly files: Pick<BeneathFiles, 'read' | 'write'>;
  /** Tells the Master, with the certificate of the partition. */
  bang(partitionId: string, message: string): Promise<void>;
  /** Lines for the log of the watchdog. */
  log(text: string): void;
}

export interface RetryPlan {
  readonly firstMs: number;
  readonly longestMs: number;
  /** How long the end of the input waits for bangs under way. */
  readonly graceMs: number;
  /** Bangs under way at the same time. */
  readonly parallel: number;
}

const RETRY: RetryPlan = {
  firstMs: 10_000,
  longestMs: 600_000,
  graceMs: 5000,
  parallel: 4,
};
const TIMESTAMP = '.timestamp';
const BANG_TIMESTAMP = '.slapos_latest_bang_timestamp';
const PENDING_FOLDER = 'var/run';
const PENDING_NAME = 'slapos-watchdog.pending';
const MAX_PENDING_BYTES = 4 * 1024 * 1024;

export class BangQueue {
  readonly #instanceRoot: string | undefined;
  readonly #ports: BangPorts;
  readonly #retry: RetryPlan;
  /** Process that ended, by partition. */
  readonly #pending = new Map<string, string>();
  readonly #telling = new Set<Promise<void>>();
  readonly #waiting: Array<() => void> = [];
  readonly #closed = new AbortController();
  #active = 0;
  #saved: Promise<void> = Promise.resolve();

  constructor(
    { instanceRoot }: Pick<WatchdogSettings, 'instanceRoot'>,
    ports: BangPorts,
    retry: RetryPlan = RETRY,
  ) {
    this.#instanceRoot = instanceRoot;
    this.#ports = ports;
    this.#retry = retry;
  }

  /** Goes on with what an earlier watchdog left. */
  async resume(): Promise<void> {
    if (this.#instanceRoot === undefined) return;
    try {
      const folder = join(this.#instanceRoot, PENDING_FOLDER);
      const data = await this.#ports.files.read(folder, PENDING_NAME, {
        maxBytes: MAX_PENDING_BYTES,
      });
      const left: unknown = data === undefined ? {} : JSON.parse(data.toString('utf8'));
      for (const [partition, processName] of Object.entries(left as object)) {
        if (isManagerGroup(partition)) continue;
        this.#pending.set(partition, String(processName));
        this.#begin(partition);
      }
    } catch (error) {
      this.#ports.log(`cannot read what was left to tell: ${errorMessage(error)}`);
    }
  }

  /** Takes note of an end; resolves when it is written down. */
  async add({ groupName, processName }: ProcessEnd): Promise<void> {
    if (this.#pending.has(groupName)) return;
    try {
      if (!(await this.#isDue(groupName))) return;
    } catch (error) {
      this.#ports.log(`${groupName}: cannot read its timestamps: ${errorMessage(error)}`);
    }
    this.#pending.set(groupName, processName);
    await this.#save();
    this.#begin(groupName);
  }

  /**
   * Begins no more bangs and waits a moment for those under way; what is pending is for the next
   * watchdog.
   */
  async close(): Promise<void> {
    this.#closed.abort();
    const isOver = Promise.allSettled(this.#telling);
    await Promise.race([isOver, sleep(this.#retry.graceMs, undefined, { ref: false })]);
  }

  async #isDue(partition: string): Promise<boolean> {
    if (this.#instanceRoot === undefined) return true;
    const timestamp = await this.#read(partition, TIMESTAMP);
    return mustBang(timestamp, await this.#read(partition, BANG_TIMESTAMP));
  }

  async #read(partition: string, name: string): Promise<string | undefined> {
    const folder = join(this.#instanceRoot ?? '', partition);
    const data = await this.#ports.files.read(folder, name, { maxBytes: 1024 });
    return data?.toString('utf8').trim();
  }

  #begin(partition: string): void {
    const telling = this.#tell(partition).finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
  }

  /** Tries until the Master has accepted it, or knows no such partition. */
  async #tell(partition: string): Promise<void> {
    for (let delayMs = this.#retry.firstMs; ; ) {
      await this.#enter();
      const isDone = await this.#bangUnlessClosed(partition).finally(() => this.#leave());
      if (isDone) break;
      await sleep(delayMs, undefined, { signal: this.#closed.signal }).catch(() => {});
      if (this.#closed.signal.aborted) return;
      delayMs = Math.min(this.#retry.longestMs, delayMs * 2);
    }
    this.#pending.delete(partition);
    await this.#save();
  }

  async #bangUnlessClosed(partition: string): Promise<boolean> {
    return this.#closed.signal.aborted ? false : this.#bang(partition);
  }

  async #bang(partition: string): Promise<boolean> {
    const processName = this.#pending.get(partition) ?? '';
    const message = `${processName} process in partition ${partition} encountered a problem`;
    try {
      // Read before: a partition that is processed meanwhile may fail again.
      const timestamp =
        this.#instanceRoot === undefined ? undefined : await this.#read(partition, TIMESTAMP);
      await this.#ports.bang(partition, message);
      this.#ports.log(message);
      await this.#remember(partition, timestamp ?? '0');
      return true;
    } catch (error) {
      this.#ports.log(`${partition}: not told to the Master: ${errorMessage(error)}`);
      return errorCode(error) === 'SLAPOS_ERR_MASTER_NOT_FOUND';
    }
  }

  async #remember(partition: string, timestamp: string): Promise<void> {
    if (this.#instanceRoot === undefined) return;
    const folder = join(this.#instanceRoot, partition);
    try {
      await this.#ports.files.write(folder, BANG_TIMESTAMP, timestamp, { mode: 0o644 });
    } catch (error) {
      this.#ports.log(`${partition}: cannot remember the bang: ${errorMessage(error)}`);
    }
  }

  /** One after the other: each writes everything that is pending by then. */
  #save(): Promise<void> {
    const root = this.#instanceRoot;
    if (root === undefined) return Promise.resolve();
    this.#saved = this.#saved.then(async () => {
      const text = JSON.stringify(Object.fromEntries(this.#pending));
      const folder = join(root, PENDING_FOLDER);
      await this.#ports.files.write(folder, PENDING_NAME, text, { mode: 0o600 }).catch((error) => {
        this.#ports.log(`cannot write down what is left to tell: ${errorMessage(error)}`);
      });
    });
    return this.#saved;
  }

  async #enter(): Promise<void> {
    if (this.#active < this.#retry.parallel) this.#active += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#active -= 1;
    else next();
  }
}

/**
 * True when the partition was processed since the last bang: without it the Master knows already.
 * @param timestamp content of `.timestamp`, `latestBang` that of the bang file.
 */
export function mustBang(timestamp: string | undefined, latestBang: string | undefined): boolean {
  if (latestBang === undefined) return true;
  if (timestamp === undefined || timestamp === latestBang) return false;
  // What is no number can only have come from elsewhere: better one bang too many than none.
  return !(Number(timestamp) <= Number(latestBang));
}
