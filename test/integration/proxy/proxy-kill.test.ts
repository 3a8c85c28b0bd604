/** A slice of `npm run campaign -- proxy-kill`. */
import { expect, it } from 'vitest';
import { type DatabaseKind, ProxyKillMachine } from '../../support/proxy-kill.ts';
import { requires } from '../../support/requires.ts';

async function run(kind: DatabaseKind, schedules: number): Promise<void> {
  const seed = Date.now() % 1_000_000;
  const machine = await ProxyKillMachine.start(kind, seed);
  try {
    let acknowledged = 0;
    for (let index = 0; index < schedules; index += 1) {
      const result = await machine.schedule(machine.draw());
      const { faults, problems } = result;
      if (problems.length > 0) {
        const told = { seed, index, faults, problems };
        throw new Error(`${JSON.stringify(told, null, 1)}\n${machine.logs()}`);
      }
      acknowledged += result.acknowledged;
    }
    expect(acknowledged).toBeGreaterThan(schedules);
    expect(await machine.compareFresh()).toEqual([]);
  } finally {
    await machine.stop();
  }
}

requires('netns')('kill -9 under load', () => {
  it('of a proxy on SQLite loses nothing that was acknowledged', { timeout: 180_000 }, async () => {
    await run('sqlite', 5);
  });
});

requires('netns', 'postgres')('kill -9 under load', () => {
  it('of three proxies and of PostgreSQL loses nothing either', { timeout: 180_000 }, async () => {
    await run('postgres', 8);
  });
});
