#!/usr/bin/env node
// Runs every test lane and ends with one line `N passed, N failed, N skipped` over all of them.
//   npm test                    all lanes
//   npm test -- unit root       some lanes
// Lanes: check, unit, postgres (the proxy on a real server), native (C++ under sanitizers), root
// (private namespaces), browser (Chromium), interop (peers), and only when it is named, or with
// SLAPOS_TEST_LTS=1: lts (a copy of the tree is set up under the bundled Node of long-term support,
// runs the unit lane and does the main job).
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = join(root, 'build', 'test-reports');
/** The counts of the last run, for a run that had it done. */
const totalFile = 'build/test-reports/total.json';
const total = { passed: 0, failed: 0, skipped: 0 };
/** What failed, with the first lines of the reason, told once more at the end. */
const failures = [];
/** What failed, and passed when it was run once more. */
const unsteady = [];

function run(command, args, env = {}, cwd = root) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  return result.status ?? 1;
}

function add(passed, failed, skipped) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

/** One command is one test: it passes when it exits 0. */
function countCommand(status, name) {
  add(status === 0 ? 1 : 0, status === 0 ? 0 : 1, 0);
  if (status !== 0) failures.push(`${name}: exit status ${status}`);
}

/** The reports of vitest's files, or undefined when it made none. */
function runVitestOnce(project, prefix, env, files = []) {
  const report = join(reports, `${project}.json`);
  rmSync(report, { force: true });
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=build/test-reports/${project}.json`,
    ...files,
  ];
  const status = run(
    prefix[0] ?? process.execPath,
    [...prefix.slice(1), ...(prefix.length > 0 ? [process.execPath] : []), ...args],
    env,
  );
  const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : [];
  // The package stands elsewhere in a private namespace: its folders are what is comparable.
  return { status, files: results.map((file) => ({ ...file, name: pathInPackage(file.name) })) };
}

function pathInPackage(path) {
  return path.slice(path.lastIndexOf('/test/') + 1);
}

/**
 * A few files that fail are run once more, alone: what fails again has failed, what passes then is
 * told at the end, since a machine under load is one reason and a race in our code another.
 */
function runVitest(project, prefix, env) {
  const first = runVitestOnce(project, prefix, env);
  const failed = first.files.filter((file) => file.status === 'failed');
  if (first.files.length === 0 || (first.status !== 0 && failed.length === 0)) {
    countCommand(first.status, `${project} lane`);
  }
  if (failed.length === 0 || failed.length > 5) return first.files.forEach(countFile(project));
  process.stdout.write(`\n== ${project}: ${failed.length} failed file(s) once more ==\n`);
  const names = failed.map((file) => file.name);
  const second = runVitestOnce(project, prefix, env, names);
  const passed = second.files.filter((file) => file.status !== 'failed').map(({ name }) => name);
  for (const file of failed.filter(({ name }) => passed.includes(name))) {
    unsteady.push(...reasonsOf(project, file));
  }
  const isFinal = (file) => !passed.includes(file.name);
  const again = second.files.filter(({ name }) => passed.includes(name));
  [...first.files.filter(isFinal), ...again].forEach(countFile(project));
}

function countFile(project) {
  return (file) => {
    const count = (wanted) => file.assertionResults.filter(wanted).length;
    const passed = count((test) => test.status === 'passed');
    const failed = count((test) => test.status === 'failed');
    // A file of which not even the preparation succeeded has failed once.
    const isBroken = file.status === 'failed' && failed === 0;
    add(passed, failed + (isBroken ? 1 : 0), file.assertionResults.length - passed - failed);
    if (file.status === 'failed') failures.push(...reasonsOf(project, file));
  };
}

/** What failed in a file, each with the first lines of the reason. */
function reasonsOf(project, file) {
  const tell = (what, reason = '') =>
    [`${project} ${what}`, ...reason.split('\n').slice(0, 12)].join('\n    ');
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0) return [tell(file.name, file.message)];
  return failed.map((test) => tell(`${file.name} > ${test.fullName}`, test.failureMessages[0]));
}

function canUseNamespaces() {
  const probe = spawnSync(join(root, 'scripts', 'in-namespace.sh'), ['true'], { encoding: 'utf8' });
  return {
    isPossible: process.getuid() === 0 && probe.status === 0,
    reason: (probe.stderr ?? '').trim(),
  };
}

/** What CI has to have in every lane: a missing one fails there. `.ci/run` installs PostgreSQL. */
function owned(...facilities) {
  const list = ['postgres', ...facilities].join(',');
  return process.env['CI'] === 'true' ? { SLAPOS_REQUIRE: list } : {};
}

function runRootLane() {
  const { isPossible, reason } = canUseNamespaces();
  if (!isPossible) {
    process.stdout.write(
      `root lane: private namespaces are refused here (${reason || 'not root'}); its tests skip\n`,
    );
    return runVitest('root', [], {});
  }
  const prefix = [join(root, 'scripts', 'in-namespace.sh')];
  return runVitest('root', prefix, owned('root', 'netns', 'tun'));
}

/** Where Chromium is: `npm run setup -- --browser` installs it. CI, which does that, has to use it. */
function runBrowserLane() {
  const { isPossible } = canUseNamespaces();
  if (!existsSync('/usr/bin/chromium')) {
    process.stdout.write('browser lane: there is no /usr/bin/chromium; its tests skip\n');
  }
  const isOwned = isPossible && existsSync('/usr/bin/chromium');
  const env = isOwned ? owned('root', 'netns', 'buildout', 'chromium') : {};
  return runVitest('browser', isPossible ? [join(root, 'scripts', 'in-namespace.sh')] : [], env);
}

/** Against the real peers of `npm run setup -- --peers`; without them each test skips and says so. */
function runInteropLane() {
  const bin = join(root, '.venv', 'peers', 'bin');
  const peers = existsSync(bin)
    ? {
        SLAPOS_PEER_PYTHON: join(bin, 'python'),
        SLAPOS_PEER_SUPERVISORCTL: join(bin, 'supervisorctl'),
      }
    : {};
  const prefix = canUseNamespaces().isPossible ? [join(root, 'scripts', 'in-namespace.sh')] : [];
  return runVitest('interop', prefix, { ...owned(), ...peers, ...process.env });
}

function runNativeLane() {
  const result = spawnSync(process.execPath, ['scripts/test-native.mjs'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(result.stdout);
  const counts = /(\d+) passed, (\d+) failed, (\d+) skipped/.exec(result.stdout);
  if (counts === null) return countCommand(result.status ?? 1, 'native lane');
  return add(Number(counts[1]), Number(counts[2]), Number(counts[3]));
}

/** CI, which installs the server by `npm run setup -- --postgres`, has to run it. */
function runPostgresLane() {
  const programs = '/usr/lib/postgresql';
  const isThere =
    existsSync(programs) &&
    readdirSync(programs).some((name) => existsSync(join(programs, name, 'bin', 'initdb')));
  if (isThere || process.env['CI'] === 'true') return runVitest('postgres', [], {});
  process.stdout.write(`postgres lane: there is no ${programs}/*/bin/initdb; its tests skip\n`);
  return add(0, 0, 1);
}

/** What is not copied: other Nodes need their own of all this. */
const MADE = ['.git', '.venv', 'build', 'dist', 'node_modules'];

/** A copy of the sources, in which what an earlier run made and is not for one Node is kept. */
function copyTree(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder).filter((entry) => !MADE.includes(entry))) {
    rmSync(join(folder, name), { recursive: true });
  }
  for (const name of readdirSync(root).filter((entry) => !MADE.includes(entry))) {
    cpSync(join(root, name), join(folder, name), { recursive: true, verbatimSymlinks: true });
  }
}

