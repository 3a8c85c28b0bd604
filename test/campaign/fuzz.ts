/**
 * Coverage-guided fuzzing of the decoders, C++ (libFuzzer) and TypeScript (`test/fuzz/driver`).
 *
 *     npm run campaign -- fuzz [TARGET...] [--seconds N] [--seed S] [--keep] [--list]
 *
 * 10 s for each target, 180 with CAMPAIGN=full. `--keep` writes the smallest inputs that reach what
 * was reached to the committed corpus. What is found stands in `build/fuzz/found`, one file an
 * input; ends with 1 then.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { readCorpus, writeCorpus } from '../fuzz/driver/corpus.ts';
import type { Finding } from '../fuzz/driver/engine.ts';
import { listNativeTargets, runNativeTarget } from '../fuzz/driver/native.ts';
import { buildTargets, runTarget, type TargetProgram } from '../fuzz/driver/run-target.ts';
import { drawSeed, isFull, print, readNumber, readOptions } from '../support/campaign.ts';

const { positionals, values } = readOptions({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: isFull ? '180' : '10' },
    seed: { type: 'string', default: drawSeed() },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const root = packageRoot();
const isAsked = (name: string) =>
  positionals.length === 0 || positionals.some((word) => name.includes(word));

function saveFinding(target: string, { input, kind, reason }: Finding): void {
  const folder = join(root, 'build', 'fuzz', 'found', target);
  mkdirSync(folder, { recursive: true });
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = join(folder, `${kind}-${hash}`);
  writeFileSync(file, input);
  print(`${target}: ${kind}: ${reason}\n    ${file}`);
}

async function fuzz(target: TargetProgram, seconds: number, seed: number): Promise<boolean> {
  const { name } = target;
  const answer = await runTarget(root, target, {
    seed,
    maxRuns: Number.POSITIVE_INFINITY,
    maxMs: seconds * 1000,
    isTimed: true,
  });
  for (const finding of answer.findings) saveFinding(name, finding);
  if ('smallest' in answer) {
    const { kept, ms, parts, reached, runs, smallest } = answer;
    const percent = Math.round((100 * reached) / parts);
    print(
      `${name}: ${runs} inputs in ${Math.round(ms / 1000)} s, ${reached} of ${parts} parts (${percent} %), ${kept.length} inputs kept, ${smallest.length} suffice`,
    );
    if (values.keep && smallest.length > 0) writeCorpus(root, name, smallest);
  }
  return answer.findings.length === 0;
}

async function main(): Promise<void> {
  const seconds = readNumber('seconds', values.seconds, { isWhole: false, least: 0.1 });
  const seed = readNumber('seed', values.seed);
  const targets = (await buildTargets(root)).filter(({ name }) => isAsked(name));
  const native = listNativeTargets(root).filter(isAsked);
  if (values.list) {
    for (const { name } of targets) print(`${name} (${readCorpus(root, name).length} inputs)`);
    for (const name of native) print(`${name} (C++)`);
    return;
  }
  print(`fuzz: ${targets.length + native.length} targets, ${seconds} s each, seed ${seed}`);
  let isClean = true;
  for (const target of targets) isClean = (await fuzz(target, seconds, seed)) && isClean;
  for (const name of native) {
    const { isPassed, text } = runNativeTarget(root, name, seconds, values.keep);
    print(text);
    isClean &&= isPassed;
  }
  process.exitCode = isClean ? 0 : 1;
}

void main();
