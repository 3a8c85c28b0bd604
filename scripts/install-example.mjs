#!/usr/bin/env node
// Makes examples/hello buildable: writes location.cfg, which tells the profile where it stands.
//   install-example.mjs           in place, for a checkout that stays where it is
//   install-example.mjs FOLDER    in a copy, readable by everybody, for a checkout that users of
//                                 partitions cannot read (below /root, for example)
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples', 'hello');

/**
 * Prepares the example in place or in a copy.
 * @returns the path of the profile, which is the URL of the software release.
 */
export async function installExample(folder = source) {
  const target = resolve(folder);
  if (/\s|\$/.test(target)) {
    throw new Error(`buildout cannot use the folder ${target}: choose one without blanks or $`);
  }
  if (target !== source) await copyReadable(target);
  const text = `# Written by scripts/install-example.mjs.\n[hello]\nfolder = ${target}\n`;
  await writeFile(join(target, 'location.cfg'), text, { mode: 0o644 });
  return join(target, 'software.cfg');
}

async function copyReadable(target) {
  if (existsSync(target) && !existsSync(join(target, 'location.cfg'))) {
    throw new Error(`${target} exists and is no copy of the example: choose another folder`);
  }
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true });
  const isWanted = (path) => !path.endsWith('__pycache__');
  await cp(source, target, { recursive: true, filter: isWanted });
  await chmod(target, 0o755);
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${await installExample(process.argv[2])}\n`);
}
