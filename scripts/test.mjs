#!/usr/bin/env node
// Runs every test lane and ends with one line `N passed, N failed, N skipped` over all of them.
//   npm test                    all lanes
//   npm test -- unit root       some lanes
// Lanes: check, unit, native (C++ under sanitizers), root (private namespaces), interop (peers).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = join(root, 'build', 'test-reports');
const total = { passed: 0, failed: 0, skipped: 0 };

function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
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
function countCommand(status) {
  add(status === 0 ? 1 : 0, status === 0 ? 0 : 1, 0);
}

function runVitest(project, prefix, env) {
  const report = join(reports, `${project}.json`);
  rmSync(report, { force: true });
  const vitest = 'node_modules/vitest/vitest.mjs';
  const args = [
    vitest,
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=build/test-reports/${project}.json`,
  ];
  const status = run(
    prefix[0] ?? process.execPath,
    [...prefix.slice(1), ...(prefix.length > 0 ? [process.execPath] : []), ...args],
    env,
  );
  if (!existsSync(report)) return countCommand(status);
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  const skipped = counts.numPendingTests + (counts.numTodoTests ?? 0);
  add(counts.numPassedTests, counts.numFailedTests, skipped);
  if (status !== 0 && counts.numFailedTests === 0) add(0, 1, 0);
}

function canUseNamespaces() {
  const probe = spawnSync(join(root, 'scripts', 'in-namespace.sh'), ['true'], { encoding: 'utf8' });
  return {
    isPossible: process.getuid() === 0 && probe.status === 0,
    reason: (probe.stderr ?? '').trim(),
  };
}

function runRootLane() {
  const { isPossible, reason } = canUseNamespaces();
  if (!isPossible) {
    process.stdout.write(
      `root lane: private namespaces are refused here (${reason || 'not root'}); its tests skip\n`,
    );
    return runVitest('root', [], {});
  }
  const owned = process.env['CI'] === 'true' ? { SLAPOS_REQUIRE: 'root,netns,tun' } : {};
  return runVitest('root', [join(root, 'scripts', 'in-namespace.sh')], owned);
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
  return runVitest('interop', prefix, { ...peers, ...process.env });
}

function runNativeLane() {
  const result = spawnSync(process.execPath, ['scripts/test-native.mjs'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  process.stdout.write(result.stdout);
  const counts = /(\d+) passed, (\d+) failed, (\d+) skipped/.exec(result.stdout);
  if (counts === null) return countCommand(result.status ?? 1);
  return add(Number(counts[1]), Number(counts[2]), Number(counts[3]));
}

const lanes = {
  check: () => countCommand(run(process.execPath, ['scripts/check.mjs'])),
  unit: () => runVitest('unit', [], {}),
  native: runNativeLane,
  root: runRootLane,
  interop: runInteropLane,
};

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
for (const lane of asked.length > 0 ? asked : Object.keys(lanes)) {
  process.stdout.write(`\n== ${lane} ==\n`);
  lanes[lane]();
}
process.stdout.write(
  `\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exit(total.failed === 0 ? 0 : 1);
