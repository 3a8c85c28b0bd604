/** `docs/tutorial.md`, typed as it stands on a machine of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../src/host/native.ts';
import { joinBlocks, readShellBlocks } from '../support/document-blocks.ts';
import { requires } from '../support/requires.ts';

const BIN = '/srv/tutorial-bin';
/** The namespace has its own /etc and /srv; /opt and /var of the host are not to be touched either. */
const PREPARE =
  'for folder in /opt /var/log; do mount -t tmpfs -o mode=0755 tutorial $folder; done';
/** Services and supervisor outlive the script, as they should. */
const CLEAN = `
slapos node supervisorctl shutdown || true
ip link del br0 || true
rm -rf /srv/slapgrid /etc/opt/slapos /etc/cron.d/slapos
`;

requires('root', 'netns')('the tutorial', () => {
  it('works as it stands', () => {
    mkdirSync(BIN);
    const origin = process.env['SLAPOS_PACKAGE'] ?? packageRoot();
    symlinkSync(join(origin, 'bin', 'slapos'), join(BIN, 'slapos'));
    const script = joinBlocks(readShellBlocks(join(packageRoot(), 'docs', 'tutorial.md')));
    const whole = `${PREPARE}\n(${script})\nstatus=$?\n${CLEAN}\nexit $status`;
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'bash', '-c', whole], {
      encoding: 'utf8',
      env: { PATH: `${BIN}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: '/root', LANG: 'C.UTF-8' },
    });
    rmSync(BIN, { recursive: true });
    expect(stdout, stderr).toContain('== done');
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  }, 300_000);
});
