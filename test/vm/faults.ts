/**
 * Runs inside the virtual machine of `npm run test:vm -- --scene faults`: a node whose machine is cut,
 * rebooted, jumps in time or runs out of memory. The order comes with each boot.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { attempt, must, say, test } from './console.ts';
import { act, rebootAfter } from './fault-acts.ts';
import { checkNode, nextNumber } from './fault-checks.ts';
import { playClock } from './fault-clock.ts';
import { playMemory } from './fault-memory.ts';
import { bringUp, makeNode, type Order, stopNode } from './fault-node.ts';

/** What the machine before this one did. */
const FORMER = '/var/lib/vm-former';

function readOrder(): Order {
  return JSON.parse(readFileSync('/run/vm/order.json', 'utf8')) as Order;
}

/** The disk has everything. */
async function end(): Promise<void> {
  await stopNode();
  say('finished');
  attempt('sync; busybox poweroff -f');
}

/** No machine: a folder that becomes its disk, and namespaces that end with this process. */
async function prepare(): Promise<void> {
  await test('a node is made', makeNode);
  writeFileSync(FORMER, 'the node was made');
  await stopNode();
}

async function play(order: Order): Promise<void> {
  if (order.act === 'prepare') return prepare();
  if (order.isFirst) {
    say(`kernel ${release()}`);
    await test('the node comes up', bringUp);
  } else await checkNode(order, readFileSync(FORMER, 'utf8'));
  const former = order.end === undefined ? `${order.act}` : `a ${order.end} during ${order.act}`;
  writeFileSync(FORMER, former);
  must('sync');
  if (order.act === 'clock') await playClock();
  if (order.act === 'memory') await playMemory();
  if (order.end === undefined) return end();
  if (order.end === 'reboot') void rebootAfter(order.afterMs ?? 0);
  await act(order.act, nextNumber());
}

play(readOrder()).catch((error: Error) => {
  say(`not ok the guest: ${error.stack}`);
  attempt('sync; busybox poweroff -f');
});
