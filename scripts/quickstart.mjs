#!/usr/bin/env node
// `npm run quickstart [-- --keep]`: set-up, then the main job for real, inside private namespaces
// that vanish with it. Where namespaces or root are refused, the same job runs as the caller, in a
// temporary folder, without users and network changes.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the command needs to run, without sources and tools. */
const PACKAGE_FILES = [
  ...['package.json', 'bin', 'dist', 'promise-runner', 'scripts', 'examples', '.venv'],
  ...['prebuilt', 'build/Release', 'node_modules/better-sqlite3'],
];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const unknown = process.argv.slice(2).filter((argument) => argument !== '--keep');
if (unknown.length > 0) {
  process.stderr.write(
    `quickstart: unknown option ${unknown.join(' ')}\nusage: npm run quickstart [-- --keep]\n`,
  );
  process.exit(2);
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

const setUp = run(process.execPath, [join(root, 'scripts', 'setup.mjs')]);
if (setUp !== 0) process.exit(setUp);

const namespace = join(root, 'scripts', 'in-namespace.sh');
const isIsolated =
  process.getuid() === 0 && spawnSync(namespace, ['true'], { stdio: 'ignore' }).status === 0;
if (isIsolated) {
  const tour = '/srv/slapos-node/scripts/quickstart-tour.mjs';
  process.exit(run(namespace, [process.execPath, tour, ...process.argv.slice(2)]));
}
process.stdout.write(
  'Private namespaces are refused here (no root, or a plain container): the same job runs as an\n' +
    'ordinary user, in a temporary folder, without creating users, addresses or taps.\n',
);
process.exit(process.getuid() === 0 ? runAsNobody() : runTour(root, {}));

function runTour(folder, ids) {
  const args = [
    join(folder, 'scripts', 'quickstart-tour.mjs'),
    '--unprivileged',
    ...process.argv.slice(2),
  ];
  return spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit', ...ids }).status ?? 1;
}

/** Nothing of a partition runs as root, so root hands a readable copy of the package to nobody. */
function runAsNobody() {
  const [uid, gid] = [65534, 65534];
  const copy = mkdtempSync(join(tmpdir(), 'slapos-package-'));
  chmodSync(copy, 0o755);
  for (const name of PACKAGE_FILES.filter((each) => existsSync(join(root, each)))) {
    cpSync(join(root, name), join(copy, name), { recursive: true, verbatimSymlinks: true });
  }
  try {
    return runTour(copy, { uid, gid });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
