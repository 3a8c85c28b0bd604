/**
 * The n-th request of a command fails, whatever it asks of the Master, and then the command runs
 * undisturbed: it must end as a node whose Master never failed, and what the Master has acknowledged
 * is not said to it again.
 */
import { spawn } from 'node:child_process';
import { compareLines } from './fault-tree.ts';
import type { FaultScene } from './fault-walk.ts';
import type { Fault, HttpMaster, MasterCall } from './http-master.ts';

export const FLAPS: readonly Fault[] = [
  '500',
  '503',
  '404',
  'cut',
  'lost',
  'half',
  'garbage',
  'late',
  'silence',
];
/** `node format` waits for a minute. */
const TIMEOUT_MS = 90_000;
const BUG = /this is a bug of slapos|^\s+at .*:\d+:\d+\)?$/m;
/** Reports that the Master adds up. */
const COUNTED = new Set(['useComputer', 'destroyedComputerPartition']);

interface Run {
  readonly status: number | null;
  readonly output: string;
}

function run({ argv, env }: ReturnType<FaultScene['command']>): Promise<Run> {
  const [program = '', ...words] = argv;
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}

export interface FlapResult {
  readonly requests: number;
  readonly tried: number;
  readonly findings: readonly string[];
}

/** Walks over all requests of a scene, or those of some numbers. */
export async function walkFlaps(
  scene: FaultScene,
  flaps: readonly Fault[],
  onFinding: (line: string) => void = () => {},
): Promise<FlapResult> {
  const { master } = scene;
  if (master === undefined) throw new Error(`${scene.name} asks no Master`);
  await scene.reset();
  master.answered.length = 0;
  await run(scene.command());
  const wanted = await scene.state();
  const requests = master.answered.length;
  const findings: string[] = [];
  for (let n = 1; n <= requests; n += 1) {
    for (const flap of flaps) {
      const found = await tryFlap(scene, master, wanted, n, flap);
      for (const line of found) onFinding(line);
      findings.push(...found);
    }
  }
  return { requests, tried: requests * flaps.length, findings };
}

async function tryFlap(
  scene: FaultScene,
  master: HttpMaster,
  wanted: readonly string[],
  n: number,
  flap: Fault,
): Promise<string[]> {
  await scene.reset();
  master.answered.length = 0;
  let seen = 0;
  let hit = '';
  master.fault = (call) => {
    seen += 1;
    if (seen !== n) return undefined;
    hit = call.name;
    return flap;
  };
  const first = await run(scene.command());
  master.fault = () => undefined;
  const problems = judge(first, flap);
  problems.push(...((await scene.findLosses?.()) ?? []).map((line) => `lost: ${line}`));
  const again = await run(scene.command());
  if (again.status !== 0) problems.push(`again: ends with ${again.status}: ${again.output}`);
  const left = compareLines(wanted, await scene.state());
  problems.push(
    ...left.slice(0, 4).map((line) => `again: ${line}`),
    ...listRepeated(master.answered),
  );
  return problems.map((line) => `${flap} at request ${n}, ${hit}: ${line}`);
}

function judge({ status, output }: Run, flap: Fault): string[] {
  const problems: string[] = [];
  const bug = BUG.exec(output);
  if (status === null) problems.push(`hangs: ${output.slice(-300)}`);
  if (bug !== null) problems.push(`says: ${output.slice(bug.index - 200, bug.index + 100)}`);
  if (flap === 'late' && status !== 0) problems.push(`ends with ${status}: ${output.slice(-300)}`);
  const isTold = / (WARNING|ERROR|CRITICAL) /.test(output);
  if (status !== 0 && !isTold) problems.push(`ends with ${status} and says nothing`);
  return problems;
}

/** What was acknowledged and told once more. */
function listRepeated(answered: readonly MasterCall[]): string[] {
  const texts = answered
    .filter(({ name }) => COUNTED.has(name))
    .map(({ name, fields }) => `${name} ${[...fields].join(' ')}`);
  return texts
    .filter((text, index) => texts.indexOf(text) !== index)
    .map((text) => `told twice: ${text.slice(0, 200)}`);
}
