#!/usr/bin/env node
// Writes dist/panel: the page of the panel, minified. Charts and their library are a file of their
// own, loaded when the first chart is opened.
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src', 'panel', 'page');
const folder = join(root, 'dist', 'panel');

const options = {
  bundle: true,
  minify: true,
  platform: 'browser',
  target: ['es2022', 'chrome110', 'firefox115', 'safari16.4'],
  format: 'esm',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
};

/** Files that the page was made of. */
export const panelInputs = [];

// The bundle of the panel's server is in this folder too.
await mkdir(folder, { recursive: true });
for (const [entry, output, external] of [
  ['main.ts', 'panel.js', ['./charts.js']],
  ['charts.ts', 'charts.js', []],
  ['panel.css', 'panel.css', []],
]) {
  const { metafile } = await build({
    ...options,
    metafile: true,
    entryPoints: [join(source, entry)],
    outfile: join(folder, output),
    external,
  });
  panelInputs.push(...Object.keys(metafile.inputs));
}
await copyFile(join(source, 'index.html'), join(folder, 'index.html'));
process.stdout.write('built the page of the panel in dist/panel/\n');
