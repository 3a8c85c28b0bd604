// What the scripts that make packages share: folders, the moment that files are dated with, and
// commands that are quiet unless they fail.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Where packages are made; a second run finds there what takes long. */
export const packageFolder = join(root, 'build', 'package');
/** Where finished packages lie. */
export const outputFolder = join(root, 'build', 'packages');
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Names of Debian's architectures by ours. */
export const debianArchitectures = { x64: 'amd64', arm64: 'arm64' };

export function say(text) {
  process.stdout.write(`package: ${text}\n`);
}

/**
 * Runs a command to its end and returns its output.
 * @throws Error with the end of its output when it fails
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (result.status === 0) return result.stdout;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.slice(-4000);
  throw new Error(`${command} ${args.join(' ')} failed: ${result.error?.message ?? output}`);
}

function hasProgram(name) {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Sees to it that what a build needs is there: through apt when root, else by saying what is
 * missing.
 * @param needs Debian package by a program's name or the path of a file
 */
export function requirePackages(needs) {
  const missing = Object.entries(needs)
    .filter(([what]) => !(what.startsWith('/') ? existsSync(what) : hasProgram(what)))
    .map(([, name]) => name);
  if (missing.length === 0) return;
  const names = [...new Set(missing)];
  if (process.getuid() !== 0 || !hasProgram('apt-get')) {
    throw new Error(`these are missing: apt-get install ${names.join(' ')}`);
  }
  say(`apt-get install ${names.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update'], { env });
  run('apt-get', ['install', '-y', '--no-install-recommends', ...names], { env });
}

/** Files below a folder as relative paths, sorted; links are not followed. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** SHA-256 over the names and contents of files and folders. */
export function digestOf(paths, words = []) {
  const hash = createHash('sha256').update(JSON.stringify(words));
  for (const path of paths) {
    const isFolder = statSync(path).isDirectory();
    for (const file of isFolder ? filesBelow(path).map((name) => join(path, name)) : [path])
      hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** Does `work` unless `folder` holds what it made of the same inputs. */
export function whenChanged(folder, digest, work) {
  const stamp = `${folder}.stamp`;
  if (existsSync(folder) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
}

/**
 * The moment that everything in a package is dated with, in seconds: SOURCE_DATE_EPOCH, else that
 * of the last commit, else of the newest entry of the change log's file.
 */
export function sourceDateS() {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  const git = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  if (git.status === 0) return Number(git.stdout);
  return Math.floor(statSync(join(root, 'CHANGELOG.md')).mtimeMs / 1000);
}
