#!/usr/bin/env node
// Writes dist/types: the types of what src/index.ts exports, and of nothing else. A consumer's
// compiler takes imports of .js files in declarations, so those of .ts files are renamed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'dist', 'types');
const SPECIFIER = /(?<=\bfrom '|\bimport\(")(\.{1,2}\/[^'"]+)\.ts(?=['"])/g;

/** Declarations that the given one leads to, itself included. */
function follow(path, found = new Map()) {
  if (found.has(path)) return found;
  const text = readFileSync(path, 'utf8');
  found.set(
    path,
    text.replace(SPECIFIER, (_, name) => `${name}.js`),
  );
  for (const [, name] of text.matchAll(SPECIFIER)) {
    follow(join(dirname(path), `${name}.d.ts`), found);
  }
  return found;
}

rmSync(folder, { recursive: true, force: true });
const result = spawnSync(
  join(root, 'node_modules', '.bin', 'tsc'),
  ['-p', join(root, 'scripts', 'tsconfig.types.json')],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
if (result.status !== 0) throw new Error('the types of the library could not be written');
const wanted = follow(join(folder, 'index.d.ts'));
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !wanted.has(path)) rmSync(path);
}
for (const [path, text] of wanted) writeFileSync(path, text);
process.stdout.write(`wrote ${wanted.size} files of types in dist/types/\n`);
