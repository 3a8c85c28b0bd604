// The layer rule of docs/architecture.md, over the real import statements (oxc-parser):
// cli > verbs > shared layers; verbs do not import each other; addons are loaded, child processes
// started and files written in host/ and cli/ only.
import { dirname, join, normalize } from 'node:path';
import { parseSync } from 'oxc-parser';

const VERBS = new Set([
  'register',
  'format',
  'software',
  'instance',
  'promise',
  'report',
  'collect',
  'proxy',
  'supervisor',
  'prune',
  'manager',
  'status',
  'panel',
  'top',
  'boot',
  'doctor',
]);
/** What each layer below the verbs may import, besides itself, errors and log. */
const SHARED = {
  errors: [],
  log: [],
  model: [],
  config: ['model'],
  host: ['model'],
  pki: ['model', 'host'],
  grid: ['model', 'config', 'host', 'slap'],
  firewall: ['model', 'config', 'host', 'slap', 'grid'],
  slap: ['model', 'config', 'host'],
  networkcache: ['model', 'config', 'host', 'pki'],
};
const VERB_MAY_USE = {
  instance: ['promise', 'supervisor', 'software'],
  report: ['instance'],
  manager: ['instance'],
  collect: ['promise'],
  status: ['collect', 'promise', 'supervisor'],
  panel: ['proxy', 'status', 'supervisor'],
  top: ['collect', 'status', 'supervisor'],
};
const PROCESS_LAYERS = new Set(['host', 'cli', 'bin']);
/** Functions of node:fs that change something, also their Sync forms. */
const FILE_WRITES =
  /^(appendFile|chmod|chown|copyFile|cp|createWriteStream|fchmod|fchown|fdatasync|fsync|ftruncate|lchown|link|mkdir|mkdtemp|rename|rm|rmdir|symlink|truncate|unlink|utimes|write|writeFile|writev)(Sync)?$/;
/** The proxy makes dumps and backups of its database file itself, in private folders. */
const FILE_WRITERS = new Set(['src/proxy/sql-dump.ts', 'src/proxy/store-backup.ts']);

export function importsOf(file, text) {
  const { module } = parseSync(file, text);
  const found = module.staticImports.map((entry) => entry.moduleRequest.value);
  for (const entry of module.staticExports) {
    for (const one of entry.entries)
      if (one.moduleRequest !== null) found.push(one.moduleRequest.value);
  }
  for (const entry of module.dynamicImports) {
    found.push(
      text.slice(entry.moduleRequest.start, entry.moduleRequest.end).replace(/^['"`]|['"`]$/g, ''),
    );
  }
  return found;
}

/** What a file imports by name from node:fs, node:module and node:process. */
function namesFrom(file, text, modules) {
  return parseSync(file, text)
    .module.staticImports.filter(({ moduleRequest }) => modules.test(moduleRequest.value))
    .flatMap(({ entries }) => entries.map(({ importName }) => importName.name ?? '*'));
}

function* machineViolations(file, text) {
  if (PROCESS_LAYERS.has(layerOf(file))) return;
  if (importsOf(file, text).some((name) => /^(node:)?child_process$/.test(name))) {
    yield `${file}: child_process belongs to host/ and cli/`;
  }
  if (namesFrom(file, text, /^(node:)?module$/).includes('createRequire')) {
    yield `${file}: addons are loaded by host/`;
  }
  if (FILE_WRITERS.has(file)) return;
  for (const name of namesFrom(file, text, /^(node:)?fs(\/promises)?$/)) {
    if (name === '*' || FILE_WRITES.test(name))
      yield `${file}: ${name} of node:fs belongs to host/`;
  }
}

function layerOf(path) {
  return path.split('/')[1];
}

function mayImport(from, to) {
  if (from === to || to === 'errors' || to === 'log') return true;
  if (from === 'bin' || from === 'index.ts') return true;
  if (from === 'cli') return to !== 'bin';
  if (to === 'cli') return to === from;
  if (VERBS.has(from)) return !VERBS.has(to) || (VERB_MAY_USE[from] ?? []).includes(to);
  return (SHARED[from] ?? []).includes(to);
}

/** Problems as `file: what` lines; `read` gives the text of a tracked file. */
export async function layerViolations(files, read) {
  const problems = [];
  for (const file of files.filter((name) => /^src\/.*\.ts$/.test(name))) {
    const from = layerOf(file);
    for (const target of importsOf(file, read(file))) {
      if (target.startsWith('.')) {
        const to = layerOf(normalize(join(dirname(file), target)));
        if (!mayImport(from, to)) problems.push(`${file}: layer ${from} may not import ${target}`);
      }
    }
    problems.push(...machineViolations(file, read(file)));
  }
  return problems;
}
