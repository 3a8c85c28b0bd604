/**
 * The watchdog (spec/grid.md 10): an event listener that tells the Master when a watched service
 * of a partition ended, so that the partition is processed again.
 */
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { errorMessage } from '../errors/slapos-error.ts';
import type { BeneathFiles } from '../host/file.ts';

export interface WatchdogSettings {
  readonly masterUrl: string;
  readonly computerId: string;
  readonly certificateRepositoryPath: string | undefined;
  /** Without it every end is told. */
  readonly instanceRoot: string | undefined;
}

/** Event that the watchdog acts upon. */
export interface ProcessEnd {
  readonly processName: string;
  readonly groupName: string;
}

export interface WatchdogPorts {
  readonly files: Pick<BeneathFiles, 'read' | 'write'>;
  /** Tells the Master, with the certificate of the partition. */
  bang(partitionId: string, message: string): Promise<void>;
  /** Lines for the log of the watchdog. */
  log(text: string): void;
}

const WATCHED_EVENTS: ReadonlySet<string> = new Set([
  'PROCESS_STATE_EXITED',
  'PROCESS_STATE_FATAL',
]);
const WATCHED_MARK = '-on-watch';
const TIMESTAMP = '.timestamp';
const BANG_TIMESTAMP = '.slapos_latest_bang_timestamp';

/** Words `key:value` of a header or payload. */
export function parseWords(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(/\s+/).flatMap((word): Array<[string, string]> => {
    const colon = word.indexOf(':');
    return colon < 0 ? [] : [[word.slice(0, colon), word.slice(colon + 1)]];
  });
  return new Map(pairs);
}

/** The end that an event tells of; undefined when the watchdog does not care. */
export function selectEnd(eventName: string, payload: string): ProcessEnd | undefined {
  if (!WATCHED_EVENTS.has(eventName)) return undefined;
  const words = parseWords(payload);
  const processName = words.get('processname') ?? '';
  const groupName = words.get('groupname') ?? '';
  if (!processName.includes(WATCHED_MARK) || !isFolderName(groupName)) return undefined;
  return { processName, groupName };
}

function isFolderName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

/**
 * True when the partition was processed since the last bang: without it the Master knows already.
 * @param timestamp content of `.timestamp`, `latestBang` that of the bang file.
 */
export function mustBang(timestamp: string | undefined, latestBang: string | undefined): boolean {
  if (latestBang === undefined) return true;
  if (timestamp === undefined) return false;
  return Number(timestamp) > Number(latestBang);
}

async function readText(
  ports: WatchdogPorts,
  folder: string,
  name: string,
): Promise<string | undefined> {
  const data = await ports.files.read(folder, name, { maxBytes: 1024 });
  return data?.toString('utf8').trim();
}

/** Acts on one event; a failure is logged and the next end of the service is told again. */
export async function handleEnd(
  settings: WatchdogSettings,
  ports: WatchdogPorts,
  end: ProcessEnd,
): Promise<void> {
  const { processName, groupName } = end;
  const folder =
    settings.instanceRoot === undefined ? undefined : join(settings.instanceRoot, groupName);
  try {
    const timestamp = folder && (await readText(ports, folder, TIMESTAMP));
    const latest = folder && (await readText(ports, folder, BANG_TIMESTAMP));
    if (folder !== undefined && !mustBang(timestamp, latest)) return;
    const message = `${processName} process in partition ${groupName} encountered a problem`;
    await ports.bang(groupName, message);
    ports.log(message);
    if (folder === undefined) return;
    await ports.files.write(folder, BANG_TIMESTAMP, timestamp ?? '0', { mode: 0o644 });
  } catch (error) {
    ports.log(`${groupName}: not told to the Master: ${errorMessage(error)}`);
  }
}

/** Reads header and payload of events from a listener's standard input. */
export class EventReader {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** Complete events in what was received so far. */
  push(chunk: Buffer): Array<{ readonly name: string; readonly payload: string }> {
    this.#rest += this.#decoder.write(chunk);
    const events: Array<{ name: string; payload: string }> = [];
    for (let event = this.#take(); event !== undefined; event = this.#take()) events.push(event);
    return events;
  }

  #take(): { name: string; payload: string } | undefined {
    const end = this.#rest.indexOf('\n');
    if (end < 0) return undefined;
    const header = parseWords(this.#rest.slice(0, end));
    const length = Number(header.get('len') ?? 0);
    // The length counts characters, not bytes and not halves of surrogate pairs.
    const body = [...this.#rest.slice(end + 1)];
    if (body.length < length) return undefined;
    this.#rest = body.slice(length).join('');
    return { name: header.get('eventname') ?? '', payload: body.slice(0, length).join('') };
  }
}

/**
 * Serves the listener protocol until the input ends.
 * @param write writes to standard output, which belongs to the protocol.
 */
export async function runWatchdog(
  settings: WatchdogSettings,
  ports: WatchdogPorts,
  streams: { readonly input: AsyncIterable<Buffer>; write(text: string): void },
): Promise<void> {
  const reader = new EventReader();
  streams.write('READY\n');
  for await (const chunk of streams.input) {
    for (const { name, payload } of reader.push(chunk)) {
      const end = selectEnd(name, payload);
      if (end !== undefined) await handleEnd(settings, ports, end);
      streams.write('RESULT 2\nOKREADY\n');
    }
  }
}
