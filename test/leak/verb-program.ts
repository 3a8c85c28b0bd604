/** Runs one verb many times in this process, and tells samples and slopes as lines of JSON. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Figures, Meter } from './meter.ts';
import { verbs as commands } from './verbs/command.ts';
import { verbs as daemons } from './verbs/daemon.ts';
import { verbs as nodes } from './verbs/node.ts';
import { verbs as proxies } from './verbs/proxy.ts';
import type { Passes, Verb } from './verbs/verb.ts';

export interface VerbOptions {
  /** Its name; '' lists all. */
  readonly verb: string;
  readonly passes: number;
  readonly countsFile: string;
}

export interface VerbReport {
  readonly passes: number;
  readonly seconds: number;
  /** Bytes, descriptors… a pass, by linear regression over the last two thirds. */
  readonly slopes: Readonly<Record<string, number>>;
  /** Figures after the last pass. */
  readonly last: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

const SAMPLES = 30;
/** What a verb may seem to grow by, over all passes: the collector, code that is compiled late. */
const NOISE_BYTES = { few: 1_500_000, many: 400_000 };
const MANY_PASSES = 1000;
const BYTES_PER_PASS = 24;
/** Resident memory of other processes is what malloc and V8 keep, too. */
const PROCESS_NOISE_BYTES = 12_000_000;

type Sample = Readonly<Record<string, number>>;

const allVerbs: readonly Verb[] = [...nodes, ...commands, ...proxies, ...daemons];

function readProcess({ name, pid }: { name: string; pid: number }): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const rssKb = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return {
    [`${name} rssBytes`]: rssKb * 1024,
    [`${name} descriptors`]: readdirSync(`/proc/${pid}/fd`).length,
    [`${name} threads`]: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Least squares: growth of `y` for each step of `x`. */
function slope(points: ReadonlyArray<readonly [number, number]>): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

/** What a pass may add, for one figure. */
function limitOf(name: string, passes: number): number {
  const over = (bytes: number) => Math.max(BYTES_PER_PASS, bytes / passes);
  if (name.endsWith('rssBytes')) return over(PROCESS_NOISE_BYTES);
  if (name.endsWith('Bytes'))
    return over(passes < MANY_PASSES ? NOISE_BYTES.few : NOISE_BYTES.many);
  if (name === 'mallocBlocks') return Math.max(0.2, 4000 / passes);
  // A few come and go: connections, threads of the pool.
  return 8 / passes;
}

async function sample(meter: Meter, passes: Passes): Promise<Sample> {
  const figures: Figures = await meter.settle();
  return Object.assign({}, figures, ...(passes.processes?.() ?? []).map(readProcess)) as Sample;
}

async function measure(verb: Verb, options: VerbOptions): Promise<VerbReport> {
  const started = performance.now();
  const meter = new Meter(options.countsFile);
  const count = Math.max(SAMPLES, Math.round(options.passes * (verb.share ?? 1)));
  const passes = await verb.prepare();
  const samples: Array<readonly [number, Sample]> = [];
  for (let index = 0; index < count; index += 1) {
    await passes.pass(index);
    if (index % Math.floor(count / SAMPLES) === 0)
      samples.push([index, await sample(meter, passes)]);
  }
  await passes.end?.();
  const late = samples.slice(Math.floor(samples.length / 3));
  const last = samples.at(-1)?.[1] ?? {};
  const names = Object.keys(last).filter((name) => name !== 'mappings');
  const slopes = names.map((name) => {
    return [name, slope(late.map(([at, figures]) => [at, figures[name] ?? 0]))] as const;
  });
  const problems = slopes
    .filter(([name, rise]) => rise > limitOf(name, count))
    .map(([name, rise]) => `${name} grow by ${rise.toFixed(3)} a pass`);
  const seconds = (performance.now() - started) / 1000;
  return { passes: count, seconds, slopes: Object.fromEntries(slopes), last, problems };
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as VerbOptions;
  if (options.verb === '') {
    const names = allVerbs.map(({ name }) => name);
    process.stdout.write(`${JSON.stringify(names)}\n`);
    return;
  }
  const verb = allVerbs.find(({ name }) => name === options.verb);
  if (verb === undefined) throw new Error(`no verb ${options.verb}`);
  process.stdout.write(`${JSON.stringify(await measure(verb, options))}\n`);
}

void main().then(() => process.exit());
