#!/usr/bin/env node
// Prepares a clean clone for everything else: system packages (apt, when root and missing), npm
// packages, the native addon, the bundles and the buildout environment. Each step is skipped when
// it is up to date, so running it again costs a fraction of a second.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installExample } from './install-example.mjs';
import { needsOtherHeader, objectWrapHeader } from './object-wrap-header.mjs';
import { prepareBuildout } from './setup-buildout.mjs';
import { installPostgres } from './setup-postgres.mjs';
import { aptInstall, canInstallPackages, hasProgram } from './setup-system.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** In what `npm run package:npm` makes, everything is built already. */
const isPackaged = existsSync(join(root, 'prebuilt'));

/** Debian package by what it must provide: the set-up asks apt only for what is not there. */
const systemPackages = [
  { name: 'g++', isPresent: () => hasProgram('g++'), isForBuild: true, why: 'compiles the addon' },
  {
    name: 'make',
    isPresent: () => hasProgram('make'),
    isForBuild: true,
    why: 'compiles the addon',
  },
  {
    name: 'python3',
    isPresent: () => existsSync('/usr/bin/python3'),
    why: 'runs node-gyp and buildout',
  },
  { name: 'python3-venv', isPresent: hasPythonVenv, why: 'holds zc.buildout' },
  { name: 'iproute2', isPresent: () => hasProgram('ip'), why: 'shows and tests network state' },
];

function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`setup: ${text}\n`);
  process.exit(1);
}

function hasPythonVenv() {
  return (
    spawnSync('/usr/bin/python3', ['-c', 'import ensurepip, venv'], { stdio: 'ignore' }).status ===
    0
  );
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  });
  if (result.error !== undefined) fail(`${command} cannot be started: ${result.error.message}`);
  return result.status === 0;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (process.platform !== 'linux') fail('slapos-node runs on Linux only');
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or newer is needed, this is ${process.version}`);
}

function installSystemPackages() {
  const missing = systemPackages.filter(
    (entry) => !(isPackaged && entry.isForBuild) && !entry.isPresent(),
  );
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.name);
  if (!canInstallPackages()) {
    fail(
      `these programs are missing: ${missing.map((entry) => `${entry.name} (${entry.why})`).join(', ')}. ` +
        `On Debian: sudo apt-get install ${names.join(' ')}`,
    );
  }
  say(`apt-get install ${names.join(' ')}`);
  if (!aptInstall(names)) fail('apt-get could not install them; its message stands above');
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** Runs `work` when the contents of `inputs` differ from the last time, or `outputs` are missing. */
function whenChanged(name, inputs, outputs, work) {
  const hash = createHash('sha256').update(process.version);
  for (const file of inputs.flatMap((input) => filesBelow(join(root, input))))
    hash.update(file).update(readFileSync(file));
  const digest = hash.digest('hex');
  const stamp = join(root, 'build', `.setup-${name}`);
  const isFresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
  if (isFresh && outputs.every((output) => existsSync(join(root, output)))) return;
  say(name);
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
}

/** Environment in which npm compiles better-sqlite3 for the running Node. */
function environmentOfBuild() {
  const prefix = dirname(dirname(process.execPath));
  const env = { ...process.env, npm_config_nodedir: prefix };
  // Without headers the next step says what is missing.
  const hasHeaders = existsSync(join(prefix, 'include/node/node_api.h'));
  if (!hasHeaders || !needsOtherHeader(prefix)) return env;
  const header = join(root, 'build', 'node_object_wrap.h');
  mkdirSync(dirname(header), { recursive: true });
  writeFileSync(header, objectWrapHeader(prefix));
  // What others compiled may hold the calls that are left out here.
  env['npm_config_build_from_source'] = 'true';
  env['CXXFLAGS'] = `${env['CXXFLAGS'] ?? ''} -include ${header}`.trim();
  return env;
}

function installNpmPackages() {
  const npm = process.env['npm_execpath'];
  const command = npm === undefined ? ['npm'] : [process.execPath, npm];
  const env = environmentOfBuild();
  const isDone = run(
    command[0],
    [...command.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'],
    { env },
  );
  if (!isDone) fail('npm ci failed; its message stands above');
}

function buildNative() {
  const result = spawnSync(process.execPath, ['scripts/build-native.mjs', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  fail('the native addon could not be built');
}

/** What the interop lane runs beside ours, or builds with ours. */
const peers = {
  modules: ['slapos.cli', 'slapos.recipe.slapconfiguration', 'slapos.recipe.template'].concat([
    'slapos.recipe.build',
    'slapos.promise.plugin',
    'supervisor',
    'zc.buildout.buildout',
  ]),
  packages: ['slapos.core', 'slapos.cookbook', 'slapos.toolbox', 'slapos.recipe.template'].concat(
    ['slapos.recipe.build', 'slapos.libnetworkcache', 'supervisor', 'xml-marshaller'],
    ['zc.buildout', 'zc.recipe.egg'],
  ),
};

/** The real peers that the interop lane compares with: `npm run setup -- --peers`. */
function installPeers() {
  const folder = join(root, '.venv', 'peers');
  const python = join(folder, 'bin', 'python');
  const probe = ['-c', `import ${peers.modules.join(', ')}`];
  if (spawnSync(python, probe, { stdio: 'ignore', cwd: '/' }).status === 0) return;
  say('upstream peers');
  const pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  // Several have no wheel on PyPI and are built with the first two.
  const isDone =
    run('/usr/bin/python3', ['-m', 'venv', '--clear', folder]) &&
    run(pip[0], [...pip.slice(1), 'setuptools', 'wheel']) &&
    run(pip[0], [...pip.slice(1), ...peers.packages]);
  if (!isDone) fail('the peers could not be installed from PyPI: the interop lane will skip');
}

/** npm packages, addon and bundles. */
function buildPackage() {
  whenChanged(
    'npm ci',
    ['package-lock.json'],
    ['node_modules/better-sqlite3/build/Release/better_sqlite3.node'],
    installNpmPackages,
  );
  whenChanged(
    'native addon',
    ['native', 'binding.gyp'],
    ['build/Release/slapos_native.node'],
    buildNative,
  );
  const bundleSources = ['src', 'bin', 'package.json'].concat(
    [
      'build.mjs',
      'build-panel.mjs',
      'build-types.mjs',
      'tsconfig.types.json',
      'compile-cache.mjs',
      'compile-cache-hook.cjs',
    ].map((name) => `scripts/${name}`),
  );
  whenChanged('bundles', bundleSources, ['dist/bin/slapos.js'], () => {
    if (!run(process.execPath, ['scripts/build.mjs'])) fail('the bundles could not be built');
  });
}

/** What drives the panel in the browser lane: `npm run setup -- --browser`. */
function installBrowser() {
  if (existsSync('/usr/bin/chromium')) return;
  if (!canInstallPackages()) {
    fail('the browser lane needs chromium. On Debian: sudo apt-get install chromium');
  }
  say('apt-get install chromium');
  if (!aptInstall(['chromium']))
    fail('chromium could not be installed: the browser lane will skip');
}

checkNode();
installSystemPackages();
if (!isPackaged) buildPackage();
if (!prepareBuildout({ isOffline: false, say })) {
  fail('zc.buildout could be installed neither from PyPI nor from Debian');
}
await installExample();
if (process.argv.includes('--browser')) installBrowser();
if (process.argv.includes('--postgres')) installPostgres({ say, fail });
if (process.argv.includes('--peers')) installPeers();
