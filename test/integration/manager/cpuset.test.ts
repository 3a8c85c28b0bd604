/** The cpuset manager on the kernel's hierarchy, in a set of its own below the one of this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { openOwnedFolder } from '../../../src/host/folder/owned-folder.ts';
import { UserDirectory } from '../../../src/host/user/user-directory.ts';
import { createCpusetManager } from '../../../src/manager/cpuset.ts';
import { parseCpuList } from '../../../src/model/cpu-list.ts';
import { createGridSite, type GridSite, partitionUid } from '../../support/grid-site.ts';
import { requires } from '../../support/requires.ts';
import { slapPartition } from '../../support/slap-partition.ts';

const MOUNT = '/srv/cpuset';

/** A set of ours with all processors and one exclusive set for each, as format makes them. */
function makeHierarchy():
  | { readonly folder: string; readonly cpus: readonly number[] }
  | undefined {
  mkdirSync(MOUNT, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'cgroup', '-o', 'cpuset', 'none', MOUNT]);
  if (mounted.status !== 0 && !existsSync(join(MOUNT, 'cpuset.cpus'))) return undefined;
  const folder = join(MOUNT, `slapos-test-${process.pid}`);
  mkdirSync(folder);
  const copy = (name: string) => {
    writeFileSync(join(folder, name), readFileSync(join(MOUNT, name)));
  };
  copy('cpuset.cpus');
  copy('cpuset.mems');
  const cpus = parseCpuList(readFileSync(join(folder, 'cpuset.cpus'), 'utf8'));
  for (const cpu of cpus) {
    const set = join(folder, `cpu${cpu}`);
    mkdirSync(set);
    writeFileSync(join(set, 'cpuset.cpus'), String(cpu));
    writeFileSync(join(set, 'cpuset.mems'), '0');
  }
  return { folder, cpus };
}

requires('root', 'netns')('cpuset', () => {
  let site: GridSite;
  const children: ChildProcess[] = [];
  const hierarchy = process.env['SLAPOS_TEST_NAMESPACE'] === '1' ? makeHierarchy() : undefined;

  const start = (uid: number, folder: string) => {
    const child = spawn('/bin/sleep', ['1000'], { uid, gid: uid, stdio: 'ignore' });
    children.push(child);
    writeFileSync(join(folder, 'tasks'), String(child.pid));
    return child.pid as number;
  };
  const tasks = (folder: string) =>
    readFileSync(join(folder, 'tasks'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);

  afterEach(async () => {
    const ends = children.map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(ends);
    await site?.remove();
    if (hierarchy === undefined) return;
    for (const name of readdirSync(hierarchy.folder).filter((each) => /^cpu\d+$/.test(each))) {
      rmdirSync(join(hierarchy.folder, name));
    }
    rmdirSync(hierarchy.folder);
  });

  describe.skipIf(hierarchy === undefined || hierarchy.cpus.length < 2)(
    `with two processors of cgroup version 1${hierarchy === undefined ? ' [skipped: not mounted]' : ''}`,
    () => {
      it('gives a processor to a process of a power user, and to nobody else', async () => {
        const { cpus, folder } = hierarchy ?? { cpus: [], folder: '' };
        site = createGridSite({ partitions: 1 });
        const uid = partitionUid(0);
        const [asked, second, foreign] = [start(uid, folder), start(uid, folder), start(0, folder)];
        site.write(0, '.slapos-cpu-exclusive', `${foreign}\n${asked}\n${second}\n4000000\nx\n1\n`);
        const owner = new UserDirectory().identify(uid);
        if (owner === undefined) throw new Error('no user');
        const partition = {
          id: 'slappart0',
          wish: slapPartition(),
          folder: openOwnedFolder(site.path('slappart0')),
          owner,
          log: site.log,
        };
        const run = (powerUsers: readonly string[]) => {
          const settings = { names: [], powerUsers, allowedDisks: undefined };
          const places = { folder, processors: '/nonexistent', proc: '/proc' };
          const manager = createCpusetManager({ files: createHostFiles(), settings }, places);
          return manager.instance?.(site.context(), partition);
        };
        await run(['somebody']);
        expect(site.log.lines).toEqual([
          'WARNING siteuser0 is not in power_user_list: it gets no processor of its own.',
        ]);
        expect(tasks(folder)).toHaveLength(3);
        await run([owner.name]);
        const [first, ...others] = cpus.map((cpu) => tasks(join(folder, `cpu${cpu}`)));
        expect(tasks(folder)).toEqual([]);
        const wanted = [asked, second].slice(0, others.length);
        expect(others.slice(0, wanted.length)).toEqual(wanted.map((pid) => [pid]));
        expect(first).toContain(foreign);
        const left = [asked, second].slice(others.length);
        expect(site.read('slappart0', '.slapos-cpu-exclusive')).toBe(
          left.map((pid) => `${pid}\n`).join(''),
        );
        expect(site.log.lines).toContain(
          `WARNING Process ${foreign} is not of siteuser0: it gets no processor of its own.`,
        );
        await run([owner.name]);
        expect(cpus.map((cpu) => tasks(join(folder, `cpu${cpu}`)))).toEqual([first, ...others]);
      });
    },
  );
});
