/** `.slapgrid/log/instance.log`: what the node did while it processed a partition in full. */
import { errorMessage } from '../errors/slapos-error.ts';
import type { GridContext } from '../grid/context.ts';
import { ownedBy } from '../grid/owner.ts';
import { formatLocalTime } from '../log/line-format.ts';
import type { Logger, LogLevel } from '../log/logger.ts';
import { makePrintable } from '../log/printable.ts';
import { redactText } from '../log/redact.ts';
import { teeLogger } from '../log/relay-logger.ts';
import type { Partition } from './partition.ts';

const PATH = '.slapgrid/log/instance.log';
const ROTATE_BYTES = 20 * 1024 * 1024;

export interface InstanceLog {
  /** Writes to the node's log and to the file. */
  readonly log: Logger;
  /** Waits for the last line. */
  close(): Promise<void>;
}

/** Creates `.slapgrid/log`, rotates the file when it is large and opens it. */
export async function openInstanceLog(
  context: GridContext,
  partition: Partition,
): Promise<InstanceLog> {
  const { folder, owner } = partition;
  const ownership = ownedBy(context.host, owner, 0o700);
  await folder.makeFolder('.slapgrid', ownership);
  await folder.makeFolder('.slapgrid/log', ownership);
  const status = await folder.stat(PATH);
  if (status !== undefined && status.sizeBytes >= ROTATE_BYTES) {
    await folder.rename(PATH, 'instance.log.1');
  }
  const options = ownedBy(context.host, owner, 0o644);
  const file = batchLines(async (lines) => {
    try {
      await folder.append(PATH, lines, options);
    } catch (error) {
      context.log.debug(`${PATH}: ${errorMessage(error)}, ignoring`);
    }
  });
  const append = (level: LogLevel, message: string) =>
    file.add(renderInstanceLogLine(context.now(), level, message));
  return { log: teeLogger(partition.log, append), close: file.finish };
}

/** Hands on together what comes while the last lines are written. */
function batchLines(write: (lines: string) => Promise<void>) {
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  const drain = async () => {
    while (waiting.length > 0) {
      const lines = waiting.join('');
      waiting = [];
      await write(lines);
    }
    writing = undefined;
  };
  return {
    add(line: string): void {
      waiting.push(line);
      writing ??= drain();
    },
    async finish(): Promise<void> {
      await writing;
    },
  };
}

/** `[2026-11-20 23:32:12,470] INFO     slapos Processing…` */
export function renderInstanceLogLine(now: Date, level: LogLevel, message: string): string {
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0');
  const time = `${formatLocalTime(now)},${milliseconds}`;
  return `[${time}] ${level.padEnd(8)} slapos ${makePrintable(redactText(message))}\n`;
}
