#!/usr/bin/env node
// Builds native/core with the address and undefined-behaviour sanitizers into build-asan/, then runs
// the C++ tests (test/native/*_test.cc, one program each) and the fuzz targets (test/fuzz) for a
// moment. Prefers clang, whose libFuzzer steers by coverage; with g++ the inputs are random.
//   node scripts/test-native.mjs [WORD...]    only programs whose name contains a word
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// SLAPOS_SANITIZER=thread: races between threads, in a build of its own and without fuzzing.
const isThread = process.env['SLAPOS_SANITIZER'] === 'thread';
const output = join(root, isThread ? 'build-tsan' : 'build-asan');
const FUZZ_SECONDS = Number(process.env['SLAPOS_FUZZ_SECONDS'] ?? 3);
const RANDOM_RUNS = FUZZ_SECONDS * 40_000;
const PROGRAM_LIMIT_MS = 120_000 + FUZZ_SECONDS * 1000;

/** Tests of what runs in several threads. */
const THREADED = ['spawn_test', 'keeper_test', 'disk_usage_test'];
const THREAD_LIMIT_MS = 600_000;

const works = (compiler, flags) =>
  spawnSync(compiler, [...flags, '-x', 'c++', '-', '-o', '/dev/null'], {
    input:
      'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }\n#ifndef FUZZ\nint main() {}\n#endif\n',
    stdio: ['pipe', 'ignore', 'ignore'],
  }).status === 0;

const SANITIZE = isThread
  ? ['-fsanitize=thread']
  : ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const candidates = [process.env['CXX'] ?? '', 'clang++', 'g++'].filter((name) => name !== '');
const compiler = candidates.find((name) => works(name, SANITIZE));
if (compiler === undefined) {
  process.stderr.write('test-native: neither clang++ nor g++ can build with sanitizers here\n');
  process.exit(1);
}
const hasLibFuzzer = !isThread && works(compiler, ['-fsanitize=fuzzer', '-DFUZZ']);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const flags = [
  ...['-std=c++20', '-g', '-O1', '-fno-omit-frame-pointer', '-D_GNU_SOURCE', '-pthread'],
  ...['-Wall', '-Wextra', '-Werror', '-Wno-missing-field-initializers'],
  // gcc 12 sees overlapping copies in its own std::string (GCC bug 105329).
  ...(compiler === 'g++' ? ['-Wno-restrict'] : []),
  ...SANITIZE,
  `-DSLAPOS_VERSION="${version}"`,
  `-I${join(root, 'native')}`,
  `-I${join(root, 'test')}`,
];

function sourcesBelow(folder, pattern) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return (
    readdirSync(path, { recursive: true })
      .map(String)
      // The rest of bpf/ needs the kernel's program, which is compiled elsewhere.
      .filter((name) => pattern.test(name) && !/^bpf\/(?!process_gathering)/.test(name))
      .sort()
      .map((name) => join(path, name))
  );
}

function isFresh(object) {
  const dependencies = `${object}.d`;
  if (!existsSync(object) || !existsSync(dependencies)) return false;
  const built = statSync(object).mtimeMs;
  const files =
    readFileSync(dependencies, 'utf8')
      .replace(/^[^:]*:/, '')
      .match(/[^\s\\]+/g) ?? [];
  return files.every((file) => existsSync(file) && statSync(file).mtimeMs <= built);
}

function run(command, args, limitMs = PROGRAM_LIMIT_MS) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    child.stderr.on('data', (data) => (text += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, text });
    });
  });
}

async function compileOrExit(args) {
  const { status, text } = await run(compiler, args);
  if (status === 0) return;
  process.stderr.write(text);
  process.stdout.write('\nnative: 0 passed, 1 failed, 0 skipped\n');
  process.exit(1);
}

/** Compiles one source unless its object is newer than everything it was made from. */
async function compile({ source, extra }) {
  const name = relative(root, source).replaceAll('/', '-');
  const object = join(output, `${compiler}-${name}.o`);
  if (isFresh(object)) return object;
  await compileOrExit([
    ...flags,
    ...extra,
    '-MMD',
    '-MF',
    `${object}.d`,
    '-c',
    source,
    '-o',
    object,
  ]);
  return object;
}

