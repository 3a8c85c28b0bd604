/** A partition whose user only a name service knows (nsswitch.conf(5)), by the real command line. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { partitionUid } from '../../support/grid-site.ts';
import { InstanceNode } from '../../support/instance-node.ts';
import { requires } from '../../support/requires.ts';

const RELEASE = 'https://host/release.cfg';
const DATABASE = '/var/lib/extrausers';
const isThere =
  existsSync(DATABASE) &&
  execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).includes('libnss_extrausers.so.2');
const FILES = ['passwd', 'group', 'nsswitch.conf'];

describe.skipIf(!isThere)(
  `extrausers${isThere ? '' : ' (skipped: no libnss-extrausers here)'}`,
  () => {
    requires('root', 'netns')('node instance', () => {
      let node: InstanceNode;

      beforeEach(async () => {
        for (const file of FILES) copyFileSync(`/etc/${file}`, `/etc/${file}.before`);
        spawnSync('mount', ['-t', 'tmpfs', 'extrausers', DATABASE]);
        node = new InstanceNode({ partitions: 1, releases: [RELEASE] });
        await node.open();
        for (const file of ['passwd', 'group']) {
          const lines = readFileSync(`/etc/${file}`, 'utf8').split('\n');
          const isMoved = (line: string) => line.startsWith('siteuser0:');
          writeFileSync(`${DATABASE}/${file}`, `${lines.filter(isMoved).join('\n')}\n`);
          writeFileSync(`/etc/${file}`, lines.filter((line) => !isMoved(line)).join('\n'));
        }
        writeFileSync(`${DATABASE}/group`, 'siteteam:x:79001:siteuser0\n', { flag: 'a' });
        const settings = readFileSync('/etc/nsswitch.conf', 'utf8');
        const source = (name: string) => `${name}: files extrausers`;
        writeFileSync(
          '/etc/nsswitch.conf',
          settings.replace(/^passwd:.*/m, source('passwd')).replace(/^group:.*/m, source('group')),
        );
      });
      afterEach(async () => {
        await node.close();
        spawnSync('umount', [DATABASE]);
        for (const file of FILES) copyFileSync(`/etc/${file}.before`, `/etc/${file}`);
      });

      it('builds and runs as that user, with its home, name and groups', async () => {
        const plan = 'id -u > ran-as; id -G >> ran-as\n';
        node.plan('slappart0', { script: plan });
        node.master.wishes.set('slappart0', { state: 'started', release: RELEASE, timestamp: '1' });
        const { status, stderr } = await node.run(['instance']);
        expect([status, /WARNING.*/.exec(stderr)?.[0]]).toEqual([0, undefined]);
        const uid = partitionUid(0);
        const [ranAs, groups] = node.site.read('slappart0/ran-as').split('\n');
        expect([ranAs, groups?.split(' ').sort()]).toEqual([
          String(uid),
          [...new Set([String(uid), '70000', '79001'])].sort(),
        ]);
        expect(node.site.read('etc/supervisord.conf.d/slappart0.conf')).toContain(
          'environment=USER="siteuser0",LOGNAME="siteuser0",HOME="/srv"',
        );
        const [[, pid] = ['', 0]] = await node.running();
        const facts = readFileSync(`/proc/${pid}/status`, 'utf8');
        expect(/^Uid:\s+(\d+)/m.exec(facts)?.[1]).toBe(String(uid));
        expect(/^Groups:\s+(.*?)\s*$/m.exec(facts)?.[1]?.split(' ').sort()).toEqual(
          groups?.split(' ').sort(),
        );
      }, 30_000);
    });
  },
);
