/**
 * The size of a folder: our walk, through the addon, and `du -s`, in turns, on a warm cache.
 *
 *     npm run bench -- disk [--json] [--files 300000] [--runs 9] [--folder /tmp]
 *
 * Both run at nice 10, in which ours would go by itself, so that what else runs holds up both alike.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadNative } from '../src/host/native.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    files: { type: 'string', default: '300000' },
    runs: { type: 'string', default: '9' },
    folder: { type: 'string', default: tmpdir() },
  },
});

const FILES_OF_FOLDER = 50;
const FOLDERS_OF_FOLDER = 20;
/** Every so many files have a second name. */
const LINK_EVERY = 100;
const NICE = 10;

/** A tree of three levels. */
function makeTree(root: string, count: number): void {
  let folder = root;
  for (let index = 0; index < count; index += 1) {
    if (index % FILES_OF_FOLDER === 0) {
      const number = index / FILES_OF_FOLDER;
      const above = Math.floor(number / FOLDERS_OF_FOLDER);
      folder = join(root, `${above}`, `${number % FOLDERS_OF_FOLDER}`);
      mkdirSync(folder, { recursive: true });
    }
    const file = join(folder, `${index}`);
    writeFileSync(file, 'x'.repeat(index % 3));
    if (index % LINK_EVERY === 0) linkSync(file, `${file}-again`);
  }
}

async function walkKib(root: string): Promise<number> {
  return (await loadNative().diskUsage({ path: root })).bytes / 1024;
}

function duKib(root: string): number {
  return Number.parseInt(execFileSync('du', ['-s', '-k', root], { encoding: 'utf8' }), 10);
}

async function time(measure: () => number | Promise<number>, expected: number): Promise<number> {
  const start = performance.now();
  const kib = await measure();
  const durationMs = performance.now() - start;
  if (kib !== expected) throw new Error(`${kib} KiB, where du says ${expected}`);
  return durationMs;
}

function summarise(what: string, timesMs: readonly number[]) {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const [minMs, medianMs] = [at(0), at(Math.floor((sorted.length - 1) / 2))];
  return { what, minMs, medianMs, maxMs: at(sorted.length - 1) };
}

async function measure(root: string) {
  const expected = duKib(root);
  await walkKib(root);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < Number(values.runs); run += 1) {
    ours.push(await time(() => walkKib(root), expected));
    theirs.push(await time(() => duKib(root), expected));
  }
  return { kib: expected, rows: [summarise('diskUsage', ours), summarise('du -s', theirs)] };
}

function renderTable({ rows }: Awaited<ReturnType<typeof measure>>): string {
  const line = (cells: readonly string[]) => cells.map((cell) => cell.padStart(10)).join('');
  const title = `${'ms of wall time'.padEnd(18)}${line(['min', 'median', 'max'])}`;
  const lines = rows.map(
    ({ what, minMs, medianMs, maxMs }) =>
      what.padEnd(18) + line([minMs, medianMs, maxMs].map((ms) => ms.toFixed(1))),
  );
  const [ours, du] = rows;
  const ratio = (pick: 'minMs' | 'medianMs') =>
    ((du?.[pick] ?? Number.NaN) / (ours?.[pick] ?? Number.NaN)).toFixed(2);
  const ratios = `speed of du times${line([ratio('minMs'), ratio('medianMs')])}`;
  return [title, ...lines, ratios, ''].join('\n');
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(values.folder, 'slapos-bench-'));
  try {
    makeTree(root, Number(values.files));
    setPriority(NICE);
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release() };
    const facts = { ...machine, node: process.version, files: values.files, runs: values.runs };
    const result = await measure(root);
    const text = values.json
      ? `${JSON.stringify({ benchmark: 'disk', ...facts, ...result }, null, 2)}\n`
      : `${Object.entries(facts)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ')}\n${renderTable(result)}`;
    process.stdout.write(text);
  } finally {
    rmSync(root, { recursive: true });
  }
}

void main();
