#!/usr/bin/env node
// Prepares the Python environment with zc.buildout that software releases are built with, in
// .venv/buildout of the package: from the wheels that a package brings along, else from PyPI, else
// from Debian. Does nothing when it is there and works.
//   setup-buildout.mjs --offline    from the wheels only, without a change to the system
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptInstall, canInstallPackages } from './setup-system.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, '.venv', 'buildout');
const wheels = join(root, 'wheels');
const PACKAGES = ['zc.buildout', 'setuptools', 'wheel'];

function run(command, args, env = process.env) {
  const stdio = ['ignore', 'inherit', 'inherit'];
  return spawnSync(command, args, { cwd: root, stdio, env }).status === 0;
}

function canImportBuildout() {
  const python = join(folder, 'bin', 'python');
  const words = ['-c', 'import zc.buildout.buildout'];
  return spawnSync(python, words, { stdio: 'ignore', cwd: '/' }).status === 0;
}

function createVenv(options) {
  rmSync(folder, { recursive: true, force: true });
  return run('/usr/bin/python3', ['-m', 'venv', ...options, folder]);
}

/** @param source options of pip that say where from; none: PyPI */
function installByPip(source, env) {
  if (!createVenv([])) return false;
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...source];
  return run(join(folder, 'bin', 'python'), [...pip, ...PACKAGES], env) && canImportBuildout();
}

function installFromWheels() {
  if (!existsSync(wheels)) return false;
  // What pip's configuration says of indexes and folders does not matter here.
  const env = { ...process.env, PIP_CONFIG_FILE: '/dev/null' };
  return installByPip(['--no-index', '--no-cache-dir', '--isolated', '--find-links', wheels], env);
}

/**
 * Release 2.13 of Debian 12 needs a name that Python 3.10 removed; one line in a .pth file gives it
 * back.
 */
function installFromDebian() {
  if (!canInstallPackages()) return false;
  if (!aptInstall(['python3-zc.buildout', 'python3-setuptools'])) return false;
  if (!createVenv(['--system-site-packages'])) return false;
  const lib = join(folder, 'lib');
  const version = readdirSync(lib).find((name) => name.startsWith('python3'));
  const line =
    'import collections, collections.abc; collections.MutableMapping = collections.abc.MutableMapping\n';
  writeFileSync(join(lib, version, 'site-packages', 'slapos-buildout.pth'), line);
  return canImportBuildout();
}

/**
 * @param options isOffline: only from the wheels; say: told what is being done
 * @returns whether there is an environment that works now
 */
export function prepareBuildout({ isOffline, say }) {
  if (canImportBuildout()) return true;
  say('buildout environment');
  if (installFromWheels()) return true;
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