/** As an operator has it whose Node is the current one of long-term support. */
function runLtsLane() {
  const tree = join(root, 'build', 'lts');
  copyTree(tree);
  const { bundled } = JSON.parse(readFileSync(join(root, 'scripts/package/nodes.json'), 'utf8'));
  const withNode = [join(root, 'scripts', 'with-node.mjs'), bundled.split('.')[0], 'npm'];
  const inTree = (...words) => run(process.execPath, [...withNode, ...words], {}, tree);
  rmSync(join(tree, totalFile), { force: true });
  const status = inTree('test', '--', 'unit');
  const result = join(tree, totalFile);
  const counts = existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : {};
  const { passed = 0, failed = 0, skipped = 0 } = counts;
  // A copy in which no test is found has not been tested.
  if (passed === 0) return countCommand(status || 1, `lts lane (Node ${bundled})`);
  add(passed, failed, skipped);
  if (failed > 0) failures.push(`lts lane (Node ${bundled}): ${failed} failed, named above`);
  return countCommand(inTree('run', 'quickstart'), `quickstart under Node ${bundled}`);
}

const lanes = {
  check: () => countCommand(run(process.execPath, ['scripts/check.mjs']), 'check'),
  unit: () => runVitest('unit', [], {}),
  postgres: runPostgresLane,
  native: runNativeLane,
  root: runRootLane,
  browser: runBrowserLane,
  interop: runInteropLane,
  lts: runLtsLane,
};
const usual = Object.keys(lanes).filter(
  (lane) => lane !== 'lts' || process.env['SLAPOS_TEST_LTS'] === '1',
);

const asked = process.argv.slice(2);
const unknown = asked.filter((lane) => !(lane in lanes));
if (unknown.length > 0) {
  process.stderr.write(
    `unknown lane ${unknown.join(', ')}; lanes: ${Object.keys(lanes).join(', ')}\n`,
  );
  process.exit(2);
}
if (run(process.execPath, ['scripts/setup.mjs']) !== 0) process.exit(1);
mkdirSync(reports, { recursive: true });
for (const lane of asked.length > 0 ? asked : usual) {
  process.stdout.write(`\n== ${lane} ==\n`);
  lanes[lane]();
}
for (const [title, list] of [
  ['Failed once, passed when run again', unsteady],
  ['Failed', failures],
]) {
  if (list.length > 0) process.stdout.write(`\n${title}:\n  ${list.join('\n  ')}\n`);
}
writeFileSync(join(root, totalFile), JSON.stringify(total));
process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exit(total.failed === 0 ? 0 : 1);
