/** Threads of JavaScript that are ended while calls of theirs are under way. */
import { Worker } from 'node:worker_threads';
import { nativeFile } from '../../../src/host/package/package-files.ts';
import type { LeakCase } from '../leak-case.ts';

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

async function runWorker(): Promise<void> {
  const worker = new Worker(PROGRAM, { eval: true, workerData: nativeFile('slapos_native.node') });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
}

export const cases: readonly LeakCase[] = [
  {
    of: 'spawn',
    what: 'and all that waits, in a worker that is ended',
    share: 0.1,
    isAlone: true,
    isLong: true,
    isNeverStarved: true,
    prepare: () => ({ call: runWorker }),
  },
];
