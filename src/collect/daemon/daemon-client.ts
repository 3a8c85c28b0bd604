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

/** How long to wait. */
export interface Patience {
  /** For a whole answer. */
  readonly answerMs: number;
}

const PATIENCE: Patience = { answerMs: 5000 };
/** Ten thousand partitions, or an hour of one every second, take a few megabytes. */
const MAX_BYTES = 32 * 1024 * 1024;

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
  const reply = await ask(socketPath, path, AbortSignal.timeout(answerMs));
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

/** Resolves to undefined when nobody listens, or answers with another status than 200. */
function ask(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const headers = { host: 'localhost' };
    const outgoing = request({ socketPath, path, headers, signal, agent: false });
    outgoing.on('error', () => resolve(undefined));
    outgoing.on('response', (reply) => {
      if (reply.statusCode === 200) resolve(reply);
      else resolve(void reply.destroy());
    });
    outgoing.end();
  });
}
