import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostError } from '../../../src/errors/slapos-error.ts';
import { type BeneathFiles, createBeneathFiles } from '../../../src/host/file.ts';
import { createHostFiles } from '../../../src/host/folder/host-files.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { type PruneHost, runPrune } from '../../../src/prune/run-prune.ts';
import { recordingLogger } from '../../support/grid-site.ts';
import { runSlapos } from '../../support/run-slapos.ts';

const hash = (number: number) => number.toString(16).padStart(32, '0');
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slapos-prune-'));
  for (const name of ['sr', 'ir', 'shared']) mkdirSync(join(root, name));
  configure();
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function file(path: string, text: string | Buffer): string {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  return join(root, path);
}

function configure(more = '', shared = `shared_part_list =\n  /nowhere\n  ${root}/shared\n`): void {
  file(
    'slapos.cfg',
    `[slapos]\nroot_check = false\nsoftware_root = ${root}/sr\ninstance_root = ${root}/ir\n${shared}${more}`,
  );
}

const addPart = (name: string, number: number, signature = '{}') =>
  file(`shared/${name}/${hash(number)}/.buildout-shared.json`, signature);
const hasPart = (name: string, number: number) =>
  existsSync(join(root, 'shared', name, hash(number)));
const prune = (...words: string[]) =>
  runSlapos(['node', 'prune', '--cfg', join(root, 'slapos.cfg'), ...words]);

describe('node prune', () => {
  test('keeps what an .installed.cfg, a script or a remaining part names', async () => {
    addPart('a', 1, `built with ${hash(4)}`);
    addPart('b', 2);
    addPart('c', 3, `built with ${hash(5)}`);
    addPart('d', 4);
    addPart('e', 5);
    file('sr/soft/.installed.cfg', `path = ${root}/shared/a/${hash(1)}/lib`);
    file('sr/soft/bin/run', `#!${root}/shared/b/${hash(2)}/bin/python`);
    const { status, stderr } = await prune();
    expect(status).toBe(0);
    expect(stderr).toContain(`WARNING Pruning shared directories at ${root}/shared`);
    expect(stderr).toContain(`Unused shared parts at ${root}/shared/c/${hash(3)} ... removed`);
    const left = [1, 2, 3, 4, 5].filter((n) => hasPart('abcde'[n - 1] ?? '', n));
    expect(left).toEqual([1, 2, 4]);
    const again = await prune();
    expect(again.stderr).not.toContain('Unused');
  });

  test('deletes nothing in a dry run, and tells the same', async () => {
    addPart('a', 1, `built with ${hash(2)}`);
    addPart('b', 2);
    const { stderr } = await prune('--dry-run');
    expect(stderr.match(/Unused shared parts at .*[0-9a-f]{32}$/gm)).toHaveLength(2);
    expect(hasPart('a', 1) && hasPart('b', 2)).toBe(true);
  });

  test('deletes read-only folders and ignores programs that are no text', async () => {
    addPart('a', 1);
    chmodSync(join(root, 'shared', 'a', hash(1)), 0o500);
    addPart('b', 2);
    file('sr/soft/bin/elf', Buffer.concat([Buffer.from(hash(2)), Buffer.from([0xff, 0xfe])]));
    await prune();
    expect(hasPart('a', 1) || hasPart('b', 2)).toBe(false);
  });

  test('looks at additional folders, and says which is missing', async () => {
    addPart('a', 1);
    file('more/soft/.installed.cfg', hash(1));
    const options = ['more', 'nope'].flatMap((name) => [
      '--additional-software-directory',
      join(root, name),
    ]);
    const { stderr, status } = await prune(...options);
    expect(stderr).toContain(`Additional software directory does not exist: ${root}/nope`);
    expect(status).toBe(0);
    expect(hasPart('a', 1)).toBe(true);
  });

  test('looks at nodes inside partitions, however deep', async () => {
    addPart('a', 1);
    addPart('b', 2);
    const inner = `${root}/ir/slappart0/srv/runner`;
    const deeper = `${inner}/instance/slappart1`;
    for (const at of [inner, deeper]) {
      file(
        `${at.slice(root.length + 1)}/slapos.cfg`,
        `[slapos]\nsoftware_root = ${at}/software\ninstance_root = ${at}/instance\n`,
      );
      mkdirSync(`${at}/instance`, { recursive: true });
    }
    file(`${inner.slice(root.length + 1)}/software/x/.installed.cfg`, hash(1));
    file(`${deeper.slice(root.length + 1)}/software/x/.installed.cfg`, hash(2));
    file('ir/slappart2/slapos.cfg', 'this is [no configuration');
    await prune();
    expect(hasPart('a', 1) && hasPart('b', 2)).toBe(true);
  });

  test('is not led astray by links and devices of a partition', async () => {
    addPart('a', 1);
    const home = 'ir/slappart0';
    file(
      `${home}/slapos.cfg`,
      `[slapos]\nsoftware_root = ${root}/${home}/software\ninstance_root = ${root}/ir\n`,
    );
    mkdirSync(join(root, home, 'software', 'x'), { recursive: true });
    file('secret', hash(1));
    symlinkSync(join(root, 'secret'), join(root, home, 'software', 'x', '.installed.cfg'));
    symlinkSync('/', join(root, home, 'everything'));
    symlinkSync('/dev', join(root, home, 'software', 'x', 'bin'));
    expect((await prune()).status).toBe(0);
    expect(hasPart('a', 1)).toBe(false);
  });
});

