#!/usr/bin/env node
// The picture of the layers in docs/architecture.md, made from the import statements.
//   node scripts/draw-layers.mjs    writes it anew; `npm run check` says when it is not as drawn
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { importsOf } from './check-layers.mjs';

const DOCUMENT = 'docs/architecture.md';
const BLOCK = /(<!-- drawn by scripts\/draw-layers\.mjs -->\n\n```mermaid\n)[\s\S]*?(```)/;
/** Used by every layer: their arrows would hide the others. */
const EVERYWHERE = new Set(['errors', 'log', 'model']);

const layerOf = (path) => path.split('/')[1].replace(/\.ts$/, '');

function layerGraph(files, read) {
  const graph = new Map();
  for (const file of files.filter((name) => /^src\/.*\.ts$/.test(name))) {
    const from = layerOf(file);
    if (EVERYWHERE.has(from)) continue;
    if (!graph.has(from)) graph.set(from, new Set());
    for (const target of importsOf(file, read(file)).filter((name) => name.startsWith('.'))) {
      const path = normalize(join(dirname(file), target));
      if (!path.startsWith('src/')) continue;
      const to = layerOf(path);
      if (to !== from && !EVERYWHERE.has(to)) graph.get(from).add(to);
    }
  }
  return graph;
}

function reaches(graph, from, to) {
  const queue = [...(graph.get(from) ?? [])];
  for (const next of queue) {
    if (next === to) return true;
    for (const further of graph.get(next) ?? []) if (!queue.includes(further)) queue.push(further);
  }
  return false;
}

/** Without the arrows that a longer way says already. */
function reduced(graph, from) {
  const targets = [...graph.get(from)].sort();
  return targets.filter(
    (to) => !targets.some((other) => other !== to && reaches(graph, other, to)),
  );
}

function renderPicture(files, read) {
  const graph = layerGraph(files, read);
  const lines = [...graph.keys()]
    .sort()
    .flatMap((from) => reduced(graph, from).map((to) => `  ${from} --> ${to}\n`));
  return `graph TD\n${lines.join('')}`;
}

function withPicture(text, picture) {
  return text.replace(BLOCK, (_, head, tail) => `${head}${picture}${tail}`);
}

/** Says when the picture is not that of the imports. */
export function pictureProblems(files, read) {
  const text = read(DOCUMENT);
  if (!BLOCK.test(text)) return [`${DOCUMENT}: the picture of the layers is missing`];
  if (withPicture(text, renderPicture(files, read)) === text) return [];
  return [`${DOCUMENT}: imports have changed: node scripts/draw-layers.mjs`];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', 'src'];
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(existsSync);
  const text = readFileSync(DOCUMENT, 'utf8');
  const read = (file) => readFileSync(file, 'utf8');
  writeFileSync(DOCUMENT, withPicture(text, renderPicture(files, read)));
}
