/**
 * The logs of a partition by names that we give them, and the last lines of one. A client names a
 * log and never a path; a partition owns most of these files, so no link is followed and what is
 * read is bounded.
 */
import type { LogEnd } from '../host/log/log-end.ts';
import { reasonOf } from './availability.ts';
import { isPartitionName } from './partition-folders.ts';
import type { StatusSources } from './sources.ts';

export interface LogLines {
  /** Oldest first; bytes that are no UTF-8 are U+FFFD. */
  readonly lines: readonly string[];
  /** Whether there is more before them. */
  readonly isCut: boolean;
  /** Why there is nothing; empty when it could be read. */
  readonly problem: string;
}

const MAX_BYTES = 64 * 1024;
const MAX_LINES = 1000;
const MAX_LOGS = 1000;
/** `<title>.log`, as `promise/promise-files.ts` writes it. */
const PROMISE_FOLDER = '.slapgrid/promise/log';
const PROMISE_LOG = /^(.+)\.log$/s;

/**
 * Names of what can be read: `instance`, `instance-error`, `service:NAME`, `service:NAME:stderr`
 * and `promise:TITLE`. Empty for an unknown partition.
 */
export async function listLogs(
  sources: StatusSources,
  reference: string,
): Promise<readonly string[]> {
  return [...(await findLogs(sources, reference)).keys()];
}

/**
 * @param name one of {@link listLogs}
 * @param maxLines 200 unless told, 1000 at most
 * @returns undefined when there is no log of that name.
 */
export async function readLog(
  sources: StatusSources,
  reference: string,
  name: string,
  maxLines = 200,
): Promise<LogLines | undefined> {
  const path = (await findLogs(sources, reference)).get(name);
  if (path === undefined) return undefined;
  try {
    const { instanceRoot } = sources.settings;
    const end = await sources.host.readLogEnd(instanceRoot, path, MAX_BYTES);
    if (end === undefined) return { lines: [], isCut: false, problem: 'It was not written yet.' };
    return { ...splitEnd(end, Math.min(maxLines, MAX_LINES)), problem: '' };
  } catch (error) {
    return { lines: [], isCut: false, problem: reasonOf(error) };
  }
}

/** Paths in the instance root by name, in the order in which they are told. */
async function findLogs(
  sources: StatusSources,
  reference: string,
): Promise<ReadonlyMap<string, string>> {
  if (!isPartitionName(sources.settings, reference)) return new Map();
  const logs = new Map([
    ['instance', `${reference}/.slapgrid/log/instance.log`],
    ['instance-error', `${reference}/.slapgrid-${reference}-error.log`],
  ]);
  for (const [name, path] of await findServiceLogs(sources, reference)) logs.set(name, path);
  for (const title of await listPromiseTitles(sources, reference)) {
    logs.set(`promise:${title}`, `${reference}/${PROMISE_FOLDER}/${title}.log`);
  }
  return logs;
}

/** As the supervisor names them; only those in the folder of the partition. */
async function findServiceLogs(
  { services, settings }: StatusSources,
  reference: string,
): Promise<ReadonlyMap<string, string>> {
  const { groups } = await services.read();
  const home = `${settings.instanceRoot}/${reference}/`;
  const logs = new Map<string, string>();
  const add = (name: string, path: string) => {
    if (path.startsWith(home)) logs.set(name, `${reference}/${path.slice(home.length)}`);
  };
  const group = groups.get(reference);
  for (const [index, { name }] of (group?.services ?? []).entries()) {
    const { stderr = '', stdout = '' } = group?.logs[index] ?? {};
    add(`service:${name}`, stdout);
    if (stderr !== stdout) add(`service:${name}:stderr`, stderr);
  }
  return logs;
}

/** Titles of the promises that have a log. */
export async function listPromiseTitles(
  { host, settings }: StatusSources,
  reference: string,
): Promise<readonly string[]> {
  try {
    const { folders } = await host.look(settings.instanceRoot, {
      folders: [`${reference}/${PROMISE_FOLDER}`],
      maxNames: MAX_LOGS,
    });
    const names = Array.isArray(folders[0]) ? (folders[0] as readonly string[]) : [];
    return names.flatMap((name) => PROMISE_LOG.exec(name)?.[1] ?? []);
  } catch {
    // No instance root: no logs.
    return [];
  }
}

function splitEnd({ bytes, isWhole }: LogEnd, maxLines: number): Pick<LogLines, 'lines' | 'isCut'> {
  const lines = decodeEnd(bytes, isWhole).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const isShort = lines.length <= maxLines;
  return { lines: isShort ? lines : lines.slice(-maxLines), isCut: !isWhole || !isShort };
}

const NEWLINE = 0x0a;

/** Begins with a whole line where the part has one, else with a whole character. */
export function decodeEnd(bytes: Buffer, isWhole: boolean): string {
  if (isWhole) return bytes.toString();
  const newline = bytes.indexOf(NEWLINE);
  if (newline >= 0 && newline + 1 < bytes.length) return bytes.toString('utf8', newline + 1);
  let start = 0;
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.toString('utf8', start);
}
