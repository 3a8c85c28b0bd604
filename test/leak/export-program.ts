/**
 * Runs cases of the exports and tells a line of JSON for each: started by `run-exports.ts`, with
 * few descriptors, `--expose-gc` and the counter of malloc or the sanitizers.
 */
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative } from '../../src/host/native.ts';
import { nativeFile } from '../../src/host/package/package-files.ts';
import { findLeaks } from './blocks.ts';
import { exportCases, exportsWithoutCase } from './export-cases.ts';
import { knownLeaks } from './exports/known-leak.ts';
import type { BpfAddon, RunnableCase, World } from './leak-case.ts';
import { Meter } from './meter.ts';

export interface ExportOptions {
  /** Calls of a block. */
  readonly calls: number;
  /** 0: nothing is measured, and each case makes its calls once. */
  readonly blocks: number;
  readonly facilities: readonly string[];
  /** Without the cases that only tell with many calls. */
  readonly isBrief: boolean;
  /** Only cases that need something of it. */
  readonly isNeeding: boolean;
  /** Only cases whose name has one of these words; all when empty. */
  readonly words: readonly string[];
  /** Where the counter of malloc writes, '' without one. */
  readonly countsFile: string;
}

export interface CaseReport {
  readonly name: string;
  readonly calls: number;
  readonly problems: readonly string[];
}

const AT_ONCE = 8;
const CALLS_BETWEEN_COLLECTIONS = 50;
/** In memory: what is written is brought to the disk, over and over. */
const FOLDERS = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const options = JSON.parse(process.argv[2] ?? '') as ExportOptions;
const addon = loadNative();
const bpf = loadBpf();
const meter = new Meter(options.countsFile === '' ? undefined : options.countsFile);
// Of this process only, not of those that cases start.
delete process.env['LD_PRELOAD'];
const tell = (report: CaseReport) => process.stdout.write(`${JSON.stringify(report)}\n`);

function loadBpf(): BpfAddon | undefined {
  const path = nativeFile('slapos_bpf.node');
  return existsSync(path) ? (createRequire(path)(path) as BpfAddon) : undefined;
}

/** Takes all descriptors that are left; gives them back. */
function takeDescriptors(): () => void {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    return () => {
      for (const fd of taken) closeSync(fd);
    };
  }
}

/** @throws Error when the call ends otherwise than the case says. */
async function callOnce({ fails, isStarved }: RunnableCase, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (isStarved === true) return;
    const { code, name } = error as { code?: string; name?: string };
    if (fails !== undefined && new RegExp(`^(${fails})$`).test(code ?? name ?? '')) return;
    throw error;
  }
  if (fails !== undefined) throw new Error(`did not fail with ${fails}`);
}

async function callMany(one: RunnableCase, call: () => unknown, calls: number): Promise<void> {
  const width = one.isAlone === true || one.isStarved === true ? 1 : AT_ONCE;
  const giveBack = one.isStarved === true ? takeDescriptors() : undefined;
  try {
    for (let made = 0; made < calls; made += width) {
      const some = Array.from({ length: Math.min(width, calls - made) }, () => callOnce(one, call));
      await Promise.all(some);
    }
  } finally {
    giveBack?.();
  }
}

/** What is dropped is collected now and then: some of it holds descriptors. */
async function runUnmeasured(
  run: (count: number) => Promise<void>,
  calls: number,
): Promise<string[]> {
  for (let made = 0; made < calls; made += CALLS_BETWEEN_COLLECTIONS) {
    await run(Math.min(CALLS_BETWEEN_COLLECTIONS, calls - made));
    await meter.settle();
  }
  return [];
}

async function runCase(one: RunnableCase, world: World, calls: number): Promise<string[]> {
  const { call, end, rest } = await one.prepare(world);
  const run = async (count: number) => {
    await callMany(one, call, count);
    await rest?.();
  };
  try {
    if (options.blocks === 0) return await runUnmeasured(run, calls);
    return await findLeaks(meter, {
      calls,
      blocks: options.blocks,
      run,
      ...(one.bytesPerCall !== undefined && { bytesPerCall: one.bytesPerCall }),
      ...(one.blocksPerCall !== undefined && { blocksPerCall: one.blocksPerCall }),
    });
  } finally {
    await end?.();
  }
}

async function report(one: RunnableCase): Promise<void> {
  const name = `${one.of}: ${one.what}`;
  const calls = Math.max(8, Math.round(options.calls * (one.share ?? 1)));
  const folder = mkdtempSync(join(FOLDERS, 'slapos-leak-'));
  try {
    tell({ name, calls, problems: await runCase(one, { addon, bpf, folder }, calls) });
  } catch (error) {
    tell({ name, calls, problems: [String((error as Error).stack)] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { facilities, isBrief, isNeeding, words } = options;
  const isAsked = ({ of, what }: RunnableCase) =>
    words.length === 0 || words.some((word) => `${of}: ${what}`.includes(word));
  const cases = exportCases(facilities)
    .filter((one) => !isNeeding || one.needs !== undefined)
    .filter((one) => !isBrief || one.isLong !== true);
  const known = options.blocks === 0 ? [] : knownLeaks;
  for (const one of [...cases, ...known].filter(isAsked)) await report(one);
  const missing = exportsWithoutCase(Object.keys({ ...addon, ...bpf }));
  tell({
    name: 'every export has a case',
    calls: 0,
    problems: missing.map((name) => `${name} has none`),
  });
}

// What a case left open keeps nobody waiting.
void main().then(() => process.exit());
