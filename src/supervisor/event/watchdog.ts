/**
 * The watchdog (spec/grid.md 10): an event listener that tells the Master when a watched service
 * of a partition ended, so that the partition is processed again.
 */
import { StringDecoder } from 'node:string_decoder';
import { isManagerGroup } from '../../model/manager-group.ts';
import type { BangQueue, ProcessEnd } from './bang-queue.ts';

const WATCHED_EVENTS: ReadonlySet<string> = new Set([
  'PROCESS_STATE_EXITED',
  'PROCESS_STATE_FATAL',
]);
const WATCHED_MARK = '-on-watch';

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
  // The Master knows no such partition, and that of a script before a removal needs no processing.
  if (isManagerGroup(groupName)) return undefined;
  return { processName, groupName };
}

function isFolderName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
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
 * Serves the listener protocol until the input ends. What was told to us is written down before it
 * is answered; the Master is told meanwhile.
 * @param write writes to standard output, which belongs to the protocol.
 */
export async function runWatchdog(
  bangs: Pick<BangQueue, 'add' | 'resume' | 'close'>,
  streams: { readonly input: AsyncIterable<Buffer>; write(text: string): void },
): Promise<void> {
  const reader = new EventReader();
  await bangs.resume();
  streams.write('READY\n');
  for await (const chunk of streams.input) {
    for (const { name, payload } of reader.push(chunk)) {
      const end = selectEnd(name, payload);
      if (end !== undefined) await bangs.add(end);
      streams.write('RESULT 2\nOKREADY\n');
    }
  }
  await bangs.close();
}
