/**
 * A log for each release, `software_root/.log/<md5>.log`: all that installing it said, run after
 * run. At 20 MiB it becomes `<md5>.log.1`, so that a release takes little more than twice as much.
 */
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import type { OwnedFolder } from '../host/grid-host.ts';
import type { UserIdentity } from '../host/user/user.ts';
import { renderFileLine } from '../log/line-format.ts';
import type { Logger, LogLevel } from '../log/logger.ts';
import { relayLogger, teeLogger } from '../log/relay-logger.ts';

const FOLDER = '.log';
const ROTATE_BYTES = 20 * 1024 * 1024;
/** What may wait for the disk: a build that talks faster loses lines, not our memory. */
const PENDING_CHARACTERS = 32 * 1024 * 1024;
/** In one write, so that the size of the file is looked at often enough. */
const WRITE_CHARACTERS = 1024 * 1024;
const LOST = '[...]\n';

export interface BuildLog {
  /** Writes to the node's log and to the file. */
  readonly log: Logger;
  /** Writes to the file alone. */
  note(level: LogLevel, message: string): void;
  /** Waits for the last line. */
  close(): Promise<void>;
}

/** Path of the log of a release below `software_root`. */
export function buildLogPath(hash: string): string {
  return `${FOLDER}/${hash}.log`;
}

/** Opens the log of a release; one that cannot be written is told once and then left alone. */
export async function openBuildLog(
  context: GridContext,
  release: { readonly hash: string; readonly owner: UserIdentity; readonly log: Logger },
): Promise<BuildLog> {
  const root = context.host.openFolder(context.options.softwareRoot);
  const path = buildLogPath(release.hash);
  const file = new QueuedFile(root, path, ownedBy(context.host, release.owner, 0o644), (error) =>
    release.log.debug(`${root.path}/${path}: ${String(error)}, going on without it`),
  );
  await file.open(ownedBy(context.host, release.owner, 0o755));
  const append = (level: LogLevel, message: string) => {
    const record = { time: context.now(), level, logger: 'slapos', pid: 0, message, fields: {} };
    file.append(renderFileLine(record));
  };
  return { log: teeLogger(release.log, append), note: append, close: () => file.close() };
}

/** Appends in few writes: what comes during one goes with the next. */
class QueuedFile {
  readonly #root: OwnedFolder;
  readonly #path: string;
  readonly #options: Parameters<OwnedFolder['append']>[2];
  readonly #onFailure: (error: unknown) => void;
  #pending = '';
  #writing: Promise<void> | undefined;
  #sizeBytes = 0;
  #isLost = false;

  constructor(
    root: OwnedFolder,
    path: string,
    options: Parameters<OwnedFolder['append']>[2],
    onFailure: (error: unknown) => void,
  ) {
    this.#root = root;
    this.#path = path;
    this.#options = options;
    this.#onFailure = onFailure;
  }

  async open(folderOptions: Parameters<OwnedFolder['makeFolder']>[1]): Promise<void> {
    await this.#guard(async () => {
      await this.#root.makeFolder(FOLDER, folderOptions);
      this.#sizeBytes = (await this.#root.stat(this.#path))?.sizeBytes ?? 0;
    });
  }

  append(line: string): void {
    if (this.#isLost) return;
    if (this.#pending.length > PENDING_CHARACTERS) this.#pending = LOST;
    this.#pending += line;
    this.#writing ??= this.#drain();
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    // Lines of the same moment go together.
    await Promise.resolve();
    while (this.#pending !== '' && !this.#isLost) {
      const text = this.#pending.slice(0, WRITE_CHARACTERS);
      this.#pending = this.#pending.slice(WRITE_CHARACTERS);
      await this.#guard(() => this.#write(text));
    }
    this.#writing = undefined;
  }

  async #write(text: string): Promise<void> {
    if (this.#sizeBytes >= ROTATE_BYTES) {
      await this.#root.rename(this.#path, `${this.#path.slice(FOLDER.length + 1)}.1`);
      this.#sizeBytes = 0;
    }
    await this.#root.append(this.#path, text, this.#options);
    this.#sizeBytes += Buffer.byteLength(text);
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#isLost = true;
      this.#onFailure(error);
    }
  }
}

/** A logger whose lines say of which release they are: for several at a time. */
export function markLogger(log: Logger, hash: string): Logger {
  const mark = `[${hash.slice(0, 8)}]`;
  return relayLogger(log, (_level, message, write) => write(`${mark} ${message}`));
}
