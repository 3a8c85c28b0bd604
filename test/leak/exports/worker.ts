/** Threads of JavaScript that are ended while calls of theirs are under way. */
import { Worker } from 'node:worker_threads';
import { nativeFile } from '../../../src/host/package/package-files.ts';
import type { LeakCase, World } from '../leak-case.ts';
import { connectPair, socketPath } from './network.ts';

const ADDON = nativeFile('slapos_native.node');

/** Waits, children, samples and a sweep, all of which somebody has to end. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData);
const child = { file: '/bin/true', args: ['true'], env: [], cwd: '/', stdio: ['null', 'null', 'null'] };
addon.logSweepStart(() => {});
addon.logSweepWatch({ path: '/no/such', maxBytes: 10, backups: 1 });
for (let index = 0; index < 4; index += 1) {
  addon.spawn(child).catch(() => {});
  addon.netlinkAwaitAddress({ devices: ['no-such'], timeoutMs: 60000 }).catch(() => {});
  addon.diskUsage({ path: '/proc/self' }).catch(() => {});
  addon.procSample({}).catch(() => {});
}
parentPort.postMessage('started');`;

/** A channel on which both ends have sent what nobody has heard yet. */
const KEEPER_PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData.addon);
addon.keeperConnect({ fd: workerData.fd }, () => {});
for (let index = 0; index < 20; index += 1) addon.keeperSend({ data: Buffer.alloc(60000), fds: [2] });
parentPort.postMessage('started');`;

async function runWorker(program: string, workerData: unknown, act?: () => void): Promise<void> {
  const worker = new Worker(program, { eval: true, workerData });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  act?.();
  await worker.terminate();
}

async function runKeeperWorker(world: World): Promise<void> {
  const pair = await connectPair(socketPath(world));
  const fd = world.addon.fdDuplicate({ fd: pair.fd });
  const talk = () => {
    for (let index = 0; index < 20; index += 1) pair.near.write('a packet');
  };
  await runWorker(KEEPER_PROGRAM, { addon: ADDON, fd }, talk);
  await pair.close();
}

const ENDED: Pick<LeakCase, 'isAlone' | 'isLong' | 'isNeverStarved' | 'share'> = {
  share: 0.1,
  isAlone: true,
  isLong: true,
  isNeverStarved: true,
};

export const cases: readonly LeakCase[] = [
  {
    of: 'spawn',
    what: 'and all that waits, in a worker that is ended',
    ...ENDED,
    // Node-API keeps a block of each of the sixteen promises that a worker leaves open: only settling
    // one frees it, which a worker that ends no longer does.
    bytesPerCall: 500,
    blocksPerCall: 17,
    prepare: () => ({ call: () => runWorker(PROGRAM, ADDON) }),
  },
  {
    of: 'keeperConnect',
    what: 'while both ends speak, in a worker that is ended',
    ...ENDED,
    // Its sockets are Node's, whose caches come and go.
    bytesPerCall: 200,
    prepare: (world) => ({ call: () => runKeeperWorker(world) }),
  },
];
