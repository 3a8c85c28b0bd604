/** What a partition puts in root's way: links, fifos and second names where root opens files. */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AttackSite } from '../../support/attack-site.ts';
import { requires } from '../../support/requires.ts';
import { until } from '../../support/supervisor-run.ts';

const TALKER = '#!/bin/sh\nwhile :; do echo from-service; /bin/sleep 0.05; done\n';
const TALK = 'slappart0:talk-on-watch';
const SPAWN_ERROR = 50;

requires('root', 'netns')('what a partition plants', () => {
  let site: AttackSite;
  let victim: string;

  beforeEach(async () => {
    site = new AttackSite();
    victim = join(site.site.root, 'victim');
    writeFileSync(victim, 'untouched\n', { mode: 0o644 });
    await site.launch();
    site.addService(0, 'talk', TALKER);
  });
  afterEach(() => site.remove());

  const log = () => site.logOf(0, 'talk');
  const start = () => site.client.call('supervisor.startProcess', TALK);
  const stop = () => site.client.call('supervisor.stopProcess', TALK);
  const isUntouched = () => expect(readFileSync(victim, 'utf8')).toBe('untouched\n');

  /** Things to find where a log should be. */
  const disguises: Record<string, (path: string) => void> = {
    'a link to a file of root': (path) => symlinkSync(victim, path),
    'a link to nothing': (path) => symlinkSync(join(site.site.root, 'none'), path),
    'a second name of a file of root': (path) => linkSync(victim, path),
    'a fifo': (path) => void execFileSync('mkfifo', [path]),
    'a folder': (path) => mkdirSync(path),
    'a file of another user': (path) => {
      writeFileSync(path, '');
      chownSync(path, site.uid(1), site.uid(1));
    },
  };

  it.each(Object.keys(disguises))('as a log: %s: the service is not started', async (name) => {
    await site.pass();
    await stop();
    rmSync(log(), { force: true });
    disguises[name]?.(log());
    await expect(start()).rejects.toMatchObject({ faultCode: SPAWN_ERROR });
    isUntouched();
    expect(lstatSync(join(site.site.root, 'none'), { throwIfNoEntry: false })).toBeUndefined();
    rmSync(log(), { recursive: true });
    expect(await start()).toBe(true);
    await until(() => (readFileSync(log(), 'utf8') === '' ? undefined : true), 'output');
  });

  it.each(Object.keys(disguises))('in place of a running log: %s: never followed', async (name) => {
    await site.pass();
    renameSync(log(), `${log()}.old`);
    disguises[name]?.(log());
    for (const call of ['readProcessStdoutLog', 'tailProcessStdoutLog']) {
      const text = JSON.stringify(
        await site.client.call(`supervisor.${call}`, TALK, 0, 100).catch(String),
      );
      expect(text).not.toContain('untouched');
    }
    await site.client.call('supervisor.clearProcessLogs', TALK).catch(String);
    isUntouched();
    await stop();
  });

  it('does not write a rotated log through a link', async () => {
    site.addService(0, 'talk', '#!/bin/sh\nhead -c 150000 /dev/zero\nexec /bin/sleep 1000\n');
    symlinkSync(victim, `${log()}.1`);
    await site.pass();
    await until(() => (lstatSync(`${log()}.1`).isFile() ? true : undefined), 'rotation', 20_000);
    isUntouched();
  });

  it('does not follow links in folders of services', async () => {
    const foreign = site.site.path('slappart1');
    site.site.write(1, 'etc/service/theirs', TALKER, 0o700);
    rmSync(site.site.path('slappart0/etc/service'), { recursive: true });
    symlinkSync(join(foreign, 'etc/service'), site.site.path('slappart0/etc/service'));
    await site.pass();
    const group = site.site.read('etc', 'supervisord.conf.d', 'slappart1.conf');
    expect(group).toContain('theirs');
    expect(site.site.exists('etc', 'supervisord.conf.d', 'slappart0.conf')).toBe(false);
  });

  it.each(['.timestamp', 'buildout.cfg', '.slapos-retention-lock-delay'])(
    'writes %s beside a link or a fifo, not through it',
    async (name) => {
      const path = site.site.path('slappart0', name);
      symlinkSync(victim, path);
      await site.pass();
      isUntouched();
      rmSync(path, { force: true });
      execFileSync('mkfifo', [path]);
      await site.pass();
      rmSync(path, { force: true });
      expect(await site.pass()).toBe(0);
      expect(lstatSync(path).isFile()).toBe(true);
    },
  );

  it('does not run a command through the eyes of root', async () => {
    // The file is found by root and cannot be run by the partition.
    const hidden = join(site.site.root, 'hidden');
    writeFileSync(hidden, '#!/bin/sh\necho as-root\n', { mode: 0o700 });
    rmSync(site.site.path('slappart0/etc/service/talk'));
    symlinkSync(hidden, site.site.path('slappart0/etc/service/talk'));
    await site.pass();
    const text = await until(() => readFileSync(log(), 'utf8') || undefined, 'the log');
    expect(text).toContain("supervisor: couldn't exec");
    expect(text).not.toContain('as-root');
  });
});
