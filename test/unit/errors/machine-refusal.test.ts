import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeRefusal, machineHint } from '../../../src/errors/machine-refusal.ts';
import { HostError } from '../../../src/errors/slapos-error.ts';

/** What a call throws. */
function caught(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

it('tells what the machine refuses as no mistake of ours', () => {
  // proc_pid_mem(5): nothing is mapped at the start.
  const error = caught(() => readFileSync('/proc/self/mem'));
  expect(describeRefusal(error)).toMatchObject({
    code: 'SLAPOS_ERR_HOST',
    message: expect.stringContaining('EIO'),
    hint: machineHint('EIO'),
    syscall: 'read',
    exitCode: 1,
  });
});

it.each([
  new TypeError('x is undefined'),
  Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' }),
  Object.assign(new Error('odd'), { code: 'constructor' }),
  new HostError('SLAPOS_ERR_FILE', 'Cannot write /x: EIO.', { syscall: 'write' }),
  undefined,
])('leaves %s as it is', (error) => {
  expect(describeRefusal(error)).toBe(error);
});
