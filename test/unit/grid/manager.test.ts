import { expect, it } from 'vitest';
import { CancelledError } from '../../../src/errors/slapos-error.ts';
import type { GridContext, ManagedPartition, Manager } from '../../../src/grid/context.ts';
import { eachManager, withTearDown } from '../../../src/grid/manager.ts';

function scene(...managers: Manager[]) {
  const warnings: string[] = [];
  const log = { warning: (text: string) => void warnings.push(text) };
  return {
    warnings,
    context: { managers } as unknown as GridContext,
    partition: { id: 'part1', log } as unknown as ManagedPartition,
  };
}

function manager(name: string, calls: string[], failure?: Error): Manager {
  const hook = async () => {
    calls.push(name);
    if (failure !== undefined) throw failure;
  };
  return { name, asksBy: [], instance: hook, instanceTearDown: hook };
}

it('calls every manager in order and throws the first failure', async () => {
  const calls: string[] = [];
  const { context, partition } = scene(
    manager('a', calls, new Error('a failed')),
    { name: 'b', asksBy: [] },
    manager('c', calls, new Error('c failed')),
  );
  const pass = eachManager(context, (each) => each.instance?.(context, partition));
  await expect(pass).rejects.toThrow('a failed');
  expect(calls).toEqual(['a', 'c']);
});

it('tears down after success, and after a failure without hiding it', async () => {
  const calls: string[] = [];
  const { context, partition, warnings } = scene(manager('a', calls, new Error('torn')));
  await expect(withTearDown(context, partition, async () => 1)).rejects.toThrow('torn');
  const failing = withTearDown(context, partition, () => Promise.reject(new Error('buildout')));
  await expect(failing).rejects.toThrow('buildout');
  expect(calls).toEqual(['a', 'a']);
  expect(warnings).toEqual(['torn Ignoring: the instance failed before.']);
});

it('asks nothing of managers once the pass is cancelled', async () => {
  const calls: string[] = [];
  const cancelled = new CancelledError('SLAPOS_ERR_CANCELLED', 'stop');
  const { context, partition } = scene(manager('a', calls));
  const work = withTearDown(context, partition, () => Promise.reject(cancelled));
  await expect(work).rejects.toBe(cancelled);
  expect(calls).toEqual([]);
});
