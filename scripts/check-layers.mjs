// The layer rule of docs/architecture.md, over the real import statements (oxc-parser):
// cli > verbs > shared layers; verbs do not import each other; only host/native.ts loads the
// addon; child processes and file writes only in host/ and cli/.
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
  report: ['instance', 'promise', 'supervisor', 'software'],
  manager: ['instance', 'supervisor'],
  collect: ['promise'],
  status: ['collect', 'promise', 'supervisor'],
  panel: ['collect', 'promise', 'proxy', 'status', 'supervisor'],
  top: ['collect', 'status', 'supervisor'],
};
const PROCESS_LAYERS = new Set(['host', 'cli', 'bin']);

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
      } else if (/^(node:)?child_process$/.test(target) && !PROCESS_LAYERS.has(from)) {
        problems.push(`${file}: child_process belongs to host/ and cli/`);
      }
    }
  }
  return problems;
}
