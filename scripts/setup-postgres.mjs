// The PostgreSQL server that tests start for themselves: `npm run setup -- --postgres`. Debian's
// package would make and start a cluster of the machine's own, which is not wanted here.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { aptInstall, canInstallPackages } from './setup-system.mjs';

const programs = '/usr/lib/postgresql';
/** Read by the package of a server when it is installed (pg_createcluster(1)). */
const clusterSettings = '/etc/postgresql-common/createcluster.conf';

function hasPostgres() {
  const versions = existsSync(programs) ? readdirSync(programs) : [];
  return versions.some((version) => existsSync(`${programs}/${version}/bin/initdb`));
}

/**
 * Installs the server without a cluster; what tells Debian to make none is put back after it.
 * @param {{say: (text: string) => void, fail: (text: string) => never}} io
 */
export function installPostgres({ say, fail }) {
  if (hasPostgres()) return;
  if (!canInstallPackages()) {
    fail('the tests on PostgreSQL need its server. On Debian: sudo apt-get install postgresql');
  }
  say('apt-get install postgresql, without a cluster');
  if (!aptInstall(['postgresql-common'])) fail('postgresql-common could not be installed');
  const before = existsSync(clusterSettings) ? readFileSync(clusterSettings) : undefined;
  writeFileSync(clusterSettings, `${before ?? ''}\ncreate_main_cluster = false\n`);
  const isDone = aptInstall(['postgresql']);
  if (before === undefined) rmSync(clusterSettings);
  else writeFileSync(clusterSettings, before);
  if (!isDone) fail('postgresql could not be installed; its message stands above');
}
