/** Processes, logs, disks and accounts. */
import { closeSync, constants, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SpawnedProcess, SpawnRequest } from '../../../src/host/native.ts';
import { type LeakCase, plain, type World } from '../leak-case.ts';

const SIGKILL = 9;
/** Nobody's, within the namespace of the tests. */
const UNUSED_UID = 64_123;

const TRUE: SpawnRequest = {
  file: '/bin/true',
  args: ['true'],
  env: ['A=b'],
  cwd: '/',
  umask: 0o22,
  limits: [{ resource: 7, soft: 64, hard: 64 }],
  stdio: ['null', 'null', 'stdout'],
};

async function finish({ exited, stdio }: SpawnedProcess): Promise<void> {
  for (const fd of stdio) if (fd >= 0) closeSync(fd);
  await exited;
}

const spawning = (
  what: string,
  changes: Partial<SpawnRequest>,
  options: Partial<LeakCase> = {},
): LeakCase => ({
  of: 'spawn',
  what,
  share: 0.5,
  ...options,
  prepare: ({ addon }) => {
    const request = { ...TRUE, ...changes };
    return { request, call: async () => finish(await addon.spawn(request)) };
  },
});

const spawns: LeakCase[] = [
  spawning('a program', {}),
  spawning('with pipes', { stdio: ['pipe', 'pipe', 'pipe'] }),
  spawning('with descriptors', { stdio: [0, 1, 2], isNewSession: true, isNoNewPrivs: true }),
  spawning('as a user', { uid: 64_124, gid: 64_124, groups: [1, 2] }, { needs: ['namespace'] }),
  spawning(
    'no program',
    { file: '/no/such', stdio: ['pipe', 'pipe', 'pipe'] },
    { fails: 'ENOENT' },
  ),
  spawning(
    'in no folder',
    { cwd: '/no/such', stdio: ['pipe', 'pipe', 'pipe'] },
    { fails: 'ENOENT' },
  ),
  spawning('without arguments', { args: [] }, { fails: 'TypeError' }),
  spawning('with a bad descriptor', { stdio: ['pipe', 'pipe', 999_999] }, { fails: 'EBADF' }),
  {
    of: 'spawn',
    what: 'and nobody waits',
    share: 0.5,
    prepare: ({ addon }) => ({ call: async () => void (await addon.spawn(TRUE)) }),
  },
  {
    of: 'spawnSignal',
    what: 'to what runs',
    share: 0.25,
    prepare: ({ addon }) => ({
      request: { pid: 999_999_9, signal: 0, isGroup: false },
      call: async () => {
        const child = await addon.spawn({ ...TRUE, file: '/bin/sleep', args: ['sleep', '1000'] });
        addon.spawnSignal({ pid: child.pid, signal: SIGKILL, isGroup: true });
        await finish(child);
      },
    }),
  },
  plain('spawnSignal', 'to what is gone', () => ({ pid: 4_000_000, signal: 9, isGroup: true })),
];

const looks: LeakCase[] = [
  plain('procSample', 'of all', () => ({}), { share: 0.5 }),
  plain('procSample', 'of users', () => ({ uids: [0, UNUSED_UID], procRoot: '/proc' }), {
    share: 0.5,
  }),
  plain('procSample', 'of no /proc', () => ({ procRoot: '/no/such' }), { fails: 'ENOENT' }),
  plain('procEndUser', 'who runs nothing', () => ({ uid: UNUSED_UID, timeoutMs: 1000 }), {
    share: 0.1,
    needs: ['namespace'],
  }),
  plain('procEndUser', 'that are refused', () => ({ uid: 0, timeoutMs: 1000 }), {
    share: 0.5,
    fails: 'EINVAL',
  }),
  plain('ipcRemove', 'of who has none', () => ({ uid: UNUSED_UID })),
  { of: 'capabilities', what: 'told', prepare: ({ addon }) => ({ call: addon.capabilities }) },
  {
    of: 'memoryTrim',
    what: 'done',
    share: 0.1,
    isAlone: true,
    prepare: ({ addon }) => ({ call: addon.memoryTrim }),
  },
];

function plantTree({ folder }: World): string {
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  writeFileSync(join(folder, 'a', 'file'), 'text');
  mkdirSync(join(folder, 'links'));
  symlinkSync(join(folder, 'a'), join(folder, 'links', 'a'));
  symlinkSync('/no/such', join(folder, 'links', 'broken'));
  return folder;
}

