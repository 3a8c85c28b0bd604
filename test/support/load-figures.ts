/** What is read of the load campaign's node after each round, and whether it stays level. */
import { join } from 'node:path';
import { errorMessage } from '../../src/errors/slapos-error.ts';
import { type Drift, fitDrift, leastOfParts, type Reading, type Tolerance } from './load-flat.ts';
import { readUsage, sizeOf } from './load-look.ts';
import type { CommandRun, LoadNode, NodePrograms } from './load-node.ts';
import type { RoundResult } from './load-run.ts';

export interface Sample {
  readonly atMs: number;
  readonly services: number;
  readonly figures: Readonly<Record<string, number>>;
  /** What the commands told wrongly. */
  readonly problems: readonly string[];
}

const MIB = 1024 * 1024;
const PROGRAMS: ReadonlyArray<keyof NodePrograms> = [
  'keeper',
  'controller',
  'watchdog',
  'proxy',
  'collector',
];

/**
 * How much a figure may rise over the measured part, by the end of its name; others are only told.
 * Times by the clock are those of a machine that may be shared.
 */
const TOLERANCES: ReadonlyArray<readonly [RegExp, Tolerance]> = [
  // Its cache of stored XML fills for half an hour, up to 26 MB (docs/reliability.md, "Leaks").
  [/^proxy, (RSS|PSS)$/, { share: 0.15, least: 26 * MIB }],
  // At this pace the heap of a Node that was started some minutes ago has not settled yet.
  [/^(controller|watchdog), (RSS|PSS)$/, { share: 0.15, least: 12 * MIB }],
  [/^(?!collector, ).*(RSS|PSS)$/, { share: 0.08, least: 6 * MIB }],
  // It has up to fifteen that start services, and keeps them.
  [/^keeper threads$/, { share: 0, least: 16 }],
  [/ descriptors$/, { share: 0.02, least: 8 }],
  [/ threads$/, { share: 0, least: 2 }],
  [/, CPU ms$/, { share: 0.25, least: 60 }],
  [/, ms$/, { share: 0.5, least: 200 }],
  [/^bytes of (told states|kept document)$/, { share: 0.1, least: MIB }],
  // The keeper rewrites it when it is four times what is needed: three of them are a rise.
  [/^bytes of journal$/, { share: 1.5, least: 4 * MIB }],
  // Its log of writes is merged when it has 4 MiB.
  [/^bytes of proxy database$/, { share: 0.1, least: 8 * MIB }],
];

/** Programs whose memory V8 collects when it likes. */
const COLLECTED = /^(controller|proxy|watchdog|collector.*), (RSS|PSS)$/;
const PARTS = 10;

function programFigures(programs: NodePrograms): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const name of PROGRAMS) {
    const usage = readUsage(programs[name]);
    figures[`${name}, RSS`] = usage.rssBytes;
    figures[`${name}, PSS`] = usage.pssBytes;
    figures[`${name} descriptors`] = usage.descriptors;
    figures[`${name} threads`] = usage.threads;
    figures[`${name}, CPU so far`] = usage.cpuMs;
  }
  return figures;
}

/** The collector keeps an hour of samples, in memory that is touched as they come. */
function withoutSeries(figures: Record<string, number>, bytes: number): Record<string, number> {
  const rest = (figures['collector, RSS'] ?? 0) - bytes;
  return { ...figures, 'collector but for its series, RSS': rest };
}

function commandFigures(name: string, run: CommandRun): Record<string, number> {
  return {
    [`${name}, ms`]: run.ms,
    [`${name}, CPU ms`]: run.cpuMs,
    [`${name}, peak RSS`]: run.peakRssBytes,
  };
}

