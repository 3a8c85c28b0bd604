#!/usr/bin/env node
// Everything that can be said about the code without running it: types, lint and format (biome),
// the layer rule, size limits, C++ format where clang-format is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { auditProblems } from './check-audit.mjs';
import { importCircles } from './check-circles.mjs';
import { layerViolations } from './check-layers.mjs';
import { brokenLinks } from './check-links.mjs';
import { sizeViolations } from './check-sizes.mjs';
import { tidyProblems } from './check-tidy.mjs';
import { pictureProblems } from './draw-layers.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = (name) => join(root, 'node_modules', '.bin', name);
let failures = 0;

function report(name, problems) {
  process.stdout.write(
    `check ${name}: ${problems.length === 0 ? 'ok' : `${problems.length} problem(s)`}\n`,
  );
  for (const problem of problems) process.stdout.write(`  ${problem}\n`);
  failures += problems.length;
}

function runTool(name, command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  report(
    name,
    result.status === 0 ? [] : [output === '' ? String(result.error ?? 'failed') : output],
  );
}

const IGNORED = new Set([
  '.git',
  'node_modules',
  'build',
  'build-asan',
  'dist',
  'coverage',
  '.venv',
]);

function walk(folder, prefix) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.has(entry.name)) return [];
    const name = `${prefix}${entry.name}`;
    return entry.isDirectory() ? walk(join(folder, entry.name), `${name}/`) : [name];
  });
}

/** The files of the project: what git knows, or every file where git is not installed. */
function projectFiles() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const git = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (git.status !== 0) return walk(root, '');
  return git.stdout.split('\n').filter((file) => file !== '' && existsSync(join(root, file)));
}

const files = projectFiles();
const read = (file) => readFileSync(join(root, file), 'utf8');
runTool('types', bin('tsc'), ['-p', '.']);
runTool('types of the page', bin('tsc'), ['-p', join('src', 'panel', 'page')]);
runTool('lint and format', bin('biome'), ['check', '--diagnostic-level=error', '.']);
report('layers', await layerViolations(files, read));
report('circles', importCircles(files, read));
report('picture of the layers', pictureProblems(files, read));
report('links of the documents', brokenLinks(files, read));
report('sizes', sizeViolations(files, read));
const texts = files.filter((file) => /\.(ts|mjs|md|cc|h|c|sh|json|ya?ml|py)$/.test(file));
report(
  'marks of a merge',
  texts.filter((file) => /^(<{7}|>{7}) /m.test(read(file))),
);
if (spawnSync('clang-format', ['--version'], { stdio: 'ignore' }).status === 0) {
  const sources = files.filter((file) => /^(native|test\/native)\/.*\.(cc|h)$/.test(file));
  runTool('C++ format', 'clang-format', ['--dry-run', '--Werror', ...sources]);
} else {
  process.stdout.write('check C++ format: skipped, clang-format is not installed\n');
}
if (spawnSync('clang-tidy', ['--version'], { stdio: 'ignore' }).status === 0) {
  const { problems, left } = await tidyProblems(files, read, root);
  report('clang-tidy', problems);
  if (left > 0) process.stdout.write(`  ${left} file(s) left for the next run; TIDY=full waits\n`);
} else {
  process.stdout.write('check clang-tidy: skipped, it is not installed\n');
}
// An advisory that is published tomorrow must not break a developer's run of today's code.
if (process.env['CI'] !== undefined) {
  const { problems, reason } = auditProblems(root);
  if (reason === undefined) report('npm audit', problems);
  else process.stdout.write(`check npm audit: skipped, ${reason.split('\n')[0]}\n`);
}
process.exit(failures === 0 ? 0 : 1);
