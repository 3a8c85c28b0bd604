/** Devices, addresses, sockets, the channel of the keeper and the BPF reader. */
import { closeSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { nativeFile } from '../../../src/host/package/package-files.ts';
import { type BpfAddon, type LeakCase, plain, type World } from '../leak-case.ts';

const TAP = { name: 'leaktap0', mode: 'tap', ownerUid: 1 } as const;
const ROOT: Pick<LeakCase, 'needs' | 'isAlone' | 'share'> = {
  needs: ['namespace'],
  isAlone: true,
  share: 0.1,
};

const devices: LeakCase[] = [
  plain('netlinkDump', 'of all', () => ({ links: true, addresses: true, routes: true }), {
    share: 0.5,
  }),
  plain('netlinkApply', 'what fails', () => ({
    operations: [
      { op: 'linkSet', dev: 'no-such', isUp: true, mac: '02:00:00:00:00:01' },
      { op: 'addrAdd', dev: 'no-such', address: '2001:db8::1', prefixLength: 64, label: 'x' },
      { op: 'routeAdd', dev: 'no-such', family: 6, destination: '2001:db8::', prefixLength: 64 },
    ],
  })),
  plain(
    'netlinkApply',
    'what is unknown',
    () => ({ operations: [{ op: 'linkDel', dev: 'a' }, { op: 'no-such' }] }),
    { fails: 'TypeError' },
  ),
  plain(
    'netlinkApply',
    'a bridge with addresses and routes, and none',
    () => {
      const dev = 'leakbr0';
      const address = { dev, address: '2001:db8:1::1', prefixLength: 64 };
      const route = { dev, family: 6, destination: '2001:db8:2::', prefixLength: 64 };
      return {
        operations: [
          { op: 'linkAdd', dev, kind: 'bridge' },
          { op: 'linkSet', dev, isUp: true },
          { op: 'addrAdd', ...address, isNodad: true },
          { op: 'routeAdd', ...route },
          { op: 'routeDel', ...route },
          { op: 'addrDel', ...address },
          { op: 'linkDel', dev },
        ],
      };
    },
    ROOT,
  ),
  plain('netlinkAwaitAddress', 'in vain', () => ({ devices: ['no-such'], timeoutMs: 1 }), {
    share: 0.5,
  }),
  plain(
    'netlinkAwaitDad',
    'of what is missing',
    () => ({ addresses: [{ dev: 'lo', address: '2001:db8::9' }], timeoutMs: 1 }),
    { share: 0.5 },
  ),
  plain(
    'netlinkAwaitNeighbours',
    'on no device',
    () => ({ dev: 'no-such', addresses: ['2001:db8::9'], timeoutMs: 1 }),
    { share: 0.5, fails: 'ENODEV' },
  ),
  plain(
    'netlinkAwaitNeighbours',
    'that do not answer',
    () => ({ dev: 'lo', addresses: ['127.0.0.77'], timeoutMs: 1 }),
    ROOT,
  ),
  {
    of: 'tuntapCreate',
    what: 'and deleted',
    ...ROOT,
    needs: ['namespace', 'tun'],
    prepare: ({ addon }) => ({
      call: async () => {
        await addon.tuntapCreate({ devices: [TAP] });
        await addon.tuntapDelete({ devices: [TAP] });
      },
    }),
  },
  plain('tuntapCreate', 'with a name that is none', () => ({
    devices: [{ ...TAP, name: 'much-too-long-for-a-device' }],
  })),
  plain('tuntapDelete', 'with a name that is none', () => ({
    devices: [{ name: 'much-too-long-for-a-device', mode: 'tun' }],
  })),
];

/** Two ends of a connection over a unix socket, and the descriptor of the one that was accepted. */
export async function connectPair(path: string) {
  const server: Server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = createConnection(path);
  const far = await accepted;
  near.on('error', () => {});
  far.on('error', () => {});
  const close = async () => {
    near.destroy();
    far.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { near, far, fd: descriptorOf(far), close };
}

function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

let sockets = 0;
export const socketPath = ({ folder }: World) => join(folder, `socket${sockets++}`);

const channels: LeakCase[] = [
  {
    of: 'keeperConnect',
    what: 'until the other end is gone',
    isNeverStarved: true,
    // Its sockets are Node's, whose caches come and go.
    bytesPerCall: 200,
    isAlone: true,
    share: 0.25,
    prepare: (world) => ({
      request: { fd: 999_999 },
      call: async () => {
        const pair = await connectPair(socketPath(world));
        const fd = world.addon.fdDuplicate({ fd: pair.fd });
        const ended = new Promise<void>((resolve) => {
          const hear = (data: Uint8Array | null, fds: readonly number[]) => {
            for (const one of fds) closeSync(one);
            if (data === null) resolve();
          };
          world.addon.keeperConnect({ fd }, hear);
        });
        pair.near.write('a packet');
        world.addon.keeperSend({ data: Buffer.from('answer'), fds: [0, 1] });
        // Nobody reads: what is sent waits, and is dropped with the connection.
        for (let index = 0; index < 20; index += 1) {
          world.addon.keeperSend({ data: Buffer.alloc(60_000), fds: [2] });
        }
        await pair.close();
        await ended;
      },
    }),
  },
  {
    of: 'keeperConnect',
    what: 'to no descriptor',
    fails: 'EBADF',
    prepare: ({ addon }) => ({ call: () => addon.keeperConnect({ fd: 999_999 }, () => {}) }),
  },
  {
    of: 'keeperSend',
    what: 'to nobody',
    fails: 'ENOTCONN',
    prepare: ({ addon }) => {
      const request = { data: Buffer.from('text'), fds: [] };
      return { request, call: () => addon.keeperSend(request) };
    },
  },
  plain('fdDuplicate', 'of one', () => ({ fd: 0 }), { release: (fd: number) => closeSync(fd) }),
  plain('fdDuplicate', 'of none', () => ({ fd: 999_999 }), { fails: 'EBADF' }),
  ...[true, false].map((isKeptOpen) =>
    plain('pipeOpen', isKeptOpen ? 'kept open' : 'usual', () => ({ isKeptOpen }), {
      release: ({ readFd, writeFd }: { readFd: number; writeFd: number }) => {
        closeSync(readFd);
        closeSync(writeFd);
      },
    }),
  ),
];

const peers: LeakCase[] = [
  {
    of: 'peerCredentials',
    what: 'of a peer',
    prepare: async (world) => {
      const { close, fd } = await connectPair(socketPath(world));
      return { request: { fd }, call: () => world.addon.peerCredentials({ fd }), end: close };
    },
  },
  plain('peerCredentials', 'of no socket', () => ({ fd: 0 }), { fails: 'ENOTSOCK' }),
  {
    of: 'tcpPeerUid',
    what: 'of a peer',
    prepare: async ({ addon }) => {
      const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
      const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
      await new Promise((resolve) => server.once('listening', resolve));
      const near = createConnection((server.address() as { port: number }).port, '127.0.0.1');
      const far = await accepted;
      const fd = descriptorOf(far);
      const end = async () => {
        near.destroy();
        far.destroy();
        await new Promise((resolve) => server.close(resolve));
      };
      return { request: { fd }, call: () => addon.tcpPeerUid({ fd }), end };
    },
  },
  plain('tcpPeerUid', 'of no socket', () => ({ fd: 0 }), { fails: 'ENOTSOCK|ENOTCONN' }),
  plain('datagramSend', 'to nobody', () => ({ path: '/no/such', messages: ['a', 'b'] }), {
    fails: 'ENOENT',
  }),
  {
    of: 'datagramSend',
    what: 'to who takes none',
    fails: 'EPROTOTYPE',
    prepare: ({ addon, folder }) => {
      const path = join(folder, 'stream');
      const fd = addon.socketListen({ path, mode: 0o600, backlog: 1 });
      const call = () => addon.datagramSend({ path, messages: ['text', 'more'] });
      return { call, end: () => closeSync(fd) };
    },
  },
  {
    of: 'socketListen',
    what: 'at a path',
    isAlone: true,
    prepare: ({ addon, folder }) => {
      const request = { path: join(folder, 'socket'), mode: 0o600, backlog: 5 };
      const call = () => {
        closeSync(addon.socketListen(request));
        rmSync(request.path);
      };
      return { request, call };
    },
  },
  plain('socketListen', 'at a port', () => ({ host: '127.0.0.1', port: 0, backlog: 5 }), {
    release: (fd: number) => closeSync(fd),
  }),
  plain('socketListen', 'nowhere', () => ({ host: 'no..such', port: 1, backlog: 5 }), {
    fails: 'E[A-Z_]+',
    share: 0.25,
  }),
  plain('socketListen', 'in no folder', () => ({ path: '/no/such', mode: 0, backlog: 5 }), {
    fails: 'ENOENT',
  }),
];

const BPF: Pick<LeakCase, 'needs' | 'isAlone' | 'share'> = {
  needs: ['bpf'],
  isAlone: true,
  share: 0.1,
};
const object = () => nativeFile('slapos_task_iter.bpf.o');

/** The module, in whose cases it is there. */
function bpfOf({ bpf }: World): BpfAddon {
  if (bpf === undefined) throw new Error('slapos_bpf.node was not built');
  return bpf;
}

const sampling = (of: 'sampleTasks' | 'sampleUsage'): LeakCase => ({
  of,
  what: 'of users',
  ...BPF,
  share: 0.5,
  prepare: async (world) => {
    const bpf = bpfOf(world);
    const reader = await bpf.openTaskReader({ object: object(), isAccounting: true });
    const request = { reader, uids: [0, 1] };
    return { request, call: () => bpf[of](request) };
  },
});

const READERS_AT_ONCE = 10;
const readers: LeakCase[] = [
  {
    of: 'openTaskReader',
    what: 'and dropped',
    ...BPF,
    prepare: (world) => {
      const bpf = bpfOf(world);
      const request = { object: object(), isAccounting: false };
      let opened = 0;
      const call = async () => {
        await bpf.openTaskReader(request);
        opened += 1;
        // Each holds some of the few descriptors until it is collected.
        if (opened % READERS_AT_ONCE !== 0) return;
        globalThis.gc?.();
        await setImmediate();
      };
      return { request, call };
    },
  },
  {
    of: 'openTaskReader',
    what: 'of no program',
    ...BPF,
    fails: 'E[A-Z]+',
    prepare: (world) => {
      const path = join(world.folder, 'no-program');
      return { call: () => bpfOf(world).openTaskReader({ object: path, isAccounting: false }) };
    },
  },
  sampling('sampleTasks'),
  sampling('sampleUsage'),
];

export const cases: readonly LeakCase[] = [...devices, ...channels, ...peers, ...readers];
