#!/usr/bin/env node
// `npm run package:arm64`: the packages for arm64, cross-compiled, and everything compiled in them
// loaded under emulation (qemu-user) by the Nodes that it is for; its filter of system calls is
// tried as well. The npm package then serves both processors. The BPF reader is not cross-compiled:
// the collector reads procfs there.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { abiOf, fetchNode, nodes } from './package/node.mjs';
import { packageFolder, requirePackages, root, run, say } from './package/work.mjs';

/** The cross-compiler brings the C and C++ libraries of arm64. */
const EMULATOR = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
const LIMIT_MS = 60_000;
let failures = 0;

function make(script, args) {
  const words = [join(root, 'scripts', script), ...args];
  const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Runs a program of arm64 and compares what it prints. */
function expect(title, words, pattern) {
  const [command, ...args] = [...EMULATOR, ...words];
  const options = { encoding: 'utf8', timeout: LIMIT_MS, env: { PATH: process.env['PATH'] } };
  const { stdout, stderr, error } = spawnSync(command, args, options);
  const isRight = pattern.test(stdout ?? '');
  process.stdout.write(`${isRight ? 'ok' : 'not ok'}  ${title}: ${(stdout ?? '').trim()}\n`);
  if (isRight) return;
  failures += 1;
  process.stdout.write(`${error?.message ?? ''}${stderr}\n`);
}

const LOAD_SQLITE = `const addon = require(process.argv[1]);
const database = new addon.Database(':memory:', ':memory:', true, false, false, 5000, null, null);
console.log(process.arch, typeof database.prepare, Object.keys(addon).length);`;
const LOAD_ADDON = `const addon = require(process.argv[1]);
addon.capabilities instanceof Function
  ? console.log(process.arch, Object.keys(addon).length, JSON.stringify(addon.capabilities()))
  : console.log('no capabilities');`;

/** The filter of system calls is another one there; the emulator itself takes none. */
function testFilter() {
  const program = join(packageFolder, 'seccomp_test-arm64');
  const sources = ['test/native/seccomp_test.cc', 'native/core/confine/seccomp.cc'];
  const sys = readdirSync(join(root, 'native/core/sys')).filter((name) => name.endsWith('.cc'));
  sources.push(...sys.map((name) => `native/core/sys/${name}`));
  const flags = ['-std=c++20', '-O1', '-D_GNU_SOURCE', '-pthread', '-Inative', '-Itest'];
  run('aarch64-linux-gnu-g++', [...flags, ...sources, '-o', program]);
  expect('filter of system calls', [program], /^(ok \w+\n)+$/);
}

requirePackages({ 'qemu-aarch64-static': 'qemu-user-static' });
make('package-npm.mjs', ['--arch', 'x64,arm64']);
make('package-deb.mjs', ['--arch', 'arm64']);
const staged = join(packageFolder, 'npm');
const prebuilt = join(staged, 'prebuilt', 'linux-arm64');
expect('keeper', [join(prebuilt, 'slapos-supervisord'), '--version'], /protocol \d+/);
testFilter();
for (const version of Object.keys(nodes.integrity.arm64)) {
  const folder = fetchNode('arm64', version);
  const node = join(folder, 'bin', 'node');
  const addon = join(prebuilt, 'slapos_native.node');
  const sqlite = join(prebuilt, `better_sqlite3-${abiOf(folder)}.node`);
  expect(`Node ${version}, slapos`, [node, join(staged, 'bin/slapos'), '--version'], /^slapos \d/);
  expect(`Node ${version}, addon`, [node, '-e', LOAD_ADDON, addon], /^arm64 \d+ \{/);
  expect(`Node ${version}, SQLite`, [node, '-e', LOAD_SQLITE, sqlite], /^arm64 function/);
}
say(failures === 0 ? 'arm64 works under emulation' : `${failures} failed under emulation`);
process.exit(failures === 0 ? 0 : 1);
