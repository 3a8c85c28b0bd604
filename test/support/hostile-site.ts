/**
 * A node whose partitions each plant one kind of thing where root reads or writes, and what must not
 * change: files outside of the partitions, and what partitions can see.
 */
import { execFileSync } from 'node:child_process';
import {
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { GridContext } from '../../src/grid/context.ts';
import type { GridHost, OwnedFolder } from '../../src/host/grid-host.ts';
import { createGridSite, partitionUid } from './grid-site.ts';

/** What only root may read; it must not appear where a partition can see it. */
const SECRET = 'the-secret-of-root';
export const CONSUMPTION = `<consumption><movement><resource>${SECRET}</resource><quantity>1</quantity><price>0</price><VAT/></movement></consumption>`;

/** What stands outside of the partitions for the planted links to lead to. */
export class Outside {
  readonly folder: string;
  readonly victim: string;
  readonly secret: string;
  /** The same once more for second names: files of several names are refused also behind links. */
  readonly namedVictim: string;
  readonly namedSecret: string;
  readonly #before: string;

  constructor(root: string) {
    this.folder = join(root, 'outside');
    this.victim = join(this.folder, 'victim');
    this.secret = join(this.folder, 'secret');
    this.namedVictim = join(this.folder, 'named-victim');
    this.namedSecret = join(this.folder, 'named-secret');
    mkdirSync(join(this.folder, 'log'), { recursive: true });
    // What would be read as a report, a list of services or a number is marked all the same.
    for (const path of [this.victim, this.namedVictim]) {
      writeFileSync(path, 'untouched\n', { mode: 0o644 });
    }
    for (const path of [this.secret, this.namedSecret]) {
      writeFileSync(path, CONSUMPTION, { mode: 0o600 });
    }
    writeFileSync(join(this.folder, 'service'), `#!/bin/sh\necho ${SECRET}\n`, { mode: 0o700 });
    this.#before = this.#look();
  }

  /** Empty when nothing changed, else how it looks now. */
  get changes(): string {
    const now = this.#look();
    return now === this.#before ? '' : now;
  }

  #look(): string {
    const names = readdirSync(this.folder, { recursive: true, encoding: 'utf8' }).sort();
    return ['.', ...names].map((name) => this.#describe(name)).join('\n');
  }

  #describe(name: string): string {
    const path = join(this.folder, name);
    const { gid, mode, mtimeMs, uid } = lstatSync(path);
    const text = lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '';
    return `${name} ${mode.toString(8)} ${uid}:${gid} ${mtimeMs} ${text}`;
  }
}

/** Things that a partition may put at a path, by what they are. */
export const DISGUISES: Readonly<
  Record<string, (path: string, outside: Outside, neighbour: string) => void>
> = {
  'a link to a file of root': (path, { victim }) => symlinkSync(victim, path),
  'a link to a secret': (path, { secret }) => symlinkSync(secret, path),
  'a link to a folder of root': (path, { folder }) => symlinkSync(folder, path),
  'a link to nothing': (path, { folder }) => symlinkSync(join(folder, 'none'), path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a folder': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
  },
  'a fifo': (path) => void execFileSync('mkfifo', [path]),
  'a socket': (path) =>
    void execFileSync('/usr/bin/python3', [
      '-c',
      'import os,socket,sys; os.chdir(os.path.dirname(sys.argv[1])); socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))',
      path,
    ]),
  'a hole of a terabyte': (path) => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
  },
  'a second name of a file of root': (path, { namedVictim }) => linkSync(namedVictim, path),
  'a second name of a secret': (path, { namedSecret }) => linkSync(namedSecret, path),
  'a second name of a neighbour’s file': (path, _outside, neighbour) => linkSync(neighbour, path),
};

