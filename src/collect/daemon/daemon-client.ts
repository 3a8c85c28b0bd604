/**
 * Asks the daemon of this node what partitions consume, at its unix socket. Nobody need know whether
 * a daemon runs: without one, or when it gives no good answer in time, there is nothing to tell.
 */
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import type { PartitionCounters } from './partition-state.ts';
import type { SeriesRow, SeriesView } from './series.ts';

/** Where it is, below the instance root. */
export const DAEMON_SOCKET = 'var/run/slapos-collect.sock';

export function daemonSocket(instanceRoot: string): string {
  return join(instanceRoot, DAEMON_SOCKET);
}

/** What a partition uses now, and since the daemon started. */
export interface PartitionSample extends SeriesRow {
  /** Name of its folder, such as `slappart0`. */
  readonly partition: string;
  readonly counters: PartitionCounters;
}

/** One sample of every partition, in the order of their numbers. */
export interface NodeSample {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly partitions: readonly PartitionSample[];
}

/** The samples of one partition. */
export interface PartitionSeries extends SeriesView {
  readonly partition: string;
}

/** How long to wait, in milliseconds. */
export interface Patience {
  /** For a whole answer, and for the begin of a stream. */
  readonly answerMs: number;
  /** For the next sample of a stream. */
  readonly silenceMs: number;
}

/** A minute is the longest interval between two samples. */
const PATIENCE: Patience = { answerMs: 5000, silenceMs: 130_000 };
/** Ten thousand partitions, or an hour of one every second, take a few megabytes. */
const MAX_BYTES = 32 * 1024 * 1024;
const DATA = 'data: ';

/** The last sample; undefined when there is no daemon. */
export async function readPartitions(
  socketPath: string,
  patience: Patience = PATIENCE,
): Promise<NodeSample | undefined> {
  const answer = await readText(socketPath, '/partitions', patience);
  return answer === undefined ? undefined : parseSample(answer);
}

/**
 * The samples of a partition after a time.
 * @param sinceMs milliseconds since the epoch; 0 for all that are kept
 * @returns undefined when there is no daemon, or no such partition
 */
export async function readSeries(
  socketPath: string,
  partition: string,
  sinceMs: number,
  patience: Patience = PATIENCE,
): Promise<PartitionSeries | undefined> {
  const query = new URLSearchParams({ partition, since: String(sinceMs) });
  const answer = await readText(socketPath, `/series?${query}`, patience);
  const series = answer === undefined ? undefined : parseObject<PartitionSeries>(answer);
  return Array.isArray(series?.timesMs) ? series : undefined;
}

/**
 * Hears of every sample as it is taken, until the signal is aborted or the daemon is gone.
 * @returns whether there was a daemon
 * @throws what `onSample` throws
 */
export async function followSamples(
  socketPath: string,
  onSample: (sample: NodeSample) => void,
  signal: AbortSignal,
  patience: Patience = PATIENCE,
): Promise<boolean> {
  const reply = await ask(socketPath, '/events', patience.answerMs, signal);
  if (reply === undefined) return false;
  reply.socket.setTimeout(patience.silenceMs);
  for await (const line of linesOf(reply)) {
    const sample = line.startsWith(DATA) ? parseSample(line.slice(DATA.length)) : undefined;
    if (sample !== undefined && !signal.aborted) onSample(sample);
  }
  return true;
}

function parseSample(json: string): NodeSample | undefined {
  const sample = parseObject<NodeSample>(json);
  return Array.isArray(sample?.partitions) ? sample : undefined;
}

function parseObject<Wanted>(json: string): (Partial<Wanted> & Wanted) | undefined {
  try {
    return JSON.parse(json) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Resolves to undefined without an answer of status 200, in time and of reasonable size. */
async function readText(
  socketPath: string,
  path: string,
  { answerMs }: Patience,
): Promise<string | undefined> {
  const limit = AbortSignal.timeout(answerMs);
  const reply = await ask(socketPath, path, answerMs, limit);
  if (reply === undefined) return undefined;
  const pieces: string[] = [];
  let length = 0;
  try {
    for await (const piece of reply.setEncoding('utf8')) {
      pieces.push(piece);
      length += piece.length;
      if (length > MAX_BYTES) return undefined;
    }
    return pieces.join('');
  } catch {
    return undefined;
  }
}

/** The lines of a stream up to its end, whichever way it ends, or up to one that is too long. */
async function* linesOf(reply: IncomingMessage): AsyncGenerator<string> {
  try {
    let begun: string[] = [];
    let length = 0;
    for await (const piece of reply.setEncoding('utf8')) {
      const [first, ...more] = (piece as string).split('\n');
      begun.push(first ?? '');
      length += first?.length ?? 0;
      if (length > MAX_BYTES) return;
      if (more.length === 0) continue;
      yield begun.join('');
      yield* more.slice(0, -1);
      begun = more.slice(-1);
      length = begun[0]?.length ?? 0;
    }
  } catch {
    // The daemon ended, or fell silent, or nobody wants to hear more.
  }
}

/** Resolves to undefined when nobody listens, or answers with another status than 200. */
function ask(
  socketPath: string,
  path: string,
  silenceMs: number,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const headers = { host: 'localhost' };
    const outgoing = request({ socketPath, path, headers, signal, agent: false });
    outgoing.setTimeout(silenceMs, () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
    outgoing.on('response', (reply) => {
      if (reply.statusCode === 200) resolve(reply);
      else resolve(void reply.destroy());
    });
    outgoing.end();
  });
}