async function compileAll(jobs) {
  const objects = new Array(jobs.length);
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) {
      const index = next++;
      objects[index] = await compile(jobs[index]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return objects;
}

const total = { ok: 0, 'not ok': 0, skip: 0 };

function note(kind, line) {
  total[kind] += 1;
  process.stdout.write(`${line}\n`);
}

/** A program prints a line for each test; one that dies without naming a failure is a failure. */
async function runTests(program, name) {
  const { status, text } = await run(program, []);
  const before = total['not ok'];
  for (const line of text.split('\n')) {
    const kind = /^(ok|not ok|skip) /.exec(line)?.[1];
    if (kind !== undefined) note(kind, line.replace(kind, `${kind} ${name}:`));
  }
  if (status === 0 || total['not ok'] > before) return;
  note('not ok', `not ok ${name}: ended with ${status ?? 'a signal'}\n${text.slice(-8000)}`);
}

/** Inputs and edges, as libFuzzer last told them. */
function tellCoverage(text) {
  const told = [...text.matchAll(/^#(\d+)\s.*? cov: (\d+)/gm)].at(-1);
  return told === undefined ? '' : `, ${told[1]} inputs, ${told[2]} edges`;
}

const MAX_KEPT = 30;

/** Makes the corpus the fewest inputs that reach as many edges, those with a name of ours first. */
async function keepInputs(program, found, corpus) {
  const fewest = `${found}-fewest`;
  rmSync(fewest, { recursive: true, force: true });
  mkdirSync(fewest);
  const flags = ['-set_cover_merge=1', '-max_len=2048', '-use_counters=0', '-use_value_profile=0'];
  await run(program, [...flags, fewest, corpus, found]);
  const named = readdirSync(corpus).filter((file) => !/^[0-9a-f]{40}$/.test(file));
  for (const file of readdirSync(corpus)) if (!named.includes(file)) rmSync(join(corpus, file));
  const known = new Set(named.map((file) => readFileSync(join(corpus, file)).toString('latin1')));
  const chosen = readdirSync(fewest).filter(
    (file) => !known.has(readFileSync(join(fewest, file)).toString('latin1')),
  );
  for (const file of chosen.slice(0, MAX_KEPT - named.length)) {
    copyFileSync(join(fewest, file), join(corpus, file));
  }
}

async function runFuzzer(program, name) {
  const corpus = join(root, 'test', 'fuzz', 'corpus', name.replaceAll('_', '-'));
  const found = join(output, `found-${name}`);
  mkdirSync(found, { recursive: true });
  const args = hasLibFuzzer
    ? [
        `-max_total_time=${FUZZ_SECONDS}`,
        '-max_len=2048',
        `-artifact_prefix=${found}/`,
        '-print_final_stats=0',
        found,
        corpus,
      ]
    : [corpus, String(RANDOM_RUNS), String(Date.now() % 1e9)];
  const { status, text } = await run(program, args);
  const how = hasLibFuzzer ? `libFuzzer, ${FUZZ_SECONDS} s` : `${RANDOM_RUNS} random inputs`;
  if (status === 0 && hasLibFuzzer && process.env['SLAPOS_FUZZ_KEEP'] === '1') {
    await keepInputs(program, found, corpus);
  }
  if (status === 0) return note('ok', `ok fuzz ${name}: ${how}${tellCoverage(text)}`);
  return note('not ok', `not ok fuzz ${name}: ${how}; ${args.join(' ')}\n${text.slice(-8000)}`);
}

const words = process.argv.slice(2);
const isAsked = (source) => words.length === 0 || words.some((word) => source.includes(word));
mkdirSync(output, { recursive: true });
const coreSources = [
  ...sourcesBelow('native/core', /\.cc$/),
  // The keeper without its main.
  ...sourcesBelow('native/keeper', /(?<!^main)\.cc$/),
];
const testSources = sourcesBelow('test/native', /_test\.cc$/).filter(isAsked);
const driver = join(root, 'test', 'fuzz', 'random_driver.cc');
const fuzzSources = sourcesBelow('test/fuzz', /\.cc$/).filter(
  (file) => file !== driver && isAsked(file),
);

const asJobs = (sources, extra = []) => sources.map((source) => ({ source, extra }));
const fuzzFlags = hasLibFuzzer ? ['-fsanitize=fuzzer'] : [];
const core = await compileAll(
  asJobs(coreSources, hasLibFuzzer ? ['-fsanitize=fuzzer-no-link'] : []),
);
const tests = await compileAll(asJobs(testSources));
const fuzzers = await compileAll(asJobs(fuzzSources, fuzzFlags));
const driverObject = hasLibFuzzer ? [] : await compileAll(asJobs([driver]));

for (const [index, object] of tests.entries()) {
  const name = basename(testSources[index], '.cc');
  const program = join(output, name);
  await compileOrExit([...flags, object, ...core, '-o', program]);
  await runTests(program, name);
}
for (const [index, object] of fuzzers.entries()) {
  const name = basename(fuzzSources[index], '.cc');
  const program = join(output, `fuzz-${name}`);
  await compileOrExit([...flags, ...fuzzFlags, object, ...driverObject, ...core, '-o', program]);
  await runFuzzer(program, name);
}
/** What runs in several threads: the same tests under the thread sanitizer, as a run of its own. */
async function runThreadTests() {
  if (!works(compiler, ['-fsanitize=thread']))
    return note('skip', 'skip threads: no -fsanitize=thread');
  process.env['SLAPOS_SANITIZER'] = 'thread';
  const self = fileURLToPath(import.meta.url);
  const { status, text } = await run(process.execPath, [self, ...THREADED], THREAD_LIMIT_MS);
  const lines = text.split('\n').filter((line) => /^(ok|not ok|skip) /.test(line));
  for (const line of lines) {
    const kind = /^(ok|not ok|skip) /.exec(line)?.[1] ?? 'not ok';
    note(kind, line.replace(kind, `${kind} threads`));
  }
  if (status !== 0 && !lines.some((line) => line.startsWith('not ok'))) {
    note('not ok', `not ok threads: ended with ${status ?? 'a signal'}\n${text.slice(-4000)}`);
  }
}

if (!isThread && words.length === 0) await runThreadTests();
process.stdout.write(
  `\nnative: ${total.ok} passed, ${total['not ok']} failed, ${total.skip} skipped\n`,
);
process.exit(total['not ok'] === 0 ? 0 : 1);