/** Names that somebody may hope to be taken for something else. */
export const NAMES: readonly Buffer[] = [
  Buffer.from('a\nb: ERROR faked'),
  Buffer.from('\x1b]0;owned\x07\x1b[2J\x9b5n'),
  Buffer.from('x'.repeat(255)),
  Buffer.from([0x61, 0xff, 0xfe, 0x62]),
  Buffer.from('%(ENV_PATH)s;[program:x]'),
  Buffer.from('"quoted" \'name\' `id` $(id)'),
  Buffer.from('-rf'),
  Buffer.from('__proto__'),
  Buffer.from('null'),
  Buffer.from('\u202egpj.exe'),
];

/** Puts something else where `path` is, which then belongs to the partition. */
export function plant(
  path: string,
  put: (path: string) => void,
  owner: { readonly uid: number },
): void {
  makeFolder(dirname(path), owner);
  rmSync(path, { recursive: true, force: true });
  put(path);
  // A second name would give the file itself away.
  if (lstatSync(path).nlink === 1 || lstatSync(path).isDirectory()) {
    lchownSync(path, owner.uid, owner.uid);
  }
}

function makeFolder(path: string, owner: { readonly uid: number }): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  makeFolder(dirname(path), owner);
  mkdirSync(path);
  lchownSync(path, owner.uid, owner.uid);
}

/** The host, telling which paths below which folders root uses. */
export function recordingHost(host: GridHost, used: Map<string, Set<string>>): GridHost {
  const openFolder: GridHost['openFolder'] = (root, beneath) => {
    const folder = host.openFolder(root, beneath);
    const paths = used.get(folder.path) ?? new Set<string>();
    used.set(folder.path, paths);
    return new Proxy(folder, {
      get: (target, method: keyof OwnedFolder) => {
        const value: unknown = target[method];
        if (typeof value !== 'function') return value;
        return (...given: readonly unknown[]) => {
          const [first] = given;
          const list = Array.isArray(first) ? first : [first];
          for (const path of list) if (typeof path === 'string' && path !== '') paths.add(path);
          return Reflect.apply(value, target, given);
        };
      },
    });
  };
  return { ...host, openFolder };
}

/** The buildout of a partition may wait for ever at a fifo of its own. */
const LIMITS = 'report_timeout = 20\npartition_timeout = 1\n';

/** A node of `count` partitions beside what must not change. */
export function createHostileSite(count: number) {
  const site = createGridSite({ partitions: count, settings: LIMITS });
  site.installSoftware();
  const outside = new Outside(site.root);
  const used = new Map<string, Set<string>>();
  const context = (cli: Record<string, string | number | boolean> = {}): GridContext => {
    const plain = site.context(cli);
    return { ...plain, host: recordingHost(plain.host, used) };
  };
  return {
    site,
    outside,
    context,
    /** Paths in partitions that root used, `N` for the number of the partition. */
    usedPaths: () =>
      [...used]
        .filter(([folder]) => dirname(folder) === site.instanceRoot)
        .flatMap(([folder, paths]) => {
          const number = /\d+$/.exec(folder)?.[0] ?? '';
          return [...paths].map((path) => path.replaceAll(`slappart${number}`, 'slappartN'));
        }),
    /** Files of partitions that hold what only root may read. */
    leaks: () =>
      Array.from({ length: count }, (_, index) => site.path(`slappart${index}`))
        .flatMap((folder) => listFiles(folder, outside))
        .filter((path) => readFileSync(path, 'utf8').includes(SECRET)),
    owner: (index: number) => ({ uid: partitionUid(index) }),
  };
}

/** Plain files of a tree that are no second names of what stands outside. */
function listFiles(folder: string, outside: Outside): readonly string[] {
  const known = new Set(
    [outside.namedVictim, outside.namedSecret].map((path) => lstatSync(path).ino),
  );
  const list = (path: string): readonly string[] => {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory()) return readdirSync(path).flatMap((name) => list(join(path, name)));
    const isPlain = status?.isFile() === true && status.size < 2 ** 30 && !known.has(status.ino);
    return isPlain ? [path] : [];
  };
  return list(folder);
}
