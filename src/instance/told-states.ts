/**
 * What the Master was last told of each partition, for Masters that do not say it themselves
 * (`_access_status`, spec/grid.md 7.2.6): `<instance_root>/var/slapos-told-states.json`, 0600 and
 * root's, so that a pass in which nothing changed posts nothing.
 *
 * Invariant: a file that can be read lacks no post. Whoever posts first replaces it by a mark of its
 * own and writes it anew at its end. Killed in between, or beside another command that posts too,
 * it leaves a mark or nothing, and then everything is told again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext, ToldStates } from '../grid/context.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { Logger } from '../log/logger.ts';

export const TOLD_STATES = 'var/slapos-told-states.json';
/** A writer that is killed leaves its file by this name (`FixedNameFor`, native/core/file/beneath.cc). */
export const UNFINISHED_TOLD_STATES = 'var/.slapos-told-states.json.slapos-new';

/** Who was told; another Master or computer knows nothing of it. */
interface Listener {
  readonly masterUrl: string;
  readonly computerId: string;
}

/** What stands for a failure with this message. */
export function failureState(message: string): string {
  return `error ${createHash('sha256').update(message).digest('hex').slice(0, 32)}`;
}

export const STARTED_STATE = 'started';

export function renderToldStates(
  { computerId, masterUrl }: Listener,
  told: ReadonlyMap<string, string>,
): string {
  const states = Object.fromEntries([...told].sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ masterUrl, computerId, told: states })}\n`;
}

/** Empty for a mark, for another Master or computer, and for what is no such file. */
export function parseToldStates(text: string | undefined, listener: Listener): Map<string, string> {
  try {
    const file = JSON.parse(text ?? '') as Partial<Listener> & { told?: Record<string, string> };
    const isOurs = file.masterUrl === listener.masterUrl && file.computerId === listener.computerId;
    const entries = isOurs ? Object.entries(file.told ?? {}) : [];
    return new Map(entries.filter(([, state]) => typeof state === 'string'));
  } catch {
    return new Map();
  }
}

const MARK = '{"unfinished":';

class FileToldStates implements ToldStates {
  readonly #folder: OwnedFolder;
  readonly #listener: Listener;
  readonly #log: Logger;
  readonly #mark = `${MARK}"${process.pid}-${randomBytes(8).toString('hex')}"}\n`;
  #told: Map<string, string>;
  #isBelieved = true;
  #marking: Promise<void> | undefined;
  /** Another command may have told something that we do not know of, or our mark does not stand. */
  #isIncomplete = false;

  constructor(folder: OwnedFolder, listener: Listener, log: Logger, text: string | undefined) {
    this.#folder = folder;
    this.#listener = listener;
    this.#log = log;
    this.#told = parseToldStates(text, listener);
  }

  isTold(partitionId: string, state: string): boolean {
    return this.#isBelieved && this.#told.get(partitionId) === state;
  }

  disbelieve(): void {
    this.#isBelieved = false;
  }

  async forget(partitionId: string): Promise<void> {
    this.#marking ??= this.#putMark();
    await this.#marking;
    this.#told.delete(partitionId);
  }

  remember(partitionId: string, state: string): void {
    this.#told.set(partitionId, state);
  }

  async close(): Promise<void> {
    if (this.#marking === undefined) return this.#tidy();
    await this.#marking;
    const isOurs = !this.#isIncomplete && (await this.#read()) === this.#mark;
    await this.#write(isOurs ? renderToldStates(this.#listener, this.#told) : undefined);
  }

  /** A command that tells nothing writes no file, which would have cleared what a killed one left. */
  async #tidy(): Promise<void> {
    await this.#folder.remove(UNFINISHED_TOLD_STATES).catch((error: unknown) => {
      this.#log.warning(`${errorMessage(error)} Ignoring: a killed run left nothing that matters.`);
    });
  }

  async #putMark(): Promise<void> {
    const text = await this.#read();
    this.#told = parseToldStates(text, this.#listener);
    const isShared = text?.startsWith(MARK) ?? false;
    this.#isIncomplete = !(await this.#write(this.#mark)) || isShared;
  }

  #read(): Promise<string | undefined> {
    return this.#folder.readText(TOLD_STATES).catch(() => undefined);
  }

  /** Removes the file instead where it cannot be written: nothing is as good as the truth. */
  async #write(text: string | undefined): Promise<boolean> {
    try {
      if (text !== undefined) await this.#folder.write(TOLD_STATES, text, { mode: 0o600 });
      else await this.#folder.remove(TOLD_STATES);
      return true;
    } catch (error) {
      this.#log.warning(`What the Master is told is not kept: ${errorMessage(error)}, ignoring`);
      if (text !== undefined) await this.#write(undefined);
      return false;
    }
  }
}

/** Does a command's work with what the Master was told before, and keeps what it is told meanwhile. */
export async function withToldStates<Result>(
  context: GridContext,
  work: (context: GridContext) => Promise<Result>,
): Promise<Result> {
  const { log, options } = context;
  const { computerId, instanceRoot, masterUrl } = options;
  const folder = context.host.openFolder(instanceRoot);
  const text = await folder.readText(TOLD_STATES).catch(() => undefined);
  const told = new FileToldStates(folder, { computerId, masterUrl }, log, text);
  try {
    return await work({ ...context, told });
  } finally {
    await told.close();
  }
}
