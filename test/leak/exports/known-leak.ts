/** Calls that do leave something behind: whoever does not find these finds none. */
import { closeSync, openSync } from 'node:fs';
import type { RunnableCase } from '../leak-case.ts';

const kept: unknown[] = [];

function leaking(what: string, leak: (world: Parameters<RunnableCase['prepare']>[0]) => unknown) {
  const prepare: RunnableCase['prepare'] = (world) => ({ call: () => kept.push(leak(world)) });
  return { of: 'known leak', what, prepare, isAlone: true };
}

export const knownLeaks: readonly RunnableCase[] = [
  { ...leaking('objects of 2 KB', () => new Array(250).fill(0.5)), share: 5 },
  leaking('memory of malloc', () => Buffer.allocUnsafeSlow(100)),
  {
    ...leaking('one descriptor in four calls', () => 0),
    share: 0.1,
    prepare: () => {
      const fds: number[] = [];
      let calls = 0;
      const call = () => calls++ % 4 === 0 && fds.push(openSync('/dev/null', 'r'));
      return { call, end: () => fds.forEach((fd) => void closeSync(fd)) };
    },
  },
  {
    ...leaking('a timer', () => 0),
    prepare: () => {
      const timers: NodeJS.Timeout[] = [];
      const call = () => timers.push(setTimeout(() => {}, 2 ** 30));
      return { call, end: () => timers.forEach((timer) => void clearTimeout(timer)) };
    },
  },
];
