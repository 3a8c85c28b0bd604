import { expect, it } from 'vitest';
import { coalesce } from '../../../src/host/coalesce.ts';

function gate() {
  const runs: Array<{ readonly end: () => void; readonly fail: (error: Error) => void }> = [];
  const work = () =>
    new Promise<void>((resolve, reject) => runs.push({ end: resolve, fail: reject }));
  return { runs, call: coalesce(work) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

it('gives those who ask meanwhile one run that begins after their call', async () => {
  const { call, runs } = gate();
  const ended: string[] = [];
  const ask = (name: string) => call().then(() => void ended.push(name));
  void ask('first');
  void ask('second');
  void ask('third');
  expect(runs).toHaveLength(1);
  runs[0]?.end();
  await settle();
  expect([ended, runs.length]).toEqual([['first'], 2]);
  void ask('fourth');
  runs[1]?.end();
  await settle();
  expect([ended, runs.length]).toEqual([['first', 'second', 'third'], 3]);
  runs[2]?.end();
  await settle();
  expect(ended).toEqual(['first', 'second', 'third', 'fourth']);
  void ask('fifth');
  expect(runs).toHaveLength(4);
});

it('tells a failure to those who shared the run, and runs again', async () => {
  const { call, runs } = gate();
  const first = call();
  const second = call();
  runs[0]?.fail(new Error('no'));
  await expect(first).rejects.toThrow('no');
  await settle();
  runs[1]?.end();
  await second;
});