/** A nested node of slappart0, with this text in front of its keys. */
function nest(more = '', home = `${root}/ir/slappart0`): void {
  mkdirSync(`${home}/software/x`, { recursive: true });
  const text = `[slapos]\n${more}software_root = ${home}/software\ninstance_root = ${home}\n`;
  file(`${home.slice(root.length + 1)}/slapos.cfg`, text);
}

describe('node prune', () => {
  test('ignores folders, links to nothing and fifos among the scripts, where upstream crashes', async () => {
    addPart('a', 1);
    addPart('b', 2);
    mkdirSync(join(root, 'sr/soft/bin/folder'), { recursive: true });
    symlinkSync('/nowhere', join(root, 'sr/soft/bin/dangling'));
    execFileSync('mkfifo', [join(root, 'sr/soft/bin/fifo')]);
    file('sr/soft/bin/z', hash(1));
    expect((await prune()).status).toBe(0);
    expect([hasPart('a', 1), hasPart('b', 2)]).toEqual([true, false]);
  });

  test('looks into a release that the software root only links to', async () => {
    addPart('a', 1);
    addPart('b', 2);
    file('disk/release/.installed.cfg', hash(1));
    file('disk/release/bin/run', hash(2));
    symlinkSync(join(root, 'disk/release'), join(root, 'sr/linked'));
    symlinkSync('/nowhere', join(root, 'sr/dangling'));
    await prune();
    expect(hasPart('a', 1) && hasPart('b', 2)).toBe(true);
  });

  test('is stopped by no substitution without end in the file of a partition', async () => {
    addPart('a', 1);
    const bomb = (name: string, next: string) => `${name} = ${`%(${next})s`.repeat(5000)}\n`;
    nest(`${bomb('a', 'b')}${bomb('b', 'c')}${bomb('c', 'd')}${bomb('d', 'e')}e =\n`);
    const home = `${root}/ir/slappart1`;
    nest('', home);
    file(
      'ir/slappart1/slapos.cfg',
      `[slapos]\nx = ${'x'.repeat(10_000)}\nsoftware_root = ${'%(x)s'.repeat(9000)}\ninstance_root = /\n`,
    );
    expect((await prune()).status).toBe(0);
    expect(hasPart('a', 1)).toBe(false);
  });

  test('goes on where a partition names a folder whose real path is too long', async () => {
    addPart('a', 1);
    nest();
    const home = join(root, 'ir/slappart0');
    const names = Array.from({ length: 12 }, () => 'x'.repeat(200));
    // Two links, each of a path that can be used: together they lead beyond PATH_MAX.
    for (const link of ['one', 'one/two']) {
      const target = names.join('/');
      mkdirSync(join(home, dirname(link), target), { recursive: true });
      symlinkSync(target, join(home, link));
    }
    mkdirSync(join(home, 'one/two/last'));
    const text = `software_root = ${home}/software\ninstance_root = ${home}/one/two/last\n`;
    file('ir/slappart0/slapos.cfg', `[slapos]\n${text}`);
    const { status, stderr } = await prune();
    renameSync(join(home, 'one', names[0] ?? ''), join(home, 'inner'));
    expect([status, stderr]).toEqual([0, expect.stringMatching(/Ignoring the node.*ENAMETOOLONG/)]);
    expect(hasPart('a', 1)).toBe(false);
  });

  test.each([
    ['list', 'software'],
    ['list', 'slappart0'],
    ['read', 'slapos.cfg'],
    ['read', '.installed.cfg'],
  ] as const)(
    'deletes nothing where the machine cannot %s %s of a nested node',
    async (call, name) => {
      addPart('a', 1);
      nest();
      file('ir/slappart0/software/x/.installed.cfg', hash(1));
      const beneath = createBeneathFiles();
      const context = { code: 'EMFILE' };
      const refused = new HostError('SLAPOS_ERR_FILE', 'Too many files.', {}, { context });
      const fails = (at: string, path: string) => join(at, path).endsWith(`/${name}`);
      const failing = {
        ...beneath,
        [call]: (at: string, path: string) =>
          fails(at, path) ? Promise.reject(refused) : beneath[call](at, path),
      };
      const run = runPrune({ ...input(), host: { ...host, beneath: failing } });
      await expect(run).rejects.toBe(refused);
      expect(hasPart('a', 1)).toBe(true);
    },
  );

  test('looks into a nested node whose software root is a link', async () => {
    addPart('a', 1);
    nest();
    file('ir/slappart0/disk/x/.installed.cfg', hash(1));
    const link = join(root, 'ir/slappart0/software');
    rmSync(link, { recursive: true });
    symlinkSync(join(root, 'ir/slappart0/disk'), link);
    expect((await prune()).status).toBe(0);
    expect(hasPart('a', 1)).toBe(true);
  });

  test('reads a folder once however many files name it', async () => {
    addPart('a', 1);
    nest();
    file('ir/slappart0/software/x/.installed.cfg', hash(1));
    for (let n = 0; n < 50; n += 1) {
      copyFileSync(join(root, 'ir/slappart0/slapos.cfg'), file(`ir/slappart0/${n}/slapos.cfg`, ''));
    }
    const beneath = createBeneathFiles();
    let reads = 0;
    const read: BeneathFiles['read'] = (at, path, limit) => {
      if (path.endsWith('.installed.cfg')) reads += 1;
      return beneath.read(at, path, limit);
    };
    expect(await runPrune({ ...input(), host: { ...host, beneath: { ...beneath, read } } })).toBe(
      true,
    );
    expect(reads).toBe(1);
    expect(hasPart('a', 1)).toBe(true);
  });

  test('goes on when a part cannot be removed, and says so at the end', async () => {
    for (const number of [1, 2, 3]) addPart('a', number);
    const beneath = createBeneathFiles();
    const remove: BeneathFiles['remove'] = (at, path) =>
      path.endsWith('2') ? Promise.reject(new Error('immutable')) : beneath.remove(at, path);
    const log = recordingLogger();
    const hostile = { ...input(), log, host: { ...host, beneath: { ...beneath, remove } } };
    expect(await runPrune(hostile)).toBe(false);
    expect([1, 2, 3].filter((number) => hasPart('a', number))).toEqual([2]);
    expect(log.lines).toContainEqual(expect.stringMatching(/ERROR .*2 could not be removed: imm/));
  });
});

