/** A slice of `npm run campaign -- leaks`: verbs that run over and over in one process stay flat. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LeakProgram } from '../../leak/run-program.ts';
import { listVerbs, runVerb } from '../../leak/run-verbs.ts';

const PASSES = 60;

let program: LeakProgram;
beforeAll(async () => {
  program = await LeakProgram.build('verb-program');
});
afterAll(() => program.remove());

it.each(['instance', 'controller'])(
  '%s leaves nothing behind',
  {
    timeout: 300_000,
  },
  async (name) => {
    const { passes, problems } = await runVerb(program, name, PASSES);
    expect(problems).toEqual([]);
    expect(passes).toBe(PASSES);
  },
);

it('the verbs have names of their own', async () => {
  const names = await listVerbs(program);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(10);
});