function fileFigures(node: LoadNode): Record<string, number> {
  const { instanceRoot, folder } = node.node;
  const database = join(folder, 'proxy.db');
  const collector = join(instanceRoot, 'var/data-log/collector.db');
  return {
    'bytes of journal': sizeOf(node.paths.journal),
    'bytes of supervisord.log': sizeOf(node.paths.logFile),
    'bytes of told states': sizeOf(join(instanceRoot, 'var/slapos-told-states.json')),
    'bytes of kept document': sizeOf(join(instanceRoot, 'var/slapos-master-document.json')),
    'bytes of proxy database': sizeOf(database) + sizeOf(`${database}-wal`),
    'bytes of collector database': sizeOf(collector) + sizeOf(`${collector}-wal`),
  };
}

/** What is wrong with a document that a command printed; the start of what it said besides. */
function problemOfJson(name: string, { status, stderr, stdout }: CommandRun): readonly string[] {
  try {
    JSON.parse(stdout);
    return [];
  } catch (error) {
    const size = `${stdout.length} characters, status ${status}`;
    return [`${name} printed no JSON (${size}): ${errorMessage(error)}; ${stderr.slice(0, 1000)}`];
  }
}

/** Reads everything; the commands are those of operators. */
export async function takeSample(
  node: LoadNode,
  { look, pass, quiet }: RoundResult,
  atMs: number,
): Promise<Sample> {
  const services = look.services.length;
  const text = await node.run('node', 'supervisorctl', 'status');
  const running = text.stdout.match(/ RUNNING /g)?.length ?? 0;
  // The watchdog is one too.
  const isRight = running === services + 1;
  const said = `status ${text.status}, ${text.stderr.slice(0, 1000)}`;
  const json = await node.run('node', 'status', '--format', 'json');
  return {
    atMs,
    services,
    problems: [
      ...(isRight ? [] : [`supervisorctl status tells ${running} of ${services + 1}: ${said}`]),
      ...problemOfJson('node status', json),
    ],
    figures: {
      ...withoutSeries(programFigures(node.programs(node.look())), node.seriesBytes),
      ...commandFigures('supervisorctl status', text),
      ...commandFigures('node status as JSON', json),
      ...commandFigures('pass with changes', pass),
      ...commandFigures('pass without changes', quiet),
      ...fileFigures(node),
    },
  };
}

export interface FigureRow extends Partial<Drift> {
  readonly name: string;
  readonly start: number;
  readonly middle: number;
  readonly end: number;
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Beginning, middle and end: each the median of so many samples. */
const SPOT = 5;

/** @param measured the samples between which nothing of the node was replaced */
export function judgeFigures(samples: readonly Sample[], measured: readonly Sample[]): FigureRow[] {
  return Object.keys(samples[0]?.figures ?? {}).map((name) => {
    const values = samples.map(({ figures }) => figures[name] ?? Number.NaN);
    const middle = Math.max(0, Math.floor((values.length - SPOT) / 2));
    const readings: Reading[] = measured.map(({ atMs, figures, services }) => {
      return { atMs, services, value: figures[name] ?? Number.NaN };
    });
    const tolerance = TOLERANCES.find(([pattern]) => pattern.test(name))?.[1];
    return {
      name,
      start: middleOf(values.slice(0, SPOT)),
      middle: middleOf(values.slice(middle, middle + SPOT)),
      end: middleOf(values.slice(-SPOT)),
      ...(tolerance === undefined
        ? undefined
        : fitDrift(COLLECTED.test(name) ? leastOfParts(readings, PARTS) : readings, tolerance)),
    };
  });
}

function show(name: string, value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (/RSS$|PSS$/.test(name)) return `${(value / MIB).toFixed(1)} MiB`;
  if (/^bytes/.test(name)) return `${(value / 1024).toFixed(0)} KiB`;
  return value.toFixed(0);
}

/** A Markdown table. */
export function renderFigures(rows: readonly FigureRow[]): string {
  const lines = rows.map((row) => {
    const { allowed, end, isFlat, middle, name, rise, start } = row;
    const verdict = isFlat === undefined ? '' : isFlat ? 'flat' : 'RISES';
    const cells = [start, middle, end, rise, allowed].map((value) => show(name, value));
    return `| ${[name, ...cells, verdict].join(' | ')} |`;
  });
  return [
    '| | start | middle | end | rise in the measured part | allowed | |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}
