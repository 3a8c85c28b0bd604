import { afterEach, expect, it } from 'vitest';
import { KillMachine, type ScheduledFault } from '../../support/kill-schedule.ts';
import { requires } from '../../support/requires.ts';

/** All 200 with 500 services: `CAMPAIGN=full npm run campaign -- supervisor-kill`. */
const SERVICES = 60;
const DURATION_MS = 2500;

requires('root', 'netns')('kill schedules', () => {
  let machine: KillMachine;

  afterEach(() => machine.stop());

  it.each<[string, readonly ScheduledFault[]]>([
    ['the controller is killed', [{ fault: 'controller', atMs: 700 }]],
    ['the keeper is killed', [{ fault: 'keeper', atMs: 700 }]],
    ['both are killed', [{ fault: 'both', atMs: 700 }]],
    ['it is upgraded', [{ fault: 'upgrade', atMs: 700 }]],
  ])('keep every service and tell every end when %s', async (_name, faults) => {
    machine = new KillMachine({ services: SERVICES, seed: 1 });
    await machine.start();
    const { problems, ends } = await machine.schedule(faults, DURATION_MS);
    expect(problems).toEqual([]);
    expect(ends).toBeGreaterThan(10);
  });

  it('never lose a service where the kernel does not tell how it ended', async () => {
    machine = new KillMachine({
      services: SERVICES,
      seed: 2,
      keeperArguments: ['--without-exit-information'],
      isEndOftenLost: true,
    });
    await machine.start();
    const { problems } = await machine.schedule([{ fault: 'keeper', atMs: 500 }], DURATION_MS);
    expect(problems).toEqual([]);
    expect(machine.mainLog).toContain('(exit status -1; not expected)');
  });
});