const host: PruneHost = {
  beneath: createBeneathFiles(),
  realpath: (path) => realpath(path).catch(() => undefined),
  stat: (path) => createHostFiles().statTarget(path),
};

const input = () => ({
  host,
  log: silentLogger,
  signal: new AbortController().signal,
  sharedRoot: join(root, 'shared'),
  softwareRoot: join(root, 'sr'),
  instanceRoot: join(root, 'ir'),
  additionalSoftware: [],
  isDryRun: false,
});

describe('node prune refuses', () => {
  test('without shared parts', async () => {
    configure('', '');
    const { status, stderr } = await prune();
    expect(status).toBe(255);
    expect(stderr).toContain('ERROR No shared_part_list options in slapos config');
    file('slapos.cfg', '[slapos]\n');
    const words = ['node', 'prune', '--cfg', join(root, 'slapos.cfg')];
    expect((await runSlapos(words, { uid: 1000 })).status).toBe(255);
    file('slapos.cfg', '[slapos]\nshared_part_list = /x\n');
    expect((await runSlapos(words, { uid: 1000 })).status).toBe(5);
  });

  test('while the pid file of node software is there, even a stale one', async () => {
    addPart('a', 1);
    file('sr.pid', '999999999');
    configure(`pidfile_software = ${root}/sr.pid\n`);
    const { status, stderr } = await prune();
    expect(status).toBe(255);
    expect(stderr).toContain('ERROR Cannot prune while software is running');
    expect(hasPart('a', 1)).toBe(true);
    expect((await prune('--dry-run')).status).toBe(0);
    expect((await prune()).status).toBe(0);
    expect(existsSync(join(root, 'sr.pid'))).toBe(false);
  });

  test('without a software root, where everything would look unused', async () => {
    addPart('a', 1);
    rmSync(join(root, 'sr'), { recursive: true });
    const { status, stderr } = await prune();
    expect(status).toBe(1);
    expect(stderr).toContain('(software_root) does not exist');
    expect(hasPart('a', 1)).toBe(true);
  });

  test('when it cannot know what a software uses', async () => {
    addPart('a', 1);
    mkdirSync(join(root, 'sr', 'soft', '.installed.cfg'), { recursive: true });
    expect((await prune()).status).toBe(1);
    expect(hasPart('a', 1)).toBe(true);
  });
});
