/** `docs/tutorial.md` and `docs/backup.md`, typed as they stand on a machine of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/host/package/package-files.ts';
import { type DocumentBlock, joinBlocks, readShellBlocks } from '../support/document-blocks.ts';
import { requires } from '../support/requires.ts';

const BIN = '/srv/tutorial-bin';
const HOME = '/srv/tutorial-home';
/** Beside /etc and /srv, which are private already: /opt, /var and the network. */
const PREPARE = `
ip link set lo up
for folder in /opt /var/log /var/backups; do mount -t tmpfs -o mode=0755 tutorial $folder; done
`;
/** All that is not in the backup. */
const LOSE = `
slapos node supervisorctl shutdown
while [ -S /srv/slapgrid/sv.sock ]; do sleep 0.1; done
rm -rf /srv/slapgrid /opt/slapgrid /opt/slapos/slap* /etc/opt/slapos
for number in 0 1 2; do userdel slapuser$number; done
userdel slapsoft
ip address flush dev br0 scope global && ip address add fd5a:1e:0:1::1/64 dev br0 nodad
`;
const CLEAN = 'slapos node supervisorctl shutdown; rm -rf /srv/slapgrid';
const TELL = 'slapos service info greeter; stat -c "%n %U %a" /srv/slapgrid/slappart*';
const ANSWER = 'curl --silent --show-error --retry 20 --retry-connrefused --retry-delay 1 "$url"';

function blocksOf(name: string): DocumentBlock[] {
  return readShellBlocks(join(packageRoot(), 'docs', name));
}

/** Up to the first service; backup, loss and return; the rest. */
function writeScript(): string {
  const tutorial = blocksOf('tutorial.md');
  const cut = tutorial.findIndex(({ section }) => section.startsWith('7.'));
  const [save, ...restore] = blocksOf('backup.md');
  if (cut < 0 || save === undefined) throw new Error('the documents have other sections now');
  return [
    'set -euo pipefail',
    joinBlocks(tutorial.slice(0, cut)),
    joinBlocks([save]),
    `before=$(${TELL})\n${LOSE}`,
    joinBlocks(restore),
    `test "$before" = "$(${TELL})"\n${ANSWER} | grep greeter`,
    joinBlocks(tutorial.slice(cut)),
    'echo "== done"',
  ].join('\n');
}

requires('root', 'netns')('tutorial and backup', () => {
  it('work as they stand', () => {
    for (const folder of [BIN, HOME]) mkdirSync(folder);
    const origin = process.env['SLAPOS_PACKAGE'] ?? packageRoot();
    symlinkSync(join(origin, 'bin', 'slapos'), join(BIN, 'slapos'));
    // The Node that SQLite was compiled for, whichever the system has.
    symlinkSync(process.execPath, join(BIN, 'node'));
    const script = `${PREPARE}\n(${writeScript()})\nstatus=$?\n${CLEAN}\nexit $status`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--net', 'bash', '-c', script],
      {
        encoding: 'utf8',
        timeout: 240_000,
        env: { PATH: `${BIN}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME, LANG: 'C.UTF-8' },
      },
    );
    for (const folder of [BIN, HOME]) rmSync(folder, { recursive: true });
    expect(stdout, stderr).toContain('== done');
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  }, 300_000);
});