const MISSING = { path: '/no/such' };
const disks: LeakCase[] = [
  plain('diskUsage', 'of a tree', (world) => ({ path: plantTree(world) }), { share: 0.25 }),
  plain('diskUsage', 'of nothing', () => MISSING, { share: 0.5, fails: 'ENOENT' }),
  plain(
    'diskLinkedUsage',
    'of links',
    (world) => ({ path: join(plantTree(world), 'links'), apartFrom: '' }),
    { share: 0.25 },
  ),
  plain('diskLinkedUsage', 'of nothing', () => ({ ...MISSING, apartFrom: '/' }), { share: 0.5 }),
  plain('diskQuota', 'of nothing', () => MISSING, { share: 0.5, fails: 'ENOENT' }),
  plain('diskQuota', 'where there are none', () => ({ path: '/proc' }), {
    share: 0.5,
    fails: 'ENOTBLK|ENODEV|ESRCH|ENOSYS|EPERM|EINVAL|ENOTSUP|EOPNOTSUPP',
  }),
  plain('diskSpace', 'of the root', () => ({ path: '/' }), { share: 0.5 }),
  plain('diskSpace', 'of nothing', () => MISSING, { share: 0.5, fails: 'ENOENT' }),
];

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
const limits = { maxBytes: 10, backups: 1 };
const close = (fd: number) => closeSync(fd);
const logs: LeakCase[] = [
  plain(
    'logOpen',
    'a file',
    ({ folder }) => ({ path: join(folder, 'log'), flags: APPEND, mode: 0o644, ownerUid: 0 }),
    { release: close },
  ),
  plain('logOpen', 'nowhere', () => ({ path: '/no/such', flags: constants.O_WRONLY }), {
    fails: 'ENOENT',
  }),
  plain(
    'logOpenMany',
    'one and none',
    ({ folder }) => ({
      flags: APPEND,
      mode: 0o644,
      logs: [join(folder, 'log'), '/no/such/log'].map((path) => ({ path, ownerUid: 0 })),
    }),
    {
      release: (opened: unknown[]) => {
        for (const one of opened) if (typeof one === 'number') close(one);
      },
    },
  ),
  {
    of: 'logRotate',
    what: 'a file that is too large',
    isAlone: true,
    share: 0.5,
    prepare: ({ addon, folder }) => {
      const request = { path: join(folder, 'log'), ...limits };
      const call = async () => {
        writeFileSync(request.path, 'more than ten bytes');
        await addon.logRotate(request);
      };
      return { request, call };
    },
  },
  plain('logRotate', 'nothing', () => ({ path: '/no/such', ...limits }), { fails: 'ENOENT' }),
  {
    of: 'logSweepStart',
    what: 'a second time',
    fails: 'EALREADY',
    prepare: ({ addon }) => {
      startSweep(addon);
      return { request: {}, call: () => addon.logSweepStart(() => {}) };
    },
  },
  sweeping('logSweepWatch', 'and forgotten', ({ addon }, request) => {
    addon.logSweepWatch(request);
    addon.logSweepForget(request);
  }),
  sweeping('logSweepForget', 'what is not watched', ({ addon }, request) =>
    addon.logSweepForget(request),
  ),
];

function startSweep(addon: World['addon']): void {
  try {
    addon.logSweepStart(() => {});
  } catch {
    // Another case has started it.
  }
}

function sweeping(
  of: 'logSweepWatch' | 'logSweepForget',
  what: string,
  act: (world: World, request: { path: string; maxBytes: number; backups: number }) => void,
): LeakCase {
  const prepare = (world: World) => {
    startSweep(world.addon);
    const request = { path: join(world.folder, 'log'), ...limits };
    writeFileSync(request.path, 'short');
    // The thread looks at what it is asked for every 0.6 s.
    return { request, call: () => act(world, request), rest: () => setTimeout(700) };
  };
  return { of, what, isNeverStarved: true, prepare };
}

const NOTHING = {
  addGroups: [],
  addUsers: [],
  changeUsers: [],
  lockUsers: [],
  addMembers: [],
  removeUsers: [],
  removeGroups: [],
};

function plantAccounts({ folder }: World): string {
  writeFileSync(join(folder, 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(folder, 'group'), 'root:x:0:\n');
  writeFileSync(join(folder, 'shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o600 });
  writeFileSync(join(folder, 'gshadow'), 'root:*::\n', { mode: 0o600 });
  return folder;
}

const user = { name: 'u', uid: 7000, gid: 7000, gecos: '', home: '/', shell: '/bin/sh' };
const accounts: LeakCase[] = [
  {
    of: 'accountApply',
    what: 'made and taken away',
    isAlone: true,
    share: 0.1,
    prepare: (world) => {
      const etc = plantAccounts(world);
      const made = {
        ...NOTHING,
        etc,
        addGroups: [{ name: 'u', gid: 7000 }],
        addUsers: [user],
        addMembers: [{ group: 'root', user: 'u' }],
        lockUsers: ['u'],
      };
      const gone = { ...NOTHING, etc, removeUsers: ['u'], removeGroups: ['u'] };
      const call = async () => {
        await world.addon.accountApply(made);
        await world.addon.accountApply(gone);
      };
      return { request: made, call };
    },
  },
  plain('accountApply', 'without files', () => ({ ...NOTHING, etc: '/no/such' }), {
    share: 0.25,
    fails: 'ENOENT',
    isAlone: true,
  }),
  plain(
    'accountApply',
    'with a bad name',
    (world) => ({ ...NOTHING, etc: plantAccounts(world), addGroups: [{ name: 'a:b', gid: 1 }] }),
    { share: 0.25, fails: 'EINVAL', isAlone: true },
  ),
];

export const cases: readonly LeakCase[] = [...spawns, ...looks, ...disks, ...logs, ...accounts];
