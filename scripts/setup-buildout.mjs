#!/usr/bin/env node
// Prepares the Python environment with zc.buildout that software releases are built with, in
// .venv/buildout of the package: from the wheels that a package brings along, else from PyPI, else
// from Debian. Does nothing when it is there, works, and is of the wheels that the package has now.
// A newer one is made beside it and takes its place when it works.
//   setup-buildout.mjs --offline    from the wheels only, without a change to the system
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptInstall, canInstallPackages } from './setup-system.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, '.venv', 'buildout');
/** Where it is made. */
const beside = `${folder}.new`;
const wheels = join(root, 'wheels');
/** In the environment: which wheels it was made of. */
const STAMP = 'slapos-wheels';
const PACKAGES = ['zc.buildout', 'setuptools', 'wheel'];

function run(command, args, env = process.env) {
  const stdio = ['ignore', 'inherit', 'inherit'];
  return spawnSync(command, args, { cwd: root, stdio, env }).status === 0;
}

function canImportBuildout(environment) {
  const python = join(environment, 'bin', 'python');
  const words = ['-c', 'import zc.buildout.buildout'];
  return spawnSync(python, words, { stdio: 'ignore', cwd: '/' }).status === 0;
}

function createVenv(options) {
  rmSync(beside, { recursive: true, force: true });
  return run('/usr/bin/python3', ['-m', 'venv', ...options, beside]);
}

/** Names of wheels have versions; undefined when the package has none. */
function digestOfWheels() {
  if (!existsSync(wheels)) return undefined;
  return createHash('sha256').update(readdirSync(wheels).sort().join('\n')).digest('hex');
}

function isOfWheels(digest) {
  const stamp = join(folder, STAMP);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
}

/** First lines of scripts, and what activates the environment, name its folder. */
function renameInside() {
  const names = readdirSync(join(beside, 'bin')).map((name) => join('bin', name));
  for (const path of ['pyvenv.cfg', ...names].map((name) => join(beside, name))) {
    if (!lstatSync(path).isFile()) continue;
    const text = readFileSync(path, 'latin1');
    writeFileSync(path, text.replaceAll(beside, folder), 'latin1');
  }
}

/** @param digest of the wheels that it was made of, or undefined */
function takePlace(digest) {
  if (!canImportBuildout(beside)) return false;
  renameInside();
  if (digest !== undefined) writeFileSync(join(beside, STAMP), digest);
  const former = `${folder}.old`;
  rmSync(former, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, former);
  renameSync(beside, folder);
  rmSync(former, { recursive: true, force: true });
  return canImportBuildout(folder);
}

/**
 * @param source options of pip that say where from; none: PyPI
 * @param wheel a pip that runs from its file and is installed too: half the time of making an
 *   environment with one and replacing that
 */
function installByPip(source, { env, digest, wheel } = {}) {
  if (!createVenv(wheel === undefined ? [] : ['--without-pip'])) return false;
  const pip = wheel === undefined ? ['-m', 'pip'] : [join(wheel, 'pip')];
  const names = wheel === undefined ? PACKAGES : ['pip', ...PACKAGES];
  const words = [...pip, 'install', '--quiet', '--disable-pip-version-check', ...source, ...names];
  return run(join(beside, 'bin', 'python'), words, env) && takePlace(digest);
}

function installFromWheels(digest) {
  if (digest === undefined) return false;
  // What pip's configuration says of indexes and folders does not matter here.
  const env = { ...process.env, PIP_CONFIG_FILE: '/dev/null' };
  const source = ['--no-index', '--no-cache-dir', '--isolated', '--find-links', wheels];
  const name = readdirSync(wheels).find((each) => /^pip-.*\.whl$/.test(each));
  const wheel = name === undefined ? undefined : join(wheels, name);
  return installByPip(source, { env, digest, wheel });
}

/**
 * Release 2.13 of Debian 12 needs a name that Python 3.10 removed; one line in a .pth file gives it
 * back.
 */
function installFromDebian() {
  if (!canInstallPackages()) return false;
  if (!aptInstall(['python3-zc.buildout', 'python3-setuptools'])) return false;
  if (!createVenv(['--system-site-packages'])) return false;
  const lib = join(beside, 'lib');
  const version = readdirSync(lib).find((name) => name.startsWith('python3'));
  const line =
    'import collections, collections.abc; collections.MutableMapping = collections.abc.MutableMapping\n';
  writeFileSync(join(lib, version, 'site-packages', 'slapos-buildout.pth'), line);
  return takePlace();
}

/**
 * @param options isOffline: only from the wheels; say: told what is being done
 * @returns whether there is an environment that works now
 */
export function prepareBuildout({ isOffline, say }) {
  const works = canImportBuildout(folder);
  const digest = digestOfWheels();
  if (works && (digest === undefined || isOfWheels(digest))) return true;
  say('buildout environment');
  if (installFromWheels(digest)) return true;
  if (works) {
    say('the wheels of this package cannot be installed: the former environment is kept');
    return true;
  }
  if (isOffline) return false;
  if (installByPip([])) return true;
  say('PyPI did not give zc.buildout, trying the Debian package');
  return installFromDebian();
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const say = (text) => process.stdout.write(`${text}\n`);
  const isOffline = process.argv.includes('--offline');
  if (!prepareBuildout({ isOffline, say })) {
    process.stderr.write('zc.buildout could not be installed: no software can be built\n');
    process.exit(1);
  }
}
