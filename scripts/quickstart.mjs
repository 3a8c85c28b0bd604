#!/usr/bin/env node
// `npm run quickstart [-- --keep]`: set-up, then the main job for real, inside private namespaces
// that vanish with it. Where namespaces or root are refused, the same job runs as the caller, in a
// temporary folder, without users and network changes.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

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
  'Private namespaces are refused here (no root, or a plain container): the same job runs as the\n' +
    'calling user, in a temporary folder, without creating users, addresses or taps.\n',
);
process.exit(
  run(process.execPath, [
    join(root, 'scripts', 'quickstart-tour.mjs'),
    '--unprivileged',
    ...process.argv.slice(2),
  ]),
);
