// System packages through apt, for the scripts that set something up.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function hasProgram(name) {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/sbin', '/sbin')
    .some((folder) => {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function canInstallPackages() {
  return process.getuid() === 0 && hasProgram('apt-get');
}

/** Quiet unless it fails. */
export function aptInstall(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...names]]) {
    const result = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (result.status === 0) continue;
    process.stderr.write(`${result.stdout}${result.stderr}`);
    return false;
  }
  return true;
}
